//! The premises once more, before the commit.

use super::{ALL, Class, Outcome, Premise, Told, Weight, World};
use crate::machine::Cause;
use crate::reason::Reason;

/// What has come to contradict a premise since the move was planned, while the queue was held; the first of it. What a policy
/// allowed was known before. What the broker does not tell yet is no contradiction: it was seen before the hold.
pub fn since(planned: &[Told], world: &World) -> Option<Cause> {
    ALL.into_iter().find_map(|premise| {
        let Weight::Contradicted { what, way_out, .. } = premise.weigh(world)? else {
            return None;
        };
        let forbids = match premise.class() {
            Class::Required(_) => true,
            Class::Allowable => !was_contradicted(planned, premise),
            Class::Told => false,
        };
        forbids.then(|| {
            let message = format!("since the move was planned it is no longer so that {premise}: {what}. Before another move: {way_out}");
            Cause::new(Reason::PremiseBroken, message)
        })
    })
}

fn was_contradicted(planned: &[Told], premise: Premise) -> bool {
    planned
        .iter()
        .any(|told| told.premise == premise && told.outcome == Outcome::Contradicted)
}
