//! How long a migration is kept after its end. Pure.
//!
//! Guarantee: none goes that is under way, stuck, held by a finalizer of ours or being deleted already. One whose verdict is not
//! exact is never history within its first days.

use std::collections::HashMap;
use std::time::Duration;

use k8s_openapi::jiff::Timestamp;

use crate::api::{MigrationStatus, StatefulMigration};
use crate::eviction::next;
use crate::names;

/// A plan is kept for so long where it does not say itself, for those that asked for it.
const PLAN: Duration = Duration::from_mins(10);
/// History is at least so old: a program that waits for the end of a move has seen it. `ttlSecondsAfterFinished` has the same bound.
const SEEN: Duration = Duration::from_secs(30);
/// A verdict that is not exact is for a person, who may be away for a week.
const INEXACT: Duration = Duration::from_hours(7 * 24);

/// How many moves that have ended are kept; 0: all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct History {
    /// Of one pod, by its namespace and name.
    pub per_pod: usize,
    /// Of one namespace, whatever their pods were called.
    pub per_namespace: usize,
}

/// Those of `all` that are to be deleted now.
pub fn outlived<T>(all: &[T], history: History, now: Timestamp) -> Vec<&StatefulMigration>
where
    T: AsRef<StatefulMigration>,
{
    let mut ended: Vec<Ended<'_>> = all
        .iter()
        .filter_map(|one| Ended::of(one.as_ref(), now))
        .collect();
    // The latest first; by name where two ended at the same moment.
    ended.sort_by_key(|one| (one.age, one.migration.metadata.name.as_deref()));
    let mut of_pods = HashMap::new();
    let mut of_namespaces = HashMap::new();
    let mut outlived = Vec::new();
    for one in ended {
        let spec = &one.migration.spec;
        let namespace = one.migration.metadata.namespace.as_deref().unwrap_or_default();
        // A plan is no move: it goes after its time, and takes no place in the history.
        let is_history = !spec.plan_only && {
            let pod = is_beyond(
                &mut of_pods,
                (namespace, spec.source_pod.as_str()),
                history.per_pod,
            );
            let namespace = is_beyond(&mut of_namespaces, namespace, history.per_namespace);
            (pod || namespace) && one.may_be_history()
        };
        if is_history || one.time_is_over() {
            outlived.push(one.migration);
        }
    }
    outlived
}

/// Counts one more; whether it is one too many.
fn is_beyond<K: Eq + std::hash::Hash>(seen: &mut HashMap<K, usize>, key: K, most: usize) -> bool {
    let count = seen.entry(key).or_default();
    *count += 1;
    most > 0 && *count > most
}

/// One that may be deleted.
struct Ended<'a> {
    migration: &'a StatefulMigration,
    status: &'a MigrationStatus,
    age: Duration,
}

impl<'a> Ended<'a> {
    fn of(migration: &'a StatefulMigration, now: Timestamp) -> Option<Self> {
        let status = migration.status.as_ref()?;
        let finalizers = migration.metadata.finalizers.as_deref().unwrap_or_default();
        let stays = !status.phase.is_terminal()
            || status.is_stuck()
            || migration.metadata.deletion_timestamp.is_some()
            || finalizers.iter().any(|one| one == names::FINALIZER);
        let at = status.completion_time.as_ref().filter(|_| !stays)?.0;
        // A clock that was set back does not make anything old.
        let age = Duration::try_from(now.duration_since(at)).unwrap_or_default();
        Some(Self {
            migration,
            status,
            age,
        })
    }

    fn time_is_over(&self) -> bool {
        let spec = &self.migration.spec;
        let said = spec
            .ttl_seconds_after_finished
            .map(|seconds| Duration::from_secs(seconds.into()));
        let time = said.or(spec.plan_only.then_some(PLAN));
        time.is_some_and(|time| self.age >= time)
    }

