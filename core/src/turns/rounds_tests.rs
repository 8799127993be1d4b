//! Whose turn it is, played through: moves are visited in any order, begin and end.

use std::collections::HashMap;

use k8s_openapi::jiff::Timestamp;
use proptest::prelude::*;
use serde_json::json;

use super::round::Rounds;
use super::{Limits, Standing, Turn, Wish, line, turn};
use crate::api::{MigrationStatus, StatefulMigration};
use crate::waiting::Obstacle;

const LIMITS: Limits = Limits {
    per_node: 2,
    per_cluster: 3,
};

/// A cluster in which moves wait and begin.
struct Played {
    limits: Limits,
    all: Vec<StatefulMigration>,
    rounds: Rounds,
    millis: i64,
    /// Namespaces, in the order in which their moves began.
    begun: Vec<String>,
}

fn ordered(namespace: &str, number: usize, target: &str) -> StatefulMigration {
    let created = Timestamp::from_second(i64::try_from(number).unwrap()).unwrap();
    serde_json::from_value(json!({
        "apiVersion": "migration.ms2m.io/v1alpha1", "kind": "StatefulMigration",
        "metadata": {"name": format!("m{number:03}"), "namespace": namespace, "uid": format!("{namespace}-{number}"),
            "creationTimestamp": created.to_string()},
        "spec": {"sourcePod": "p", "targetNode": target},
    }))
    .unwrap()
}

impl Played {
    fn new(limits: Limits, all: Vec<StatefulMigration>) -> Self {
        Self {
            limits,
            all,
            rounds: Rounds::default(),
            millis: 1_000_000,
            begun: Vec::new(),
        }
    }

    fn namespace(&self, index: usize) -> String {
        self.all[index].metadata.namespace.clone().unwrap()
    }

    fn is_waiting(&self, index: usize) -> bool {
        let status = self.all[index].status.as_ref();
        status.is_none_or(|status| status.plan.is_none())
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(self.millis).unwrap()
    }

    fn obstacle(&self, index: usize) -> Option<Obstacle> {
        let had = |namespace: &str| self.rounds.had(namespace, self.now());
        line(
            self.limits,
            &Standing::default(),
            &self.all[index],
            self.all.iter(),
            had,
        )
        .map(|place| place.obstacle)
    }

    /// As the controller does; whether it began.
    fn visit(&mut self, index: usize) -> bool {
        self.millis += 1;
        if !self.is_waiting(index) || self.obstacle(index).is_some() {
            return false;
        }
        let (namespace, now) = (self.namespace(index), self.now());
        self.rounds.has(&namespace, now);
        let (uid, target) = (
            self.all[index].metadata.uid.clone().unwrap(),
            self.all[index].spec.target_node.clone().unwrap(),
        );
        let wish = Wish {
            uid: &uid,
            namespace: &namespace,
            pod: &uid,
            stream: &uid,
            from: &uid,
            to: &target,
        };
        match turn(self.limits, &Standing::default(), &wish, &self.all) {
            Turn::Begin => {}
            Turn::Wait(place) => panic!("prepared in vain: {place}"),
            Turn::Refuse(why) => panic!("{why}"),
        }
        let plan = json!({"strategy": "ShadowPod", "because": "", "container": "c", "sourceNode": uid, "targetNode": target,
            "source": {"namespace": namespace, "name": "p", "uid": uid}, "checkpointBackend": "Runtime",
            "queue": {"queue": "q", "quorum": false, "stream": uid}});
        let steps = json!([{"step": "Stage", "leg": 1, "started": now.to_string()}]);
        let status: MigrationStatus =
            serde_json::from_value(json!({"phase": "Restoring", "plan": plan, "steps": steps})).unwrap();
        self.all[index].status = Some(status);
        self.rounds.begun(&namespace, false, now);
        self.begun.push(namespace);
        true
    }

    fn under_way(&self) -> Vec<usize> {
        let goes = |index: &usize| super::has_begun(&self.all[*index]);
        (0..self.all.len()).filter(goes).collect()
    }

    /// One of those under way ends.
    fn end(&mut self, which: usize) {
        self.millis += 1;
        let under_way = self.under_way();
        if let Some(index) = under_way.get(which % under_way.len().max(1)) {
            self.all[*index].status.as_mut().unwrap().phase =
                serde_json::from_value(json!("Completed")).unwrap();
        }
    }

    fn keeps_the_limits(&self) {
        let under_way = self.under_way();
        assert!(under_way.len() <= self.limits.per_cluster, "{under_way:?}");
        for node in ["x", "y"] {
            let there = under_way
                .iter()
                .filter(|index| self.all[**index].spec.target_node.as_deref() == Some(node));
            assert!(there.count() <= self.limits.per_node, "{node}: {under_way:?}");
        }
    }

    /// Those that may be prepared are not more than there are places.
    fn lets_few_through(&self) {
        let under_way = self.under_way();
        let may: Vec<usize> = (0..self.all.len())
            .filter(|index| self.is_waiting(*index) && self.obstacle(*index).is_none())
            .collect();
        assert!(may.len() + under_way.len() <= self.limits.per_cluster, "{may:?}");
        for node in ["x", "y"] {
            let there = |index: &&usize| self.all[**index].spec.target_node.as_deref() == Some(node);
            let count = may.iter().chain(&under_way).filter(there).count();
            assert!(count <= self.limits.per_node, "{node}: {may:?}");
        }
    }

