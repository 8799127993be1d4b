//! Notices: what people are told of a move while it goes on, as Events on the migration and on the pods that it is about. A
//! bounded number: five kinds, each once for a handoff or for the whole.

use crate::api::{Instance, MigrationStatus, Plan};
use crate::machine::{Change, End, Next};
use crate::wire::PodRef;

/// One notice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Whether it is as wanted.
    pub good: bool,
    /// Short, stable, CamelCase.
    pub reason: String,
    /// For people.
    pub note: String,
    /// Pods that it is about, beside the migration itself.
    pub pods: Vec<PodRef>,
}

/// The plan is made; who ordered the move, where that is known.
pub fn planned(plan: &Plan, by: Option<&str>) -> Notice {
    let (pod, node) = (&plan.source.name, &plan.target_node);
    let by = by.map(|by| format!(" (ordered by {by})")).unwrap_or_default();
    Notice {
        good: true,
        reason: "Planned".to_owned(),
        note: format!("{pod} is being moved to {node}: {}{by}", plan.because),
        pods: vec![plan.source.clone()],
    }
}

/// What a step has learned, where it is one of the turning points of a handoff.
pub fn turned(status: &MigrationStatus, next: &Next) -> Option<Notice> {
    let (plan, leg) = (status.plan.as_ref()?, status.legs.last()?);
    let (from, to) = (&leg.from, &leg.to);
    let (pod, copy, node, queue) = (&from.pod, &to.pod, &to.node, &plan.queue.queue);
    let of = status.handoff.as_deref().unwrap_or_default().replace('/', " of ");
    let doubts: Vec<String> = next.doubts.iter().map(ToString::to_string).collect();
    let (reason, note, about) = match &next.change {
        Change::Parked => (
            "Held",
            format!("{pod} has applied all its messages, and queue {queue} delivers nothing (handoff {of})"),
            vec![from],
        ),
        Change::Committed => (
            "Committed",
            format!(
                "the memory of {pod} is on {node}, and {copy} there is the truth from now on; this handoff cannot be undone \
                 any more (handoff {of})"
            ),
            vec![from, to],
        ),
        Change::Released if doubts.is_empty() => (
            "Released",
            format!("{copy} on {node} has taken up queue {queue} (handoff {of})"),
            vec![to],
        ),
        Change::Released => ("Released", String::new(), vec![to]),
        Change::None | Change::Staged { .. } | Change::Followed | Change::Restored { .. } => return None,
    };
    let note = Some(note).filter(|note| !note.is_empty()).into_iter();
    Some(Notice {
        good: doubts.is_empty(),
        reason: reason.to_owned(),
        note: note.chain(doubts).collect::<Vec<_>>().join("; "),
        pods: about.into_iter().filter_map(|one| pod_of(plan, one)).collect(),
    })
}

/// The end: on the pod that has the stream now.
pub fn ended(status: &MigrationStatus, end: End, message: &str) -> Notice {
    let holder = status.legs.iter().rfind(|leg| leg.committed.is_some());
    let pod = match (&status.plan, holder) {
        (Some(plan), Some(leg)) => pod_of(plan, &leg.to),
        (Some(plan), None) => Some(plan.source.clone()),
        (None, _) => None,
    };
    Notice {
        good: end == End::Completed,
        reason: format!("{:?}", status.phase),
        note: message.to_owned(),
        pods: pod.into_iter().collect(),
    }
}

/// One whose incarnation is not known yet is not told of anything: another one could be meant.
fn pod_of(plan: &Plan, instance: &Instance) -> Option<PodRef> {
    Some(PodRef {
        namespace: plan.source.namespace.clone(),
        name: instance.pod.clone(),
        uid: instance.uid.clone()?,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::api::Step;
    use crate::doubt::Doubt;
    use crate::names::Key;

    fn under_way() -> MigrationStatus {
        let key = Key::of("11111111-1111-1111-1111-111111111111", 1, 0).unwrap();
        serde_json::from_value(json!({
            "phase": "Checkpointing", "handoff": "1/2",
            "plan": {"strategy": "ShadowPod", "because": "it belongs to StatefulSet orders", "container": "c",
                "sourceNode": "node-a", "targetNode": "node-b", "checkpointBackend": "Runtime",
                "source": {"namespace": "shop", "name": "orders-0", "uid": "source"},
                "queue": {"queue": "orders", "quorum": false}},
            "legs": [{"number": 1, "attempt": 0, "key": key,
                "from": {"pod": "orders-0", "uid": "source", "node": "node-a"},
                "to": {"pod": "orders-0-shadow", "uid": "copy", "node": "node-b"}}],
        }))
        .unwrap()
    }

    fn uids(notice: &Notice) -> Vec<&str> {
        notice.pods.iter().map(|pod| pod.uid.as_str()).collect()
    }

    #[test]
    fn each_turning_point_is_told_on_the_incarnation_that_it_is_about() {
        let status = under_way();
        let told = |change: Change| turned(&status, &Next::to(Step::Clean).change(change)).unwrap();
        let begun = planned(status.plan.as_ref().unwrap(), Some("alice"));
        assert_eq!(uids(&begun), ["source"]);
        assert!(begun.note.ends_with("(ordered by alice)"), "{}", begun.note);
        assert_eq!(uids(&told(Change::Parked)), ["source"]);
        assert_eq!(uids(&told(Change::Committed)), ["source", "copy"]);
        let released = told(Change::Released);
        assert_eq!(uids(&released), ["copy"]);
        assert!(released.note.contains("orders-0-shadow on node-b") && released.note.contains("1 of 2"));
        let silent = Doubt::CopySilent {
            pod: "orders-0-shadow".to_owned(),
        };
        let next = Next::to(Step::Clean)
            .change(Change::Released)
            .doubt(silent.clone());
        let silent_copy = turned(&status, &next).unwrap();
        assert_eq!((silent_copy.good, silent_copy.note), (false, silent.to_string()));
        assert_eq!(
            turned(&status, &Next::to(Step::Clean).change(Change::Followed)),
            None
        );
    }

    #[test]
    fn the_end_is_told_on_the_pod_that_has_the_stream() {
        let mut status = under_way();
        assert_eq!(uids(&ended(&status, End::Undone, "undone")), ["source"]);
        status.legs[0].committed = serde_json::from_value(json!("2026-01-02T03:04:05.000000Z")).unwrap();
        assert_eq!(uids(&ended(&status, End::Completed, "moved")), ["copy"]);
        status.legs[0].to.uid = None;
        assert!(uids(&ended(&status, End::Completed, "moved")).is_empty());
    }
}
