//! What scripts written for the reference system read in a status: the same fields, from what the machine has recorded.
//! Pure; nothing is decided by them.
//!
//! Guarantee: the phases' times are those of `status.steps`, so that their sum is the time from start to end. The reference
//! system knows no time of `Pending`; it is in the sum here, since a copy's pod is made in it.

use std::collections::BTreeMap;

use k8s_openapi::jiff::SignedDuration;

use crate::api::{Leg, MigrationStatus, OwnerKind, Phase, StatefulMigrationSpec};
use crate::machine::Route;

/// The fields of a status that stand there for such scripts.
pub const STATUS_FIELDS: [&str; 9] = [
    "targetNode",
    "phaseTimings",
    "targetPod",
    "replacementPod",
    "checkpointID",
    "containerName",
    "statefulSetName",
    "deploymentName",
    "originalReplicas",
];

/// Phases that take time, in their order.
const TIMED: [Phase; 6] = [
    Phase::Pending,
    Phase::Checkpointing,
    Phase::Transferring,
    Phase::Restoring,
    Phase::Replaying,
    Phase::Finalizing,
];

/// Fills them in.
pub fn fill(spec: &StatefulMigrationSpec, status: &mut MigrationStatus) {
    status.target_node.clone_from(&spec.target_node);
    status.phase_timings = timings(status);
    status.target_pod = target_pod(status);
    status.checkpoint_id = status
        .legs
        .iter()
        .rfind(|leg| leg.checkpoint.is_some())
        .map(|leg| leg.key.to_string());
    let Some(plan) = &status.plan else { return };
    status.target_node = Some(plan.target_node.clone());
    status.container_name = Some(plan.container.clone());
    status.replacement_pod = replacement(Route::of(plan), status).then(|| plan.source.name.clone());
    match &plan.owner {
        Some(owner) if owner.kind == OwnerKind::StatefulSet => {
            status.stateful_set_name = Some(owner.name.clone());
            status.original_replicas = owner.replicas;
        }
        Some(owner) => status.deployment_name.clone_from(&owner.deployment),
        None => {}
    }
}

/// How long each phase took, in all handoffs together, but for the present one. One that a move passed over took no time; of a move
/// that was undone, only what it came to is named.
fn timings(status: &MigrationStatus) -> BTreeMap<String, String> {
    let mut spent: BTreeMap<Phase, SignedDuration> = BTreeMap::new();
    if status.phase == Phase::Completed {
        spent.extend(TIMED.map(|phase| (phase, SignedDuration::ZERO)));
    }
    for step in &status.steps {
        if let Some(end) = &step.finished {
            *spent.entry(step.phase).or_default() += end.0.duration_since(step.started.0);
        }
    }
    if let Some(open) = status.steps.last().filter(|step| step.finished.is_none()) {
        spent.remove(&open.phase);
    }
    let told = spent
        .into_iter()
        .map(|(phase, took)| (format!("{phase:?}"), go_duration(took)));
    told.collect()
}

/// Of one handoff, a copy counts as long as it is not undone.
fn target_pod(status: &MigrationStatus) -> Option<String> {
    let last = status.legs.last()?;
    let counts = |leg: &&Leg| {
        let stays = leg.committed.is_some() || (status.rollback.is_none() && leg.key == last.key);
        stays && leg.restore_micros.is_some()
    };
    let restored = if status.phase == Phase::Completed {
        Some(last)
    } else {
        status.legs.iter().rfind(counts)
    };
    restored.map(|leg| leg.to.pod.clone())
}

fn replacement(route: Route, status: &MigrationStatus) -> bool {
    let restored = |leg: &Leg| leg.number > 1 && leg.restore_micros.is_some();
    route == Route::Twice && status.legs.last().is_some_and(restored)
}

