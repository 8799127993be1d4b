//! Which migrations may be under way at the same time. Pure.
//!
//! Guarantee: never two for one pod or one queue; never more for one node, or for all of them, than the limits say. Who
//! is over a limit waits; who wants what is being moved already is refused. Whose turn it is: [`round`].

use std::collections::HashMap;

use k8s_openapi::jiff::Timestamp;

use crate::api::{MigrationStatus, StatefulMigration};
use crate::waiting::{InLine, Obstacle, WaitsFor};

pub mod round;
#[cfg(test)]
mod rounds_tests;

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
    Wait(InLine),
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
    match full(limits, &[wish.from, wish.to], others.into_iter()) {
        Some(obstacle) => {
            let me = all
                .iter()
                .find(|one| one.metadata.uid.as_deref() == Some(wish.uid));
            let before = me.map_or(0, |me| before(me, all.iter()));
            Turn::Wait(InLine { obstacle, before })
        }
        None => Turn::Begin,
    }
}

/// What a migration waits for before anybody is asked anything for it: a place among those under way, and those that go before
/// it: of its namespace by arrival, of others in turns. `None`: it may be prepared. `had` says when a namespace had its last turn,
/// where that shows in no migration.
///
/// Decided by what is known of the objects alone: hundreds that wait must cost those under way nothing.
pub fn line<'a>(
    limits: Limits,
    me: &'a StatefulMigration,
    all: impl Iterator<Item = &'a StatefulMigration> + Clone,
    had: impl Fn(&str) -> Option<Timestamp>,
) -> Option<InLine> {
    let others = || all.clone().filter(|other| other.metadata.uid != me.metadata.uid);
    let under_way = || others().filter(|other| has_begun(other));
    let before = before(me, all.clone());
    let nodes: Vec<&str> = wanted_nodes(me).collect();
    let full = full(limits, &nodes, under_way());
    let busy = moves_by_node(under_way().filter(|other| counts(other)));
    let free_at = |node: &str| {
        limits
            .per_node
            .saturating_sub(busy.get(node).copied().unwrap_or_default())
    };
    let could =
        |other: &StatefulMigration| is_in_line(other) && wanted_nodes(other).all(|node| free_at(node) > 0);
    let first = |of_those: &dyn Fn(&StatefulMigration) -> bool, free: usize| {
        let could = |other: &StatefulMigration| could(other) && of_those(other);
        round::ahead(me, all.clone(), could, |other| came_before(other, me), &had).obstacle(free)
    };
    let free = limits
        .per_cluster
        .saturating_sub(under_way().filter(|other| counts(other)).count());
    let at = |node: &&str| {
        first(
            &|other| wanted_nodes(other).any(|wanted| wanted == *node),
            free_at(node),
        )
    };
    let obstacle = full
        .or_else(|| first(&|_| true, free))
        .or_else(|| nodes.iter().find_map(at))?;
    Some(InLine { obstacle, before })
}

/// The nodes of which is known that it needs a place there.
fn wanted_nodes(migration: &StatefulMigration) -> impl Iterator<Item = &str> {
    let status = migration.status.as_ref();
    let waited_for = status.and_then(|status| status.waiting.as_ref()?.node.as_deref());
    migration
        .spec
        .target_node
        .as_deref()
        .into_iter()
        .chain(waited_for)
}

fn moves_by_node<'a>(under_way: impl Iterator<Item = &'a StatefulMigration>) -> HashMap<&'a str, usize> {
    let mut busy = HashMap::new();
    for plan in under_way.filter_map(|one| one.status.as_ref()?.plan.as_ref()) {
        *busy.entry(plan.source_node.as_str()).or_default() += 1;
        if plan.target_node != plan.source_node {
            *busy.entry(plan.target_node.as_str()).or_default() += 1;
        }
    }
    busy
}

/// Moves of its namespace that wait for their turn and were ordered before it. One whose broker does not answer cannot begin however
/// many places are free, so it is before no other; nor is one that waits for a person.
pub fn before<'a>(me: &StatefulMigration, all: impl Iterator<Item = &'a StatefulMigration>) -> usize {
    all.filter(|other| other.metadata.uid != me.metadata.uid && came_before(other, me))
        .filter(|other| is_in_line(other))
        .count()
}

