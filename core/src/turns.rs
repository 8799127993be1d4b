//! Which migrations may be under way at the same time. Pure.
//!
//! Guarantee: never two for one pod or one queue; never more for one node, or for all of them, than the limits say. Who
//! is over a limit waits; who wants what is being moved already is refused.

use crate::api::StatefulMigration;

/// How many moves at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// From or to one node.
    pub per_node: usize,
    /// In the whole cluster.
    pub per_cluster: usize,
}

/// What a migration is about to occupy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wish<'a> {
    /// UID of the migration.
    pub uid: &'a str,
    /// UID of the pod.
    pub pod: &'a str,
    /// Broker, virtual host and queue as one text.
    pub stream: &'a str,
    /// Node it moves from.
    pub from: &'a str,
    /// Node it moves to.
    pub to: &'a str,
}

/// Whether it may begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Now.
    Begin,
    /// Later; what it waits for.
    Wait(String),
    /// Never; somebody else moves the same thing.
    Refuse(String),
}

/// Decides, given all migrations of the cluster.
pub fn turn(limits: Limits, wish: &Wish<'_>, all: &[StatefulMigration]) -> Turn {
    let others: Vec<&StatefulMigration> = all.iter().filter(|other| is_under_way(other, wish)).collect();
    for other in &others {
        if let Some(same) = same_thing(other, wish) {
            return Turn::Refuse(format!(
                "StatefulMigration {} is moving {same} already",
                name(other)
            ));
        }
    }
    if others.len() >= limits.per_cluster {
        return Turn::Wait(format!(
            "{} moves are under way in the cluster, as many as the controller allows (--moves-per-cluster)",
            others.len()
        ));
    }
    for node in [wish.from, wish.to] {
        let busy = others.iter().filter(|other| touches(other, node)).count();
        if busy >= limits.per_node {
            return Turn::Wait(format!(
                "{busy} moves from or to node {node} are under way, as many as the controller allows (--moves-per-node)"
            ));
        }
    }
    Turn::Begin
}

/// Whether it has a plan and has not ended. Those that have not begun are nobody's rivals yet: if each gave way to
/// the others, none would begin. Which of them does is decided by [`turn`].
pub fn has_begun(migration: &StatefulMigration) -> bool {
    let status = migration.status.as_ref();
    status.is_some_and(|status| status.plan.is_some() && !status.phase.is_terminal())
}

fn is_under_way(other: &StatefulMigration, wish: &Wish<'_>) -> bool {
    has_begun(other) && other.metadata.uid.as_deref() != Some(wish.uid)
}

fn same_thing(other: &StatefulMigration, wish: &Wish<'_>) -> Option<&'static str> {
    let plan = other.status.as_ref()?.plan.as_ref()?;
    if plan.source.uid == wish.pod {
        return Some("this pod");
    }
    (plan.queue.stream == wish.stream).then_some("the consumer of the same queue")
}

fn touches(other: &StatefulMigration, node: &str) -> bool {
    let plan = other.status.as_ref().and_then(|status| status.plan.as_ref());
    plan.is_some_and(|plan| plan.source_node == node || plan.target_node == node)
}

fn name(migration: &StatefulMigration) -> String {
    let metadata = &migration.metadata;
    format!(
        "{}/{}",
        metadata.namespace.as_deref().unwrap_or_default(),
        metadata.name.as_deref().unwrap_or_default()
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const LIMITS: Limits = Limits {
        per_node: 2,
        per_cluster: 3,
    };
    const WISH: Wish<'static> = Wish {
        uid: "mine",
        pod: "pod-0",
        stream: "mq/%2F/orders.0",
        from: "node-a",
        to: "node-b",
    };

    fn other(uid: &str, phase: &str, from: &str, to: &str) -> StatefulMigration {
        let plan = json!({"strategy": "ShadowPod", "because": "", "container": "c", "sourceNode": from,
            "targetNode": to, "source": {"namespace": "shop", "name": "p", "uid": format!("pod-{uid}")},
            "checkpointBackend": "Runtime",
            "queue": {"queue": "q", "quorum": false, "stream": format!("mq/%2F/{uid}")}});
        serde_json::from_value(json!({
            "apiVersion": "migration.ms2m.io/v1alpha1", "kind": "StatefulMigration",
            "metadata": {"name": "other", "namespace": "shop", "uid": uid}, "spec": {"sourcePod": "p"},
            "status": {"phase": phase, "plan": plan},
        }))
        .unwrap()
    }

    #[test]
    fn the_same_pod_or_queue_is_refused_whatever_the_limits() {
        let mut same_pod = other("1", "Restoring", "node-x", "node-y");
        same_pod
            .status
            .as_mut()
            .unwrap()
            .plan
            .as_mut()
            .unwrap()
            .source
            .uid = "pod-0".into();
        let mut same_queue = other("1", "Restoring", "node-x", "node-y");
        same_queue
            .status
            .as_mut()
            .unwrap()
            .plan
            .as_mut()
            .unwrap()
            .queue
            .stream = WISH.stream.into();
        for (all, says) in [(same_pod, "this pod"), (same_queue, "the same queue")] {
            let Turn::Refuse(why) = turn(LIMITS, &WISH, &[all]) else {
                panic!("not refused")
            };
            assert!(why.contains("shop/other") && why.contains(says), "{why}");
        }
    }

    #[test]
    fn who_has_not_begun_is_nobodys_rival() {
        let begun = other("1", "Restoring", "node-x", "node-y");
        let mut waiting = other("1", "Pending", "node-x", "node-y");
        waiting.status.as_mut().unwrap().plan = None;
        let mut new = waiting.clone();
        new.status = None;
        let ended = other("1", "Failed", "node-x", "node-y");
        for (migration, has) in [(begun, true), (waiting, false), (new, false), (ended, false)] {
            assert_eq!(has_begun(&migration), has, "{:?}", migration.status);
        }
    }

    #[test]
    fn limits_make_others_wait_and_ended_ones_do_not_count() {
        let at = |from: &str, to: &str| other("1", "Restoring", from, to);
        let elsewhere = || at("node-x", "node-y");
        let waits = |all: &[StatefulMigration]| match turn(LIMITS, &WISH, all) {
            Turn::Wait(why) => Some(why),
            Turn::Begin => None,
            Turn::Refuse(why) => panic!("{why}"),
        };
        assert_eq!(waits(&[]), None);
        assert_eq!(waits(&[elsewhere(), elsewhere()]), None);
        assert!(
            waits(&[elsewhere(), elsewhere(), elsewhere()])
                .unwrap()
                .contains("cluster")
        );
        assert_eq!(waits(&[at("node-a", "node-x")]), None);
        let busy = waits(&[at("node-a", "node-x"), at("node-y", "node-a")]).unwrap();
        assert!(busy.contains("node-a"), "{busy}");
        assert!(waits(&[at("node-x", "node-b"), at("node-b", "node-y")]).is_some());
        let ended = || other("1", "Completed", "node-a", "node-b");
        assert_eq!(waits(&[ended(), ended(), ended()]), None);
        assert_eq!(
            waits(&[
                other("mine", "Restoring", "node-a", "node-b"),
                at("node-a", "node-b")
            ]),
            None
        );
    }
}
