//! How a drain ended, and what is to be typed next.

use super::row::{Row, State};
use super::sort::What;
use crate::ending::Ending;
use crate::view::model::state::State as Move;

/// The exit code: that of the worst of all pods, or that it was stopped.
pub fn ending(rows: &[Row], stopped: bool) -> Ending {
    if stopped {
        return Ending::Interrupted;
    }
    let endings = rows.iter().filter_map(of_row);
    endings.fold(Ending::Done, Ending::worse)
}

/// The exit code of a drain that was only planned.
pub fn ending_of_plan(rows: &[Row]) -> Ending {
    let refused = rows.iter().any(|row| row.state == State::Refused);
    let unplanned = rows.iter().any(|row| row.state == State::Planning);
    match (unplanned, refused) {
        (true, _) => Ending::Interrupted,
        (false, true) => Ending::Failed,
        (false, false) => Ending::Done,
    }
}

fn of_row(row: &Row) -> Option<Ending> {
    match row.state {
        State::Refused => Some(Ending::Failed),
        State::Blocked | State::Planning | State::Ready | State::Leaving => match row.what {
            // What was not asked for is not missing.
            What::Evict if matches!(row.state, State::Ready | State::Leaving) => None,
            What::Evict | What::Move => Some(Ending::Unknown),
            What::Stay => None,
        },
        State::Move(_) => Some(row.ending.unwrap_or(Ending::Unknown)),
        State::Stays | State::Gone | State::Stopped => None,
    }
}

/// The last lines: what was done, and what is left to do.
pub fn summary(node: &str, rows: &[Row], stopped: bool) -> Vec<String> {
    let count = |which: &dyn Fn(&Row) -> bool| rows.iter().filter(|row| which(row)).count();
    let to_move = count(&|row| row.what == What::Move);
    let exact = count(&|row| row.state == State::Move(Move::Exact));
    let inexact = count(&|row| row.state == State::Move(Move::Inexact));
    let evicted = count(&|row| row.what == What::Evict && row.state == State::Gone);
    let left = count(&|row| row.what == What::Evict && row.state != State::Gone);
    let stay = count(&|row| row.what == What::Stay);
    let mut lines = vec![format!(
        "{node}: {exact} of {to_move} consumers were moved and proven exact{}; {evicted} pods were evicted; {stay} pods stay",
        if inexact == 0 {
            String::new()
        } else {
            format!(", {inexact} moved and not proven exact")
        }
    )];
    for row in rows.iter().filter(|row| row.state == State::Refused) {
        lines.push(format!("{} was not moved: {}", row.id(), row.why));
    }
    if stopped {
        lines.push(format!(
            "stopped as asked. To go on, type: kubectl shadow drain {node}"
        ));
    } else if left > 0 {
        lines.push(format!(
            "{left} pods that are not consumers are still there. To evict them, type: kubectl shadow drain {node} --evict-rest"
        ));
    }
    lines.push(format!(
        "{node} takes no new pods. To let it take some again, type: kubectl uncordon {node}"
    ));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(what: What, state: State, ending: Option<Ending>) -> Row {
        Row {
            what,
            namespace: "shop".to_owned(),
            pod: "orders-0".to_owned(),
            uid: "u".to_owned(),
            to: None,
            state,
            why: String::new(),
            migration: None,
            expected: None,
            ending,
        }
    }

    #[test]
    fn the_exit_code_is_that_of_the_worst_pod() {
        let exact = || row(What::Move, State::Move(Move::Exact), Some(Ending::Done));
        let cases = [
            (vec![exact()], Ending::Done),
            (vec![exact(), row(What::Stay, State::Stays, None)], Ending::Done),
            (vec![exact(), row(What::Evict, State::Ready, None)], Ending::Done),
            (
                vec![exact(), row(What::Move, State::Refused, None)],
                Ending::Failed,
            ),
            (
                vec![exact(), row(What::Evict, State::Blocked, None)],
                Ending::Unknown,
            ),
            (
                vec![
                    row(What::Move, State::Refused, None),
                    row(What::Move, State::Move(Move::Inexact), Some(Ending::MemoryLost)),
                ],
                Ending::MemoryLost,
            ),
            (
                vec![row(What::Move, State::Move(Move::Moving), None)],
                Ending::Unknown,
            ),
        ];
        for (number, (rows, wanted)) in cases.into_iter().enumerate() {
            assert_eq!(ending(&rows, false), wanted, "case {number}");
            assert_eq!(ending(&rows, true), Ending::Interrupted, "case {number}");
        }
    }

    #[test]
    fn a_pod_whose_migration_is_gone_is_settled_and_not_known() {
        let mut gone = row(What::Move, State::Move(Move::Moving), None);
        gone.deleted("orders-0-x");
        assert!(gone.state.is_settled());
        assert_eq!(ending(&[gone], false), Ending::Unknown);
    }

    #[test]
    fn a_plan_ends_well_if_every_consumer_can_be_moved() {
        let ready = || row(What::Move, State::Ready, None);
        assert_eq!(ending_of_plan(&[ready()]), Ending::Done);
        let refused = row(What::Move, State::Refused, None);
        assert_eq!(ending_of_plan(&[ready(), refused.clone()]), Ending::Failed);
        let unplanned = row(What::Move, State::Planning, None);
        assert_eq!(ending_of_plan(&[refused, unplanned]), Ending::Interrupted);
    }

    #[test]
    fn what_is_left_is_told_with_what_to_type() {
        let rows = [
            row(What::Move, State::Move(Move::Exact), Some(Ending::Done)),
            row(What::Evict, State::Ready, None),
        ];
        let said = summary("node-a", &rows, false).join("\n");
        for part in [
            "1 of 1 consumers were moved",
            "--evict-rest",
            "kubectl uncordon node-a",
        ] {
            assert!(said.contains(part), "{said}");
        }
        let stopped = summary("node-a", &[row(What::Move, State::Stopped, None)], true).join("\n");
        assert!(
            stopped.contains("To go on, type: kubectl shadow drain node-a"),
            "{stopped}"
        );
    }
}