fn is_in_line(migration: &StatefulMigration) -> bool {
    let is_stuck = migration.status.as_ref().is_some_and(MigrationStatus::is_stuck);
    waits(migration) && !is_held_up(migration) && !is_stuck
}

/// Whether it waits for something that no turn brings: an answer of its broker, its budget, a node that can take its pod.
pub fn is_held_up(migration: &StatefulMigration) -> bool {
    let status = migration.status.as_ref();
    let waiting = status.and_then(|status| status.waiting.as_ref());
    waiting.is_some_and(|waiting| match waiting.r#for {
        WaitsFor::Answer | WaitsFor::Budget | WaitsFor::Node => true,
        WaitsFor::MovesPerCluster
        | WaitsFor::MovesPerNode
        | WaitsFor::EarlierMoves
        | WaitsFor::OtherNamespaces
        | WaitsFor::Preparation
        | WaitsFor::Pause
        | WaitsFor::Plans => false,
    })
}

/// A move that has not begun and was not called off.
fn waits(migration: &StatefulMigration) -> bool {
    let ended = migration
        .status
        .as_ref()
        .is_some_and(|status| status.phase.is_terminal());
    !migration.spec.plan_only
        && !has_begun(migration)
        && !ended
        && migration.metadata.deletion_timestamp.is_none()
        && !migration.spec.cancel
}

/// In the same namespace; by name where they came within the same second.
fn came_before(other: &StatefulMigration, me: &StatefulMigration) -> bool {
    let order = |one: &StatefulMigration| {
        let metadata = &one.metadata;
        (
            metadata.creation_timestamp.as_ref().map(|time| time.0),
            metadata.name.clone(),
        )
    };
    other.metadata.namespace == me.metadata.namespace && order(other) < order(me)
}

/// Why there is no place among those under way, if there is none. One that waits for a person keeps what it has, and takes no
/// place from others.
fn full<'a>(
    limits: Limits,
    nodes: &[&str],
    under_way: impl Iterator<Item = &'a StatefulMigration>,
) -> Option<Obstacle> {
    let others: Vec<_> = under_way.filter(|other| counts(other)).collect();
    if others.len() >= limits.per_cluster {
        return Some(Obstacle::Cluster {
            under_way: others.len(),
        });
    }
    nodes.iter().find_map(|node| {
        let under_way = others.iter().filter(|other| touches(other, node)).count();
        (under_way >= limits.per_node).then(|| Obstacle::Node {
            node: (*node).to_owned(),
            under_way,
        })
    })
}

