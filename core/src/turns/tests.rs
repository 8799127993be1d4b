//! Who begins, who waits and who is refused.

use k8s_openapi::jiff::Timestamp;
use serde_json::json;

use super::*;
use crate::waiting::{PolicyLimit, Waiting};

const LIMITS: Limits = Limits {
    per_node: 2,
    per_cluster: 3,
};
const WISH: Wish<'static> = Wish {
    uid: "mine",
    namespace: "shop",
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
        let Turn::Refuse(why) = turn(LIMITS, &Standing::default(), &WISH, &[all]) else {
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
    let waits = |all: &[StatefulMigration]| match turn(LIMITS, &Standing::default(), &WISH, all) {
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
    let line = |all: &[StatefulMigration]| line(LIMITS, &Standing::default(), &mine, all.iter(), |_| None);
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
        assert!(line(LIMITS, &Standing::default(), &mine, older.iter(), |_| None).is_some());
        let place = InLine { obstacle, before: 0 };
        for held_up in &mut older {
            held_up.status.as_mut().unwrap().waiting = Some(place.waiting(None, Timestamp::UNIX_EPOCH));
        }
        let placed = line(LIMITS, &Standing::default(), &mine, older.iter(), |_| None);
        assert_eq!(placed, None, "{place:?}");
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
    assert_eq!(
        line(LIMITS, &Standing::default(), &mine, older.iter(), |_| None),
        None
    );
    let mut planned = other("1", "Planned", "node-a", "node-b");
    planned.status.as_mut().unwrap().plan.as_mut().unwrap().source.uid = "pod-0".into();
    assert_eq!(
        turn(LIMITS, &Standing::default(), &WISH, &[planned]),
        Turn::Begin,
        "it moves nothing"
    );
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
    assert_eq!(
        line(LIMITS, &Standing::default(), &mine, older.iter(), |_| None),
        None
    );
    assert_eq!(before(&mine, older.iter()), 0);
}

#[test]
fn who_waits_for_a_person_takes_no_place_and_keeps_its_pod() {
    let mut stuck = other("1", "Finalizing", "node-a", "node-b");
    asks_a_person(&mut stuck);
    let all = vec![stuck.clone(), stuck.clone(), stuck.clone(), stuck.clone()];
    assert_eq!(turn(LIMITS, &Standing::default(), &WISH, &all), Turn::Begin);
    assert_eq!(
        line(
            LIMITS,
            &Standing::default(),
            &waiting("mine", "shop", 1),
            all.iter(),
            |_| None
        ),
        None
    );
    stuck.status.as_mut().unwrap().plan.as_mut().unwrap().source.uid = "pod-0".into();
    assert!(matches!(
        turn(LIMITS, &Standing::default(), &WISH, &[stuck]),
        Turn::Refuse(_)
    ));
}

fn bound(most: usize) -> Option<Bound> {
    Some(Bound {
        most,
        by: "MigrationPolicy team".to_owned(),
    })
}

#[test]
fn a_limit_of_a_policy_makes_its_moves_wait_beside_those_of_the_controller() {
    let at = |from: &str, to: &str| other("1", "Restoring", from, to);
    let elsewhere = |namespace: &str| {
        let mut one = at("node-x", "node-y");
        one.metadata.namespace = Some(namespace.to_owned());
        one
    };
    let namespace = Standing {
        per_namespace: bound(1),
        ..Standing::default()
    };
    let node = Standing {
        per_node: bound(1),
        ..Standing::default()
    };
    let cluster = Standing {
        per_cluster: bound(1),
        ..Standing::default()
    };
    let loose = Standing {
        per_cluster: bound(100),
        ..Standing::default()
    };
    let policy = |limit: PolicyLimit| {
        Some(Obstacle::Policy {
            limit,
            under_way: 1,
            by: "MigrationPolicy team".to_owned(),
        })
    };
    let full = Some(Obstacle::Cluster { under_way: 3 });
    for (standing, all, wanted) in [
        (&namespace, vec![elsewhere("bank")], None),
        (
            &namespace,
            vec![elsewhere("shop")],
            policy(PolicyLimit::Namespace),
        ),
        (&node, vec![elsewhere("shop")], None),
        (
            &node,
            vec![at("node-b", "node-y")],
            policy(PolicyLimit::Node("node-b".to_owned())),
        ),
        (&cluster, vec![elsewhere("bank")], policy(PolicyLimit::Cluster)),
        (&cluster, Vec::new(), None),
        (&loose, vec![elsewhere("a"), elsewhere("b"), elsewhere("c")], full),
    ] {
        let place = match turn(LIMITS, standing, &WISH, &all) {
            Turn::Begin => None,
            Turn::Wait(place) => Some(place.obstacle),
            Turn::Refuse(why) => panic!("{why}"),
        };
        assert_eq!(place, wanted, "{standing:?}");
        // What it waits for is known before it is prepared, as far as its nodes are.
        let mut mine = waiting("mine", "shop", 1);
        mine.spec.target_node = Some("node-b".to_owned());
        let place = line(LIMITS, standing, &mine, all.iter(), |_| None);
        assert_eq!(place.map(|place| place.obstacle), wanted, "{standing:?} in line");
    }
}

#[test]
fn one_that_waits_for_a_person_counts_against_no_limit_of_a_policy() {
    let mut stuck = other("1", "Finalizing", "node-a", "node-b");
    asks_a_person(&mut stuck);
    let strict = Standing {
        priority: 0,
        per_namespace: bound(1),
        per_node: bound(1),
        per_cluster: bound(1),
    };
    assert_eq!(turn(LIMITS, &strict, &WISH, &[stuck]), Turn::Begin);
}

/// One that waits and was found to have this priority.
fn with_priority(uid: &str, namespace: &str, minute: u8, priority: i32) -> StatefulMigration {
    let mut migration = waiting(uid, namespace, minute);
    let place = InLine {
        obstacle: Obstacle::Earlier,
        before: 0,
    };
    let waits = place.waiting(None, Timestamp::UNIX_EPOCH);
    migration.status.as_mut().unwrap().waiting = Some(Waiting {
        priority: Some(priority),
        ..waits
    });
    migration
}

#[test]
fn those_of_a_higher_priority_begin_first_whatever_their_namespace() {
    let mine = |priority: i32| with_priority("mine", "shop", 1, priority);
    let others = ["a", "b", "c"].map(|uid| with_priority(uid, "bank", 30, 10));
    let line = |priority: i32, others: &[StatefulMigration]| {
        let standing = Standing {
            priority,
            ..Standing::default()
        };
        let mine = mine(priority);
        line(LIMITS, &standing, &mine, others.iter(), |_| None).map(|place| place.obstacle)
    };
    assert_eq!(
        line(0, &others),
        Some(Obstacle::Priority),
        "three places for three"
    );
    assert_eq!(line(0, &others[..2]), None, "the third place is free");
    assert_eq!(line(11, &others), None);
    // Of the same priority, namespaces take turns, and this one came first.
    assert_eq!(line(10, &others), None);
    // Within a namespace it goes before arrival.
    let own = ["a", "b", "c"].map(|uid| with_priority(uid, "shop", 30, 10));
    assert_eq!(line(0, &own), Some(Obstacle::Priority));
    assert_eq!(before(&mine(0), own.iter()), 3);
    assert_eq!(before(&mine(20), own.iter()), 0);
}

#[test]
fn one_of_a_lower_priority_is_before_no_other() {
    let older = ["a", "b", "c", "d"].map(|uid| with_priority(uid, "shop", 1, -1));
    let mine = waiting("mine", "shop", 30);
    assert_eq!(
        line(LIMITS, &Standing::default(), &mine, older.iter(), |_| None),
        None
    );
    assert_eq!(before(&mine, older.iter()), 0);
}

/// One that met the limit of the policy.
fn kept(uid: &str, minute: u8) -> StatefulMigration {
    let mut migration = waiting(uid, "shop", minute);
    let place = InLine {
        obstacle: Obstacle::Policy {
            limit: PolicyLimit::Namespace,
            under_way: 1,
            by: "MigrationPolicy team".to_owned(),
        },
        before: 0,
    };
    migration.status.as_mut().unwrap().waiting = Some(place.waiting(None, Timestamp::UNIX_EPOCH));
    migration
}

#[test]
fn what_a_policy_keeps_is_ahead_of_no_move_of_another_policy() {
    let older = ["a", "b", "c", "d"].map(|uid| kept(uid, 1));
    let free = Standing::default();
    let mine = waiting("mine", "shop", 30);
    assert_eq!(line(LIMITS, &free, &mine, older.iter(), |_| None), None);
    let elsewhere = waiting("mine", "bank", 30);
    assert_eq!(line(LIMITS, &free, &elsewhere, older.iter(), |_| None), None);
}

#[test]
fn of_those_that_a_policy_keeps_the_first_one_begins_first() {
    let all = ["a", "b", "c"].map(|uid| kept(uid, 1));
    let standing = Standing {
        per_namespace: bound(1),
        ..Standing::default()
    };
    let obstacle = |which: usize, under_way: &[StatefulMigration]| {
        let all = all.iter().chain(under_way);
        let me = all.clone().nth(which).unwrap();
        line(LIMITS, &standing, me, all, |_| None).map(|place| place.obstacle)
    };
    assert_eq!(obstacle(0, &[]), None);
    assert_eq!(obstacle(1, &[]), Some(Obstacle::Earlier));
    assert_eq!(obstacle(2, &[]), Some(Obstacle::Earlier));
    let busy = [other("9", "Restoring", "node-x", "node-y")];
    assert!(matches!(
        obstacle(0, &busy),
        Some(Obstacle::Policy { under_way: 1, .. })
    ));
    // What it met stays known while it waits for another reason.
    let waits = all[1].status.as_ref().unwrap().waiting.as_ref();
    let later = InLine {
        obstacle: Obstacle::Earlier,
        before: 1,
    };
    let later = later.waiting(waits, Timestamp::UNIX_EPOCH);
    assert_eq!(later.policy.as_deref(), Some("MigrationPolicy team"));
}