    /// Namespaces whose first move goes to this node and waits for other namespaces only.
    fn kept_waiting(&self, target: Option<&str>) -> Vec<String> {
        let first_of = |namespace: &str| {
            (0..self.all.len()).find(|index| self.is_waiting(*index) && self.namespace(*index) == namespace)
        };
        let is_kept = |index: usize| {
            self.all[index].spec.target_node.as_deref() == target
                && self.obstacle(index) == Some(Obstacle::Others)
        };
        ["a", "b", "c", "d"]
            .into_iter()
            .filter(|namespace| first_of(namespace).is_some_and(is_kept))
            .map(str::to_owned)
            .collect()
    }
}

fn moves() -> impl Strategy<Value = Vec<StatefulMigration>> {
    let one = (
        prop::sample::select(vec!["a", "b", "c", "d"]),
        prop::sample::select(vec!["x", "y"]),
    );
    prop::collection::vec(one, 1..20).prop_map(|all| {
        all.into_iter()
            .enumerate()
            .map(|(number, (namespace, target))| ordered(namespace, number, target))
            .collect()
    })
}

#[test]
fn the_two_moves_of_one_namespace_are_not_behind_the_sixty_of_another() {
    let limits = Limits {
        per_node: 5,
        per_cluster: 5,
    };
    let many = (0..60).map(|number| ordered("many", number, "x"));
    let few = (60..62).map(|number| ordered("few", number, "x"));
    let mut played = Played::new(limits, many.clone().collect());
    for index in 0..60 {
        played.visit(index);
    }
    assert_eq!(played.begun.len(), 5);
    played.all = played.all.into_iter().chain(few).collect();
    for _ in 0..57 {
        played.end(0);
        for index in 0..62 {
            played.visit(index);
        }
    }
    assert_eq!(played.begun[5..9], ["few", "many", "few", "many"]);
    assert_eq!(played.begun.len(), 62, "all begin in the end");
}

#[test]
fn a_namespace_that_does_not_use_its_turn_keeps_nobody_waiting_for_long() {
    let limits = Limits {
        per_node: 1,
        per_cluster: 1,
    };
    let mut played = Played::new(limits, vec![ordered("a", 0, "x"), ordered("b", 1, "y")]);
    assert_eq!(played.obstacle(0), None);
    let now = played.now();
    played.rounds.has("a", now);
    played.millis += 4_900;
    assert_eq!(played.obstacle(1), Some(Obstacle::Others), "it is being prepared");
    played.millis += 200;
    assert_eq!(played.obstacle(1), None);
    assert_eq!(played.obstacle(0), Some(Obstacle::Others), "its turn comes again");
}

#[test]
fn who_waits_for_a_node_that_is_full_is_ahead_of_nobody() {
    let limits = Limits {
        per_node: 1,
        per_cluster: 2,
    };
    let all = (0..4).map(|number| ordered("a", number, "x"));
    let mut played = Played::new(
        limits,
        all.chain([ordered("a", 4, "y"), ordered("b", 5, "y")]).collect(),
    );
    assert!(played.visit(0));
    assert_eq!(
        played.obstacle(4),
        Some(Obstacle::Others),
        "b has not had its turn yet"
    );
    assert!(played.visit(5), "its node has a place");
    played.end(1);
    assert!(played.visit(4), "three of its namespace wait for the other node");
}

#[test]
fn who_was_found_to_need_a_full_node_is_not_prepared_again_until_it_has_a_place() {
    let mut played = Played::new(LIMITS, (0..3).map(|number| ordered("a", number, "x")).collect());
    played.all[2].spec.target_node = None;
    assert!(played.visit(0) && played.visit(1));
    assert_eq!(played.obstacle(2), None, "its node is not known yet");
    let waiting =
        json!({"waiting": {"for": "MovesPerNode", "node": "x", "since": "2026-11-29T10:00:00.000000Z"}});
    played.all[2].status = Some(serde_json::from_value(waiting).unwrap());
    assert!(matches!(played.obstacle(2), Some(Obstacle::Node { .. })));
    played.end(0);
    assert_eq!(played.obstacle(2), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn turns_go_round_and_limits_hold(all in moves(), acts in prop::collection::vec((0..4_usize, 0..64_usize), 0..150)) {
        let mut played = Played::new(LIMITS, all);
        // How often another namespace began a move to a node while this one waited for its turn there.
        let mut passed: HashMap<(String, String, Option<String>), usize> = HashMap::new();
        for (kind, which) in acts {
            if kind == 0 {
                played.end(which);
                continue;
            }
            let index = which % played.all.len();
            let target = played.all[index].spec.target_node.clone();
            let kept = played.kept_waiting(target.as_deref());
            played.lets_few_through();
            let older: Vec<usize> = (0..index)
                .filter(|other| {
                    played.is_waiting(*other)
                        && played.namespace(*other) == played.namespace(index)
                        && played.all[*other].spec.target_node == played.all[index].spec.target_node
                })
                .collect();
            let older_may = older.iter().all(|other| played.obstacle(*other).is_none());
            if !played.visit(index) {
                continue;
            }
            prop_assert!(older_may, "{index} began, and one of {older:?} may not");
            played.keeps_the_limits();
            let began = played.namespace(index);
            passed.retain(|(namespace, ..), _| *namespace != began);
            for namespace in kept.into_iter().filter(|namespace| *namespace != began) {
                let times = passed.entry((namespace, began.clone(), target.clone())).or_default();
                *times += 1;
                prop_assert!(*times <= 1, "{began} began two while another waited for its turn");
            }
        }
    }

    #[test]
    fn every_move_begins_in_the_end(all in moves()) {
        let count = all.len();
        let mut played = Played::new(LIMITS, all);
        for _ in 0..count {
            for index in (0..count).rev() {
                played.visit(index);
            }
            played.end(0);
        }
        prop_assert_eq!(played.begun.len(), count);
    }
}
