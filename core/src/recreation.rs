//! Whether a StatefulSet makes a pod anew that goes.

use k8s_openapi::api::core::v1::Pod;

use crate::workload::{Workload, controller_of, ordinal_of};

/// What its StatefulSet does about a pod that is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recreation {
    /// It makes it.
    Comes,
    /// It makes one pod after another, and one before this pod is not ready.
    After {
        /// That pod.
        pod: String,
    },
    /// It wants fewer pods.
    Unwanted {
        /// How many.
        replicas: i32,
    },
    /// The StatefulSet is gone.
    Removed,
}

/// Told from the StatefulSet that owned pod `name`, by this UID, and from pods of its namespace.
pub fn of(name: &str, uid: &str, set: Option<&Workload>, pods: &[Pod]) -> Recreation {
    let Some(set) = set.filter(|set| set.metadata.uid.as_deref() == Some(uid)) else {
        return Recreation::Removed;
    };
    let (Some(order), Some(ordinal)) = (set.order, ordinal_of(name)) else {
        return Recreation::Comes;
    };
    if ordinal >= order.first + set.replicas {
        return Recreation::Unwanted {
            replicas: set.replicas,
        };
    }
    let stem = set.metadata.name.as_deref().unwrap_or_default();
    let mut before = (order.first..ordinal).map(|ordinal| format!("{stem}-{ordinal}"));
    let is_ready = |name: &String| pods.iter().any(|pod| is_of(pod, uid) && is_ready(pod, name));
    match before.find(|name| order.one_by_one && !is_ready(name)) {
        Some(pod) => Recreation::After { pod },
        None => Recreation::Comes,
    }
}

fn is_of(pod: &Pod, uid: &str) -> bool {
    controller_of(pod).is_some_and(|owner| owner.uid == uid)
}

/// As a StatefulSet asks before it makes the next pod.
fn is_ready(pod: &Pod, name: &str) -> bool {
    let status = pod.status.as_ref();
    let conditions = status.and_then(|status| status.conditions.as_ref());
    let mut ready = conditions.into_iter().flatten().filter(|c| c.type_ == "Ready");
    pod.metadata.name.as_deref() == Some(name)
        && pod.metadata.deletion_timestamp.is_none()
        && status.and_then(|status| status.phase.as_deref()) == Some("Running")
        && ready.any(|condition| condition.status == "True")
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::apps::v1::StatefulSet;
    use serde_json::{Value, json};

    use super::*;

    fn set(policy: &str) -> Workload {
        let set: StatefulSet = serde_json::from_value(json!({
            "metadata": {"name": "orders", "uid": "u"},
            "spec": {"selector": {}, "template": {}, "replicas": 3, "podManagementPolicy": policy},
        }))
        .unwrap();
        set.into()
    }

    fn pod(name: &str, change: Value) -> Pod {
        let mut pod = json!({
            "metadata": {"name": name, "ownerReferences": [
                {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "orders", "uid": "u", "controller": true}]},
            "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]},
        });
        json_merge(&mut pod, change);
        serde_json::from_value(pod).unwrap()
    }

    fn json_merge(into: &mut Value, from: Value) {
        match (into, from) {
            (Value::Object(into), Value::Object(from)) => {
                for (key, value) in from {
                    json_merge(into.entry(key).or_insert(Value::Null), value);
                }
            }
            (into, from) => *into = from,
        }
    }

    #[test]
    fn one_pod_is_made_after_another_only_when_all_before_it_are_ready() {
        let after = |pod: &str| Recreation::After { pod: pod.into() };
        let not_ready = json!({"status": {"conditions": [{"type": "Ready", "status": "False"}]}});
        let pending = json!({"status": {"phase": "Pending"}});
        let goes = json!({"metadata": {"deletionTimestamp": "2026-11-29T10:00:00Z"}});
        let foreign = json!({"metadata": {"ownerReferences": []}});
        let fine = || pod("orders-0", json!({}));
        for change in [not_ready, pending, goes, foreign] {
            let pods = [pod("orders-0", change.clone()), pod("orders-1", json!({}))];
            assert_eq!(
                of("orders-2", "u", Some(&set("OrderedReady")), &pods),
                after("orders-0"),
                "{change}"
            );
            assert_eq!(
                of("orders-2", "u", Some(&set("Parallel")), &pods),
                Recreation::Comes,
                "{change}"
            );
            assert_eq!(
                of("orders-0", "u", Some(&set("OrderedReady")), &pods),
                Recreation::Comes,
                "{change}"
            );
        }
        assert_eq!(
            of("orders-2", "u", Some(&set("OrderedReady")), &[fine()]),
            after("orders-1")
        );
        assert_eq!(
            of("orders-1", "u", Some(&set("OrderedReady")), &[fine()]),
            Recreation::Comes
        );
    }

    #[test]
    fn what_a_set_does_not_want_or_who_is_gone_makes_nothing() {
        let unwanted = Recreation::Unwanted { replicas: 3 };
        assert_eq!(of("orders-3", "u", Some(&set("Parallel")), &[]), unwanted);
        assert_eq!(of("orders-0", "u", None, &[]), Recreation::Removed);
        assert_eq!(
            of("orders-0", "another", Some(&set("Parallel")), &[]),
            Recreation::Removed
        );
    }
}
