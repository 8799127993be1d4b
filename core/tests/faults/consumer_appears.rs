//! A consumer that does not belong to the move takes messages before the commit.

use shadow_core::api::{HoldKind, Step};
use shadow_core::machine::QueueSeen;
use shadow_core::reason::Reason;

use super::{at, kinds, undone};

/// What a consumer of the primary queue took is not in the copy's memory.
#[test]
fn a_consumer_that_appears_before_the_commit_undoes_the_move() {
    for kind in kinds() {
        if kind.hold == HoldKind::SingleActive {
            // Its queue serves nobody beside our own consumer.
            continue;
        }
        let mut case = at(kind, Step::Commit);
        let queue = |consumers| QueueSeen::Present {
            ready: 3,
            consumers,
            unacked: None,
        };
        for (primary, backlog) in [(queue(1), QueueSeen::Absent), (queue(0), queue(1))] {
            let fenced = backlog != QueueSeen::Absent;
            case.status.fence =
                fenced.then(|| shadow_core::api::Fence::new(case.status.legs.last().unwrap().key.clone()));
            (case.seen.primary, case.seen.backlog) = (primary, backlog);
            undone(
                &case.after(1),
                Reason::UnexpectedConsumer,
                "1 consumers appeared",
                &format!("{kind:?}, fenced: {fenced}"),
            );
        }
    }
}