/// As Go prints a duration that is rounded to milliseconds.
fn go_duration(took: SignedDuration) -> String {
    let millis = (took.as_micros().max(0) + 500) / 1_000;
    if millis == 0 {
        return "0s".to_owned();
    }
    if millis < 1_000 {
        return format!("{millis}ms");
    }
    let (seconds, rest) = (millis / 1_000, millis % 1_000);
    let (hours, minutes) = (seconds / 3_600, seconds / 60 % 60);
    let fraction = format!(".{rest:03}");
    let fraction = fraction.trim_end_matches('0').trim_end_matches('.');
    let seconds = format!("{}{fraction}s", seconds % 60);
    match (hours, minutes) {
        (0, 0) => seconds,
        (0, _) => format!("{minutes}m{seconds}"),
        _ => format!("{hours}h{minutes}m{seconds}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn durations_are_printed_as_go_prints_them() {
        for (micros, printed) in [
            (0, "0s"),
            (499, "0s"),
            (500, "1ms"),
            (412_000, "412ms"),
            (999_600, "1s"),
            (1_234_000, "1.234s"),
            (1_230_400, "1.23s"),
            (59_999_400, "59.999s"),
            (60_000_000, "1m0s"),
            (60_500_000, "1m0.5s"),
            (3_600_000_000, "1h0m0s"),
            (5_025_040_000, "1h23m45.04s"),
        ] {
            assert_eq!(
                go_duration(SignedDuration::from_micros(micros)),
                printed,
                "{micros}"
            );
        }
    }

    fn at(millis: u32) -> String {
        format!(
            "2026-11-29T10:{:02}:{:02}.{:03}000Z",
            millis / 60_000,
            millis / 1_000 % 60,
            millis % 1_000
        )
    }

    /// Steps in a row, each with its handoff, its phase and the milliseconds that it took; the last one goes on if it took `None`.
    fn steps(all: &[(&str, u8, &str, Option<u32>)]) -> Value {
        let mut now = 0;
        let mut record = |(step, leg, phase, took): &(&str, u8, &str, Option<u32>)| {
            let started = at(now);
            now += took.unwrap_or(0);
            let finished = took.map(|_| at(now));
            json!({"step": step, "leg": leg, "phase": phase, "started": started, "finished": finished})
        };
        all.iter().map(&mut record).collect()
    }

    fn leg(number: u8, attempt: u32, to: &str) -> Value {
        json!({"number": number, "attempt": attempt, "key": format!("uid-{number}-{attempt}"),
            "from": {"pod": "orders-0", "node": "node-a"}, "to": {"pod": to, "node": "node-b"}})
    }

    fn dumped(mut leg: Value) -> Value {
        leg["checkpoint"] = json!({"digest": "d", "bytes": 1, "frozenMicros": 1, "totalMicros": 1});
        leg
    }

    fn restored(leg: Value) -> Value {
        let mut leg = dumped(leg);
        leg["restoreMicros"] = 1.into();
        leg
    }

    fn committed(mut leg: Value) -> Value {
        leg["committed"] = at(0).into();
        leg
    }

    fn plan(owner: Value, strategy: &str) -> Value {
        json!({"strategy": strategy, "because": "", "container": "main", "checkpointBackend": "Runtime",
            "source": {"namespace": "shop", "name": "orders-0", "uid": "u"}, "sourceNode": "node-a",
            "targetNode": "node-b", "owner": owner, "queue": {"queue": "q", "quorum": false}})
    }

    fn set() -> Value {
        json!({"kind": "StatefulSet", "name": "orders", "uid": "o", "replicas": 3})
    }

    /// The fields of [`STATUS_FIELDS`] that are filled in.
    fn filled(status: Value) -> Value {
        let mut status: MigrationStatus = serde_json::from_value(status).unwrap();
        let spec = StatefulMigrationSpec {
            target_node: Some("node-b".to_owned()),
            ..StatefulMigrationSpec::default()
        };
        fill(&spec, &mut status);
        let mut written = serde_json::to_value(status).unwrap();
        let fields = written.as_object_mut().unwrap();
        fields.retain(|field, _| STATUS_FIELDS.contains(&field.as_str()));
        written
    }

    const TWICE: [(&str, u8, &str, Option<u32>); 12] = [
        ("Prepare", 0, "Pending", Some(100)),
        ("Stage", 1, "Pending", Some(900)),
        ("Hold", 1, "Checkpointing", Some(200)),
        ("Transfer", 1, "Transferring", Some(300)),
        ("Restore", 1, "Restoring", Some(234)),
        ("Release", 1, "Replaying", Some(11)),
        ("Stage", 2, "Replaying", Some(59_000)),
        ("Hold", 2, "Checkpointing", Some(212)),
        ("Transfer", 2, "Transferring", Some(100)),
        ("Restore", 2, "Restoring", Some(1_000)),
        ("Release", 2, "Replaying", Some(1_489)),
        ("Clean", 2, "Finalizing", Some(1_500)),
    ];

    #[test]
    fn a_move_that_ended_has_the_time_of_every_phase_and_what_it_was_about() {
        let status = json!({"phase": "Completed", "plan": plan(set(), "ShadowPod"), "steps": steps(&TWICE),
            "legs": [committed(restored(leg(1, 0, "orders-0-shadow"))), committed(restored(leg(2, 0, "orders-0")))]});
        let expected = json!({"targetNode": "node-b", "targetPod": "orders-0", "replacementPod": "orders-0",
            "checkpointID": "uid-2-0", "containerName": "main", "statefulSetName": "orders", "originalReplicas": 3,
            "phaseTimings": {"Pending": "1s", "Checkpointing": "412ms", "Transferring": "400ms", "Restoring": "1.234s",
                "Replaying": "1m0.5s", "Finalizing": "1.5s"}});
        assert_eq!(filled(status), expected);
    }

    #[test]
    fn a_move_under_way_has_the_times_of_the_phases_that_are_over() {
        let mut under_way = TWICE[..5].to_vec();
        under_way[4].3 = None;
        let legs = [dumped(leg(1, 0, "orders-0-shadow"))];
        let status = json!({"phase": "Restoring", "plan": plan(set(), "ShadowPod"), "steps": steps(&under_way), "legs": legs});
        let seen = filled(status);
        assert_eq!(
            seen["phaseTimings"],
            json!({"Pending": "1s", "Checkpointing": "200ms", "Transferring": "300ms"})
        );
        assert_eq!(
            (seen.get("targetPod"), &seen["checkpointID"]),
            (None, &json!("uid-1-0"))
        );
        let legs = [
            committed(restored(leg(1, 0, "orders-0-shadow"))),
            leg(2, 0, "orders-0"),
        ];
        let status =
            json!({"phase": "Finalizing", "plan": plan(set(), "ShadowPod"), "steps": [], "legs": legs});
        let seen = filled(status);
        assert_eq!(
            (&seen["targetPod"], seen.get("replacementPod")),
            (&json!("orders-0-shadow"), None)
        );
    }

    #[test]
    fn a_phase_that_a_move_passed_over_took_no_time() {
        let row = [
            ("Prepare", 0, "Pending", Some(0)),
            ("Stage", 1, "Pending", Some(1)),
            ("Hold", 1, "Checkpointing", Some(2)),
            ("Transfer", 1, "Transferring", Some(3)),
            ("Restore", 1, "Restoring", Some(4)),
            ("Clean", 1, "Finalizing", Some(18)),
        ];
        let owner = json!({"kind": "ReplicaSet", "name": "orders-7d", "uid": "o", "deployment": "orders", "replicas": 2});
        let status = json!({"phase": "Completed", "plan": plan(owner, "ShadowPod"), "steps": steps(&row),
            "legs": [committed(restored(leg(1, 0, "orders-7d-x")))]});
        let expected = json!({"targetNode": "node-b", "targetPod": "orders-7d-x", "checkpointID": "uid-1-0",
            "containerName": "main", "deploymentName": "orders",
            "phaseTimings": {"Pending": "1ms", "Checkpointing": "2ms", "Transferring": "3ms", "Restoring": "4ms",
                "Replaying": "0s", "Finalizing": "18ms"}});
        assert_eq!(filled(status), expected);
    }

    #[test]
    fn a_sequential_move_names_its_pod_once_that_is_restored() {
        let (sent, done) = (
            committed(dumped(leg(1, 0, "orders-0"))),
            committed(restored(leg(1, 0, "orders-0"))),
        );
        for (leg, named) in [(sent, Value::Null), (done, json!("orders-0"))] {
            let status = json!({"phase": "Restoring", "plan": plan(set(), "Sequential"), "legs": [leg]});
            let seen = filled(status);
            assert_eq!((&seen["targetPod"], seen.get("replacementPod")), (&named, None));
        }
    }

    #[test]
    fn an_undone_move_names_no_pod_and_only_what_it_came_to() {
        let row = [
            ("Prepare", 0, "Pending", Some(10)),
            ("Stage", 1, "Pending", Some(20)),
            ("Hold", 1, "Checkpointing", Some(30)),
            ("Abandon", 1, "Finalizing", Some(40)),
        ];
        let rollback = json!({"reason": "Cancelled", "message": "", "since": at(0)});
        let status = json!({"phase": "Cancelled", "plan": plan(Value::Null, "ShadowPod"), "steps": steps(&row),
            "rollback": rollback, "legs": [restored(leg(1, 0, "orders-moved"))]});
        let expected = json!({"targetNode": "node-b", "checkpointID": "uid-1-0", "containerName": "main",
            "phaseTimings": {"Pending": "30ms", "Checkpointing": "30ms", "Finalizing": "40ms"}});
        assert_eq!(filled(status), expected);
    }

    #[test]
    fn a_handoff_that_is_tried_again_adds_to_its_phases_and_names_the_pod_of_the_last_try() {
        let row = [
            ("Prepare", 0, "Pending", Some(1)),
            ("Stage", 1, "Pending", Some(2)),
            ("Hold", 1, "Checkpointing", Some(4)),
            ("Abandon", 1, "Replaying", Some(8)),
            ("Stage", 1, "Pending", Some(16)),
            ("Hold", 1, "Checkpointing", None),
        ];
        let legs = [restored(leg(1, 0, "orders-moved")), leg(1, 1, "orders-moved")];
        let status = json!({"phase": "Checkpointing", "plan": plan(Value::Null, "ShadowPod"), "steps": steps(&row), "legs": legs});
        let seen = filled(status);
        assert_eq!(
            (&seen["phaseTimings"], seen.get("targetPod")),
            (&json!({"Pending": "19ms", "Replaying": "8ms"}), None)
        );
    }

    #[test]
    fn a_refused_move_names_the_node_that_was_asked_for() {
        let refused = [
            ("Prepare", 0, "Pending", Some(7)),
            ("Abandon", 0, "Finalizing", Some(0)),
        ];
        let status = json!({"phase": "Failed", "steps": steps(&refused),
            "rollback": {"reason": "Refused", "message": "", "since": at(0)}});
        let expected =
            json!({"targetNode": "node-b", "phaseTimings": {"Pending": "7ms", "Finalizing": "0s"}});
        assert_eq!(filled(status), expected);
    }
}
