//! What follows from the premises.

use super::{ALL, Class, Premise, Told, Weight, World};
use crate::machine::Cause;
use crate::reason::Reason;

/// What was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Judgement {
    /// Each premise that applies, for the status.
    pub told: Vec<Told>,
    /// What follows.
    pub finding: Finding,
}

/// What follows.
#[derive(Clone, Debug, PartialEq)]
pub enum Finding {
    /// The handoff is exact if nothing contradicts it until the commit.
    Exact,
    /// It is not exact; a policy may allow it.
    Inexact {
        /// What may happen to messages.
        why: String,
        /// What would make it exact.
        way_out: String,
    },
    /// It is refused.
    Refused(Cause),
}

/// Weighs every premise that applies.
pub fn judge(world: &World) -> Judgement {
    #[cfg(test)]
    if let Some(faulty) = super::mutant::judge(world) {
        return faulty;
    }
    judge_by(|premise| premise.weigh(world))
}

/// The same by another scale: tests take one premise off it.
pub(super) fn judge_by(weigh: impl Fn(Premise) -> Option<Weight>) -> Judgement {
    let weighed: Vec<(Premise, Weight)> = ALL
        .iter()
        .filter_map(|premise| Some((*premise, weigh(*premise)?)))
        .collect();
    let told = weighed
        .iter()
        .map(|(premise, weight)| Told::of(*premise, weight))
        .collect();
    let refused = weighed
        .iter()
        .find_map(|(premise, weight)| refusal(*premise, weight));
    let finding = refused.map_or_else(|| inexact(&weighed), Finding::Refused);
    Judgement { told, finding }
}

fn refusal(premise: Premise, weight: &Weight) -> Option<Cause> {
    match (premise.class(), weight) {
        (Class::Told, _) | (_, Weight::Seen { .. }) | (Class::Allowable, Weight::Contradicted { .. }) => None,
        (Class::Required(reason), Weight::Contradicted { what, way_out, .. }) => {
            Some(Cause::new(reason, sentence(what, way_out)))
        }
        (Class::Required(_) | Class::Allowable, Weight::NotKnown { by, why, way_out }) => Some(Cause::new(
            Reason::NotKnown,
            format!("not known whether {premise} ({by}): {}", sentence(why, way_out)),
        )),
    }
}

fn inexact(weighed: &[(Premise, Weight)]) -> Finding {
    let mut against: Vec<(&str, &str)> = Vec::new();
    for (premise, weight) in weighed {
        match (premise.class(), weight) {
            (Class::Allowable, Weight::Contradicted { what, way_out, .. }) => against.push((what, way_out)),
            (Class::Allowable, Weight::Seen { .. } | Weight::NotKnown { .. })
            | (Class::Required(_) | Class::Told, _) => {}
        }
    }
    if against.is_empty() {
        return Finding::Exact;
    }
    let [why, way_out] = [
        against.iter().map(|(what, _)| *what).collect::<Vec<_>>(),
        against.iter().map(|(_, way_out)| *way_out).collect(),
    ]
    .map(|parts| parts.join("; "));
    Finding::Inexact { why, way_out }
}

fn sentence(what: &str, way_out: &str) -> String {
    let mut letters = way_out.chars();
    let capital: String = letters
        .next()
        .map(|first| first.to_uppercase().collect())
        .unwrap_or_default();
    format!("{what}. {capital}{}", letters.as_str())
}
