//! What goes on now and for how long: one line, for a person who waits. Guarantee: the time is counted by the clock of the
//! machine on which a person reads it, from the moment at which it was first seen.

use std::time::Instant;

use kube::ResourceExt;
use shadow_core::api::{MigrationStatus, StatefulMigration, Step};
use shadow_core::names;

/// What was going on at the last look.
#[derive(Debug, Default)]
pub struct Life {
    now: Option<(Doing, Instant)>,
}

/// What cannot change without a word on what comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Doing {
    Unseen,
    Prepared,
    InLine,
    Step(Step, u8),
}

impl Life {
    /// The line, and for how long the same goes on, in seconds.
    pub fn line(&mut self, migration: Option<&StatefulMigration>, at: Instant) -> (String, u64) {
        let doing = doing(migration);
        let since = match self.now {
            Some((before, since)) if before == doing => since,
            Some(_) | None => at,
        };
        self.now = Some((doing, since));
        let seconds = at.duration_since(since).as_secs();
        (format!("{seconds:>8}s  {}", present(migration)), seconds)
    }
}

fn doing(migration: Option<&StatefulMigration>) -> Doing {
    let status = migration.and_then(|migration| migration.status.as_ref());
    if let Some(record) = status.and_then(|status| status.steps.last()) {
        return Doing::Step(record.step, record.leg);
    }
    match status.and_then(|status| status.waiting.as_ref()) {
        Some(_) => Doing::InLine,
        None if migration.is_some_and(is_taken_up) => Doing::Prepared,
        None => Doing::Unseen,
    }
}

/// What goes on now, as half a sentence.
pub fn present(migration: Option<&StatefulMigration>) -> String {
    let status = migration.and_then(|migration| migration.status.as_ref());
    match (doing(migration), status) {
        (Doing::Step(..), Some(status)) => step(status),
        (Doing::InLine, Some(status)) => in_line(status),
        (Doing::Prepared, _) => {
            "being prepared: pod, nodes and broker are asked, and nothing is touched yet".to_owned()
        }
        (Doing::Unseen | Doing::Step(..) | Doing::InLine, _) => {
            "not begun: the controller has not seen it yet (is it running?)".to_owned()
        }
    }
}

/// The controller's first act.
fn is_taken_up(migration: &StatefulMigration) -> bool {
    migration.finalizers().iter().any(|one| one == names::FINALIZER)
}

fn in_line(status: &MigrationStatus) -> String {
    let since = status.waiting.as_ref().map(|waiting| waiting.since.0);
    let since = since.map(|since| format!(" since {}", since.strftime("%H:%M:%S UTC")));
    format!(
        "waits for its turn{}{}",
        since.unwrap_or_default(),
        reason(status).map(|why| format!(": {why}")).unwrap_or_default()
    )
}

fn step(status: &MigrationStatus) -> String {
    let Some(record) = status.steps.last() else {
        return String::new();
    };
    let handoff = match (record.leg, &status.handoff) {
        (0, _) => String::new(),
        (_, Some(of)) => format!(", handoff {}", of.replace('/', " of ")),
        (leg, None) => format!(", handoff {leg}"),
    };
    let why = reason(status).or(record.note.as_deref());
    let why = why.map(|why| format!(" ({why})")).unwrap_or_default();
    format!("in step {}{handoff}{why}", record.step)
}

/// For what it waits.
fn reason(status: &MigrationStatus) -> Option<&str> {
    let waiting = |c: &&k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition| {
        c.type_ == "Progressing" && c.reason == "Waiting"
    };
    let condition = status.conditions.iter().find(waiting);
    condition.map(|condition| condition.message.as_str())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::{Value, json};

    use super::*;

    fn migration(finalizers: &[&str], status: Value) -> StatefulMigration {
        serde_json::from_value(json!({
            "apiVersion": "migration.ms2m.io/v1alpha1", "kind": "StatefulMigration",
            "metadata": {"name": "m", "finalizers": finalizers}, "spec": {"sourcePod": "orders-0"}, "status": status,
        }))
        .unwrap()
    }

    fn waiting(before: u32) -> StatefulMigration {
        let message = format!("2 moves are under way; {before} moves of its namespace wait before it");
        migration(
            &[names::FINALIZER],
            json!({
                "waiting": {"for": "MovesPerCluster", "underWay": 2, "before": before, "since": "2026-01-02T03:04:05.000000Z"},
                "conditions": [{"type": "Progressing", "status": "True", "reason": "Waiting", "message": message,
                    "lastTransitionTime": "2026-01-02T03:04:05Z"}],
            }),
        )
    }

    #[test]
    fn one_that_waits_says_so_and_since_when() {
        let said = present(Some(&waiting(3)));
        assert!(
            said.starts_with("waits for its turn since 03:04:05 UTC: 2 moves are under way"),
            "{said}"
        );
        assert!(!said.contains("controller"), "{said}");
    }

    #[test]
    fn only_one_that_nobody_has_taken_up_is_not_begun() {
        let unseen = migration(&[], Value::Null);
        assert!(present(Some(&unseen)).contains("is it running?"));
        let taken_up = migration(&[names::FINALIZER], Value::Null);
        assert!(present(Some(&taken_up)).contains("being prepared"));
    }

    #[test]
    fn the_time_is_counted_from_the_first_sight_of_the_same() {
        let mut life = Life::default();
        let begin = Instant::now();
        let at = |seconds| begin + Duration::from_secs(seconds);
        assert_eq!(life.line(Some(&waiting(3)), at(0)).1, 0);
        let (line, seconds) = life.line(Some(&waiting(2)), at(12));
        assert_eq!(seconds, 12, "another place in line is the same wait");
        assert!(
            line.contains("12s  waits") && line.contains("2 moves of its namespace"),
            "{line}"
        );
        let step = json!([{"step": "Hold", "leg": 2, "started": "2026-01-02T03:04:05.000000Z"}]);
        let held = migration(&[names::FINALIZER], json!({"handoff": "2/2", "steps": step}));
        let (line, seconds) = life.line(Some(&held), at(13));
        assert_eq!(
            (seconds, line.as_str()),
            (0, "       0s  in step Hold, handoff 2 of 2")
        );
    }
}