fn counts(migration: &StatefulMigration) -> bool {
    migration.status.as_ref().is_none_or(|status| !status.is_stuck())
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
    use k8s_openapi::jiff::Timestamp;
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
            Turn::Wait(place) => Some(place.obstacle),
            Turn::Begin => None,
            Turn::Refuse(why) => panic!("{why}"),
        };
        assert_eq!(waits(&[]), None);
        assert_eq!(waits(&[elsewhere(), elsewhere()]), None);
        assert_eq!(
            waits(&[elsewhere(), elsewhere(), elsewhere()]),
            Some(Obstacle::Cluster { under_way: 3 })
        );
        assert_eq!(waits(&[at("node-a", "node-x")]), None);
        let busy = waits(&[at("node-a", "node-x"), at("node-y", "node-a")]);
        assert_eq!(
            busy,
            Some(Obstacle::Node {
                node: "node-a".to_owned(),
                under_way: 2
            })
        );
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

    /// One that waits, of this namespace, created in this minute.
    fn waiting(uid: &str, namespace: &str, minute: u8) -> StatefulMigration {
        let mut migration = other(uid, "Pending", "node-a", "node-b");
        migration.status.as_mut().unwrap().plan = None;
        migration.metadata.namespace = Some(namespace.to_owned());
        migration.metadata.name = Some(uid.to_owned());
        let created = format!("2026-11-29T10:{minute:02}:00Z");
        migration.metadata.creation_timestamp = serde_json::from_value(json!(created)).unwrap();
        migration
    }

    #[test]
    fn those_that_came_first_go_first_within_their_namespace_only() {
        let mine = waiting("mine", "shop", 9);
        let older = ["a", "b", "c", "d"].map(|uid| waiting(uid, "shop", 1));
        let others = ["e", "f", "g", "h"].map(|uid| waiting(uid, "bank", 1));
        let line = |all: &[StatefulMigration]| line(LIMITS, &mine, all.iter(), |_| None);
        assert_eq!(line(&others), None, "another namespace");
        assert_eq!(line(&older[..2]), None, "three places for three");
        let behind = |before: usize| {
            Some(InLine {
                obstacle: Obstacle::Earlier,
                before,
            })
        };
        assert_eq!(line(&older[..3]), behind(3));
        let younger = waiting("y", "shop", 30);
        assert_eq!(line(&[younger, mine.clone()]), None);
        let busy = other("1", "Restoring", "node-x", "node-y");
        let mut all = vec![busy.clone(), busy, older[0].clone()];
        assert_eq!(line(&all), behind(1), "one place, and one before");
        let mut cancelled = older[0].clone();
        cancelled.spec.cancel = true;
        all[2] = cancelled;
        assert_eq!(line(&all), None);
    }

    #[test]
    fn those_that_no_turn_helps_are_before_no_other() {
        let mine = waiting("mine", "shop", 9);
        let words = String::new;
        for obstacle in [
            Obstacle::Answer { what: words() },
            Obstacle::Budget { words: words() },
            Obstacle::NoNode { words: words() },
        ] {
            let mut older = ["a", "b", "c", "d"].map(|uid| waiting(uid, "shop", 1));
            assert!(line(LIMITS, &mine, older.iter(), |_| None).is_some());
            let place = InLine { obstacle, before: 0 };
            for held_up in &mut older {
                held_up.status.as_mut().unwrap().waiting = Some(place.waiting(None, Timestamp::UNIX_EPOCH));
            }
            assert_eq!(line(LIMITS, &mine, older.iter(), |_| None), None, "{place:?}");
            assert_eq!(before(&mine, older.iter()), 0);
        }
    }

    #[test]
    fn plans_are_before_no_move() {
        let mine = waiting("mine", "shop", 9);
        let mut older = ["a", "b", "c", "d"].map(|uid| waiting(uid, "shop", 1));
        for plan in &mut older {
            plan.spec.plan_only = true;
        }
        assert_eq!(line(LIMITS, &mine, older.iter(), |_| None), None);
        let mut planned = other("1", "Planned", "node-a", "node-b");
        planned.status.as_mut().unwrap().plan.as_mut().unwrap().source.uid = "pod-0".into();
        assert_eq!(turn(LIMITS, &WISH, &[planned]), Turn::Begin, "it moves nothing");
    }

    fn asks_a_person(migration: &mut StatefulMigration) {
        let condition = json!({"type": "Stuck", "status": "True", "reason": "RestoreFails", "message": "",
            "lastTransitionTime": "2026-11-29T10:00:00Z"});
        let condition = serde_json::from_value(condition).unwrap();
        migration.status.as_mut().unwrap().conditions = vec![condition];
    }

    #[test]
    fn one_that_was_set_aside_before_it_began_is_before_no_other() {
        let mine = waiting("mine", "shop", 9);
        let mut older = ["a", "b", "c", "d"].map(|uid| waiting(uid, "shop", 1));
        older.iter_mut().for_each(asks_a_person);
        assert_eq!(line(LIMITS, &mine, older.iter(), |_| None), None);
        assert_eq!(before(&mine, older.iter()), 0);
    }

    #[test]
    fn who_waits_for_a_person_takes_no_place_and_keeps_its_pod() {
        let mut stuck = other("1", "Finalizing", "node-a", "node-b");
        asks_a_person(&mut stuck);
        let all = vec![stuck.clone(), stuck.clone(), stuck.clone(), stuck.clone()];
        assert_eq!(turn(LIMITS, &WISH, &all), Turn::Begin);
        assert_eq!(
            line(LIMITS, &waiting("mine", "shop", 1), all.iter(), |_| None),
            None
        );
        stuck.status.as_mut().unwrap().plan.as_mut().unwrap().source.uid = "pod-0".into();
        assert!(matches!(turn(LIMITS, &WISH, &[stuck]), Turn::Refuse(_)));
    }
}
