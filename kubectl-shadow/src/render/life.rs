//! What goes on now and for how long: one line, for a person who waits. Guarantee: the time is counted by the clock of the
//! machine on which a person reads it, from the moment at which it was first seen.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use kube::ResourceExt;
use shadow_core::api::{MigrationStatus, StatefulMigration, Step};
use shadow_core::names;

/// So long after its order a migration may be unseen without anything being wrong.
const JUST_NOW: Duration = Duration::from_secs(10);

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
    pub fn line(
        &mut self,
        migration: Option<&StatefulMigration>,
        at: Instant,
        now: Timestamp,
    ) -> (String, u64) {
        let doing = doing(migration);
        let since = match self.now {
            Some((before, since)) if before == doing => since,
            Some(_) | None => at,
        };
        self.now = Some((doing, since));
        let seen = at.duration_since(since);
        // A clock that is behind that of the API server does not make it young for ever.
        let ordered = ordered(migration, now).unwrap_or_default().max(seen);
        let seconds = seen.as_secs();
        (
            format!("{seconds:>8}s  {}", said(migration, Some(ordered))),
            seconds,
        )
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
pub fn present(migration: Option<&StatefulMigration>, now: Timestamp) -> String {
    said(migration, ordered(migration, now))
}

/// How long ago it was ordered, if that is known.
fn ordered(migration: Option<&StatefulMigration>, now: Timestamp) -> Option<Duration> {
    let created = migration?.creation_timestamp()?.0;
    Some(Duration::try_from(now.duration_since(created)).unwrap_or_default())
}

fn said(migration: Option<&StatefulMigration>, ordered: Option<Duration>) -> String {
    let status = migration.and_then(|migration| migration.status.as_ref());
    match (doing(migration), status) {
        (Doing::Step(..), Some(status)) => step(status),
        (Doing::InLine, Some(status)) => in_line(status),
        (Doing::Prepared, _) => {
            "being prepared: pod, nodes and broker are asked, and nothing is touched yet".to_owned()
        }
        (Doing::Unseen | Doing::Step(..) | Doing::InLine, _) => unseen(ordered),
    }
}

fn unseen(ordered: Option<Duration>) -> String {
    match ordered {
        Some(ago) if ago < JUST_NOW => "ordered just now: the controller takes it up next".to_owned(),
        Some(_) | None => format!(
            "not begun: the controller has not seen it yet (is it running? kubectl -n {} get pods)",
            names::SYSTEM_NAMESPACE
        ),
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
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
    use serde_json::{Value, json};

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_767_323_045 + seconds).unwrap()
    }

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
        let said = present(Some(&waiting(3)), Timestamp::UNIX_EPOCH);
        assert!(
            said.starts_with("waits for its turn since 03:04:05 UTC: 2 moves are under way"),
            "{said}"
        );
        assert!(!said.contains("controller"), "{said}");
    }

    #[test]
    fn only_one_that_nobody_has_taken_up_is_not_begun() {
        let unseen = migration(&[], Value::Null);
        assert!(present(Some(&unseen), at(0)).contains("is it running?"));
        let taken_up = migration(&[names::FINALIZER], Value::Null);
        assert!(present(Some(&taken_up), at(0)).contains("being prepared"));
    }

    #[test]
    fn whether_the_controller_runs_is_asked_only_when_it_had_its_time() {
        let mut ordered = migration(&[], Value::Null);
        ordered.metadata.creation_timestamp = Some(Time(at(0)));
        for (now, is_asked) in [(-60, false), (0, false), (9, false), (10, true), (3600, true)] {
            let said = present(Some(&ordered), at(now));
            assert_eq!(said.contains("is it running?"), is_asked, "{now}: {said}");
            assert_eq!(said.contains("ordered just now"), !is_asked, "{now}: {said}");
        }
        let (mut life, begin) = (Life::default(), Instant::now());
        let behind = at(-3600);
        assert!(
            life.line(Some(&ordered), begin, behind)
                .0
                .contains("ordered just now")
        );
        let later = begin + Duration::from_secs(10);
        assert!(
            life.line(Some(&ordered), later, behind)
                .0
                .contains("is it running?")
        );
    }

    #[test]
    fn the_time_is_counted_from_the_first_sight_of_the_same() {
        let mut life = Life::default();
        let begin = Instant::now();
        let mut line = |migration: &StatefulMigration, seconds| {
            life.line(Some(migration), begin + Duration::from_secs(seconds), at(0))
        };
        assert_eq!(line(&waiting(3), 0).1, 0);
        let (said, seconds) = line(&waiting(2), 12);
        assert_eq!(seconds, 12, "another place in line is the same wait");
        assert!(
            said.contains("12s  waits") && said.contains("2 moves of its namespace"),
            "{said}"
        );
        let step = json!([{"step": "Hold", "leg": 2, "started": "2026-01-02T03:04:05.000000Z"}]);
        let held = migration(&[names::FINALIZER], json!({"handoff": "2/2", "steps": step}));
        let (said, seconds) = line(&held, 13);
        assert_eq!(
            (seconds, said.as_str()),
            (0, "       0s  in step Hold, handoff 2 of 2")
        );
    }
}