    fn may_be_history(&self) -> bool {
        let is_inexact = self.status.verdict.as_ref().is_some_and(|verdict| !verdict.exact);
        let annotations = self.migration.metadata.annotations.as_ref();
        // The answers to later evictions rest on it, as long as its Evacuation is kept.
        let is_evacuation = annotations.is_some_and(|all| all.contains_key(names::EVACUATION));
        let at_least = match (is_inexact, is_evacuation) {
            (true, _) => INEXACT,
            (false, true) => next::KEPT,
            (false, false) => SEEN,
        };
        self.age >= at_least
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const HISTORY: History = History {
        per_pod: 2,
        per_namespace: 3,
    };
    const DAY: i64 = 24 * 3600;

    fn now() -> Timestamp {
        "2026-11-30T12:00:00Z".parse().unwrap()
    }

    /// One of pod `pod` that ended so many seconds ago, with `more` merged in.
    fn ended(name: &str, pod: &str, ago: i64, more: Value) -> Box<StatefulMigration> {
        let at = Timestamp::from_second(now().as_second() - ago).unwrap();
        let mut object = json!({"apiVersion": "migration.ms2m.io/v1alpha1", "kind": "StatefulMigration",
            "metadata": {"name": name, "namespace": "shop", "uid": name},
            "spec": {"sourcePod": pod},
            "status": {"phase": "Completed", "completionTime": format!("{at:.6}"),
                "verdict": {"exact": true, "because": "seen"}}});
        merge(&mut object, more);
        Box::new(serde_json::from_value(object).unwrap())
    }

    fn merge(into: &mut Value, more: Value) {
        match (into, more) {
            (Value::Object(into), Value::Object(more)) => {
                for (key, value) in more {
                    merge(into.entry(key).or_insert(Value::Null), value);
                }
            }
            (into, more) => *into = more,
        }
    }

    fn names(all: &[Box<StatefulMigration>], history: History) -> Vec<String> {
        let gone = outlived(all, history, now());
        gone.iter()
            .map(|one| one.metadata.name.clone().unwrap())
            .collect()
    }

    #[test]
    fn one_goes_after_its_time_and_only_when_it_has_ended() {
        let ttl = || json!({"spec": {"ttlSecondsAfterFinished": 60}});
        let and = |more: Value| {
            let mut both = ttl();
            merge(&mut both, more);
            both
        };
        let stuck = json!({"status": {"conditions": [{"type": "Stuck", "status": "True", "reason": "r", "message": "m",
            "lastTransitionTime": "2026-11-30T00:00:00Z"}]}});
        for (what, ago, more, goes) in [
            ("no time was named", 300 * DAY, json!({}), false),
            ("its time is over", 60, ttl(), true),
            ("its time is not over", 59, ttl(), false),
            ("it ended in the future", -3600, ttl(), false),
            (
                "it is under way",
                3600,
                and(json!({"status": {"phase": "Finalizing"}})),
                false,
            ),
            (
                "it is being undone",
                3600,
                and(json!({"status": {"phase": "Undoing"}})),
                false,
            ),
            (
                "it says no end",
                3600,
                and(json!({"status": {"completionTime": null}})),
                false,
            ),
            ("it is stuck", 3600, and(stuck), false),
            (
                "the finalizer holds it",
                3600,
                and(json!({"metadata": {"finalizers": [names::FINALIZER]}})),
                false,
            ),
            (
                "it is being deleted",
                3600,
                and(json!({"metadata": {"deletionTimestamp": "2026-11-30T11:00:00Z"}})),
                false,
            ),
            (
                "it is not exact, and its own time is over",
                60,
                and(json!({"status": {"verdict": {"exact": false}}})),
                true,
            ),
        ] {
            let all = [ended("one", "orders-0", ago, more)];
            assert_eq!(!names(&all, HISTORY).is_empty(), goes, "{what}");
        }
    }

    #[test]
    fn a_plan_goes_after_ten_minutes_or_after_its_own_time() {
        for (ago, time, goes) in [
            (599, None, false),
            (600, None, true),
            (59, Some(60), false),
            (60, Some(60), true),
            (600, Some(3600), false),
        ] {
            let plan = json!({"spec": {"planOnly": true, "ttlSecondsAfterFinished": time}, "status": {"phase": "Planned"}});
            let all = [ended("one", "orders-0", ago, plan)];
            assert_eq!(!names(&all, HISTORY).is_empty(), goes, "{ago} {time:?}");
        }
    }

    #[test]
    fn the_oldest_beyond_the_limit_of_a_pod_go_first() {
        let all = [
            ended("oldest", "orders-0", 400, json!({})),
            ended("latest", "orders-0", 100, json!({})),
            ended("old", "orders-0", 300, json!({})),
            ended(
                "late",
                "orders-0",
                200,
                json!({"status": {"phase": "Failed", "verdict": null}}),
            ),
            ended(
                "of-another-pod",
                "orders-1",
                900,
                json!({"metadata": {"namespace": "other"}}),
            ),
        ];
        assert_eq!(names(&all, HISTORY), ["old", "oldest"]);
        let all_kept = History {
            per_pod: 0,
            per_namespace: 0,
        };
        assert!(names(&all, all_kept).is_empty());
    }

    #[test]
    fn pods_with_ever_new_names_are_bounded_by_their_namespace() {
        let name = |number: i64| format!("carts-{number}");
        let all: Vec<_> = (1..=5)
            .map(|number| ended(&name(number), &name(number), number * 100, json!({})))
            .collect();
        assert_eq!(names(&all, HISTORY), ["carts-4", "carts-5"]);
    }

    #[test]
    fn what_is_not_exact_stays_for_a_week_and_what_has_just_ended_until_it_was_seen() {
        let inexact = || json!({"status": {"verdict": {"exact": false, "because": "a doubt"}}});
        for (what, ago, more, goes) in [
            ("exact", 3600, json!({}), true),
            ("exact, just ended", 29, json!({}), false),
            ("not exact, six days old", 6 * DAY, inexact(), false),
            ("not exact, a week old", 7 * DAY, inexact(), true),
            (
                "of an eviction",
                899,
                json!({"metadata": {"annotations": {(names::EVACUATION): "e"}}}),
                false,
            ),
            (
                "of an old eviction",
                900,
                json!({"metadata": {"annotations": {(names::EVACUATION): "e"}}}),
                true,
            ),
            (
                "under way",
                3600,
                json!({"status": {"phase": "Restoring"}}),
                false,
            ),
            ("a plan", 300, json!({"spec": {"planOnly": true}}), false),
        ] {
            let all = [
                ended("first", "orders-0", 1, json!({})),
                ended("second", "orders-0", 2, json!({})),
                ended("third", "orders-0", ago, more),
            ];
            assert_eq!(names(&all, HISTORY) == ["third"], goes, "{what}");
        }
    }

    #[test]
    fn plans_take_no_place_in_the_history() {
        let plan = |name: &str| ended(name, "orders-0", 100, json!({"spec": {"planOnly": true}}));
        let all = [
            plan("a"),
            plan("b"),
            plan("c"),
            ended("move", "orders-0", 200, json!({})),
        ];
        assert!(names(&all, HISTORY).is_empty());
    }
}
