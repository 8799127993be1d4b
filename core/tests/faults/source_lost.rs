//! The source is not what it was: deleted, replaced, evicted, ended, or its consumer ended.

use shadow_core::api::{HoldKind, Step};
use shadow_core::machine::{LinkSeen, PodSeen, PodView};
use shadow_core::reason::Reason;

use super::{REVERSIBLE, at, fates, kinds, source, undone};

#[test]
fn whatever_becomes_of_the_source_before_the_commit_undoes_the_move() {
    let restarted = PodSeen::Present(PodView {
        restarts: 1,
        ..source()
    });
    let fates: Vec<_> = fates(&source())
        .into_iter()
        .chain([(restarted, "restarted")])
        .collect();
    for kind in kinds() {
        for step in REVERSIBLE {
            for (fate, word) in &fates {
                let mut case = at(kind, step);
                case.seen.from = fate.clone();
                undone(
                    &case.after(1),
                    Reason::SourceChanged,
                    word,
                    &format!("{kind:?} {step:?} {fate:?}"),
                );
            }
        }
    }
}

/// What it had in hand may be with a consumer that is dead and first in line.
#[test]
fn a_consumer_that_ended_while_its_queue_was_held_undoes_the_move_and_is_named() {
    let trap = "nobody lists consumer app; transfer_leadership";
    for kind in kinds() {
        if kind.hold != HoldKind::SingleActive {
            continue;
        }
        for step in [Step::Hold, Step::Commit] {
            let mut case = at(kind, step);
            case.seen.link = LinkSeen::Trapped(trap.into());
            undone(
                &case.after(1),
                Reason::ConsumerEnded,
                trap,
                &format!("{kind:?} {step:?}"),
            );
        }
    }
}
