//! The user cancels, or the deadline runs out.

use shadow_core::machine::limits;
use shadow_core::reason::Reason;

use super::{REVERSIBLE, at, kinds, undone};

#[test]
fn a_wish_to_cancel_and_the_deadline_undo_the_move_in_every_step_before_the_commit() {
    for kind in kinds() {
        for step in REVERSIBLE {
            let mut case = at(kind, step);
            let late = case.after(i64::from(limits::DEADLINE_SECONDS) + 1);
            undone(
                &late,
                Reason::DeadlineExceeded,
                "spec.deadlineSeconds",
                &format!("{kind:?} {step:?}"),
            );
            case.seen.cancel = true;
            undone(
                &case.after(1),
                Reason::Cancelled,
                "source goes on",
                &format!("{kind:?} {step:?}"),
            );
        }
    }
}
