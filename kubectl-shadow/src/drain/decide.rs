//! What a person has to decide in a drain, with the words to type.

use super::row::{Row, State};
use super::sort::What;
use super::standing::{Stage, Standing};
use crate::view::model::state::State as Move;

/// One sentence for each thing to decide, the most pressing first; none while there is nothing.
pub fn to_decide(standing: &Standing, rows: &[&Row]) -> Vec<String> {
    let mut lines: Vec<(u8, String)> = rows.iter().filter_map(|row| of_row(standing, row)).collect();
    lines.sort();
    let problem = standing.problem.clone().into_iter();
    let rest = rest(standing, rows);
    problem
        .chain(lines.into_iter().map(|(_, line)| line))
        .chain(rest)
        .collect()
}

/// With a number that puts the gravest first.
fn of_row(standing: &Standing, row: &Row) -> Option<(u8, String)> {
    let id = row.id();
    let again = format!(
        "kubectl shadow drain {} --evict-rest --skip-blocked",
        standing.node
    );
    match row.state {
        State::Move(Move::Stuck) => Some((0, format!("{id} is stuck: {}", row.why))),
        State::Blocked => Some((
            1,
            format!(
                "{id}: its eviction is asked for every 5 s: {}. To leave it, type: {again}",
                row.why
            ),
        )),
        State::Refused => Some((2, format!("{id} is not moved: {}", row.why))),
        State::Move(_)
        | State::Planning
        | State::Ready
        | State::Stays
        | State::Leaving
        | State::Gone
        | State::Stopped => None,
    }
}

/// What was not asked for is left; that can be told once all else is done.
fn rest(standing: &Standing, rows: &[&Row]) -> Option<String> {
    let node = &standing.node;
    let is_left = |row: &&&Row| row.what == What::Evict && row.state == State::Ready;
    let left = rows.iter().filter(is_left).count();
    let is_over = standing.stage == Stage::Over && !standing.stopped;
    (is_over && !standing.evict_rest && left > 0).then(|| {
        format!(
            "{left} pods that are not consumers are still there. To evict them, type: kubectl shadow drain {node} --evict-rest"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(pod: &str, what: What, state: State, why: &str) -> Row {
        Row {
            what,
            namespace: "shop".to_owned(),
            pod: pod.to_owned(),
            uid: pod.to_owned(),
            to: None,
            state,
            why: why.to_owned(),
            migration: None,
            expected: None,
            ending: None,
        }
    }

    #[test]
    fn what_is_stuck_comes_before_what_is_blocked_and_what_is_refused() {
        let rows = [
            row("job", What::Move, State::Refused, "belongs to Job report"),
            row("web", What::Evict, State::Blocked, "budget web: 0 left"),
            row("ledger", What::Move, State::Move(Move::Stuck), "2 consumers"),
            row("orders", What::Move, State::Move(Move::Exact), "as wanted"),
        ];
        let rows: Vec<&Row> = rows.iter().collect();
        let standing = Standing {
            node: "node-a".to_owned(),
            ..Standing::default()
        };
        let said = to_decide(&standing, &rows);
        let begins = [
            "shop/ledger is stuck",
            "shop/web: its eviction",
            "shop/job is not moved",
        ];
        assert_eq!(said.len(), begins.len(), "{said:?}");
        for (line, begin) in said.iter().zip(begins) {
            assert!(line.starts_with(begin), "{line}");
        }
    }

    #[test]
    fn what_is_left_is_told_at_the_end_and_not_before() {
        let web = row("web", What::Evict, State::Ready, "not a consumer");
        let told = |stage, evict_rest, stopped| {
            let standing = Standing {
                node: "node-a".to_owned(),
                stage,
                evict_rest,
                stopped,
                problem: None,
            };
            to_decide(&standing, &[&web]).join(" ")
        };
        assert!(told(Stage::Over, false, false).contains("kubectl shadow drain node-a --evict-rest"));
        for (stage, evict_rest, stopped) in [
            (Stage::Running, false, false),
            (Stage::Over, true, false),
            (Stage::Over, false, true),
        ] {
            assert_eq!(
                told(stage, evict_rest, stopped),
                "",
                "{stage:?} {evict_rest} {stopped}"
            );
        }
    }
}
