//! What is to be done with a pod of a node that is drained.

use k8s_openapi::api::core::v1::Pod;
use serde::{Deserialize, Serialize};
use shadow_core::api::StatefulMigrationSpec;
use shadow_core::names;
use shadow_core::settings;
use shadow_core::workload::{Workload, controller_of};

/// What is done with a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum What {
    /// Moved with its memory.
    Move,
    /// Evicted, as `kubectl drain` does; only where that was asked for.
    Evict,
    /// Nothing: it stays.
    Stay,
}

impl What {
    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Move => "MOVE",
            Self::Evict => "EVICT",
            Self::Stay => "STAYS",
        }
    }
}

/// What an eviction may destroy; the same flags as those of `kubectl drain`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Leave {
    /// Files in emptyDir volumes.
    pub empty_dir_data: bool,
    /// Pods that no controller re-creates.
    pub unowned: bool,
}

const MIRROR: &str = "kubernetes.io/config.mirror";

/// What is done with a pod, and why.
pub fn sorted(pod: &Pod, owner: Option<&Workload>, leave: Leave) -> (What, String) {
    let kind = controller_of(pod).map(|owner| owner.kind.as_str());
    if annotations(pod).any(|key| key == MIRROR) {
        return (
            What::Stay,
            "static pod: its node's kubelet runs it from a file".to_owned(),
        );
    }
    if kind == Some("DaemonSet") {
        return (What::Stay, "DaemonSet: it runs on every node".to_owned());
    }
    if labels(pod).any(|key| key == names::ROLE) {
        return (
            What::Stay,
            "stand-in of a pod that is being moved: it goes when that move ends".to_owned(),
        );
    }
    if pod.metadata.deletion_timestamp.is_some() {
        return (What::Evict, "it ends already".to_owned());
    }
    if has_ended(pod) {
        return (What::Evict, "it has ended".to_owned());
    }
    if consumes(pod, owner) {
        return (What::Move, String::new());
    }
    let why = "not a consumer that can be moved: no queue is named for it";
    if kind.is_none() && !leave.unowned {
        let lost = "no controller would re-create it; to evict it all the same, add --force";
        return (What::Stay, format!("{why}, and {lost}"));
    }
    if has_files(pod) && !leave.empty_dir_data {
        let lost = "its emptyDir files would be lost; to evict it all the same, add --delete-emptydir-data";
        return (What::Stay, format!("{why}, and {lost}"));
    }
    (What::Evict, why.to_owned())
}

/// Whether pod or owner name a queue.
fn consumes(pod: &Pod, owner: Option<&Workload>) -> bool {
    let spec = StatefulMigrationSpec {
        source_pod: pod.metadata.name.clone().unwrap_or_default(),
        ..StatefulMigrationSpec::default()
    };
    settings::resolve(&spec, pod, owner).queue.is_some()
}

fn annotations(pod: &Pod) -> impl Iterator<Item = &String> {
    pod.metadata.annotations.iter().flat_map(|all| all.keys())
}

fn labels(pod: &Pod) -> impl Iterator<Item = &String> {
    pod.metadata.labels.iter().flat_map(|all| all.keys())
}

fn has_ended(pod: &Pod) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    matches!(phase, Some("Succeeded" | "Failed"))
}

fn has_files(pod: &Pod) -> bool {
    let volumes = pod.spec.iter().flat_map(|spec| spec.volumes.iter().flatten());
    volumes.into_iter().any(|volume| volume.empty_dir.is_some())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn sort(metadata: Value, spec: Value, phase: &str, leave: Leave) -> (What, String) {
        let pod = json!({"metadata": metadata, "spec": spec, "status": {"phase": phase}});
        sorted(&serde_json::from_value(pod).unwrap(), None, leave)
    }

    fn owned(kind: &str) -> Value {
        json!({"name": "p", "ownerReferences": [{"apiVersion": "apps/v1", "kind": kind, "name": "o", "uid": "u",
            "controller": true}]})
    }

    fn with(mut metadata: Value, what: &str, key: &str) -> Value {
        metadata[what] = json!({ key: "x" });
        metadata
    }

    fn deleted(mut metadata: Value) -> Value {
        metadata["deletionTimestamp"] = "2026-01-02T03:04:05Z".into();
        metadata
    }

    /// Metadata, volumes, phase, what is allowed, what follows and a word of the reason.
    type Case = (Value, &'static str, Leave, What, &'static str);

    fn cases() -> Vec<Case> {
        let all = Leave {
            empty_dir_data: true,
            unowned: true,
        };
        let none = Leave::default();
        let lone = json!({"name": "p"});
        let queue = |metadata: Value| with(metadata, "annotations", names::QUEUE);
        vec![
            (
                with(lone.clone(), "annotations", MIRROR),
                "Running",
                none,
                What::Stay,
                "static pod",
            ),
            (owned("DaemonSet"), "Running", all, What::Stay, "DaemonSet"),
            (
                with(lone.clone(), "labels", names::ROLE),
                "Running",
                all,
                What::Stay,
                "stand-in",
            ),
            (owned("Job"), "Succeeded", none, What::Evict, "it has ended"),
            (
                deleted(queue(lone.clone())),
                "Running",
                none,
                What::Evict,
                "it ends already",
            ),
            (queue(owned("Job")), "Running", none, What::Move, ""),
            (queue(lone.clone()), "Running", none, What::Move, ""),
            (
                owned("ReplicaSet"),
                "Running",
                none,
                What::Evict,
                "no queue is named",
            ),
            (lone.clone(), "Running", none, What::Stay, "--force"),
            (lone, "Running", all, What::Evict, "no queue"),
        ]
    }

    #[test]
    fn every_pod_is_sorted_with_a_reason() {
        let plain = json!({"containers": [{"name": "c"}]});
        for (row, (metadata, phase, leave, what, why)) in cases().into_iter().enumerate() {
            let (found, because) = sort(metadata, plain.clone(), phase, leave);
            assert_eq!(found, what, "row {row}: {because}");
            assert!(because.contains(why), "row {row}: {because}");
        }
    }

    #[test]
    fn files_that_an_eviction_would_destroy_are_asked_for() {
        let files = json!({"containers": [{"name": "c"}], "volumes": [{"name": "v", "emptyDir": {}}]});
        let leave = Leave {
            empty_dir_data: true,
            unowned: false,
        };
        let (kept, because) = sort(owned("ReplicaSet"), files.clone(), "Running", Leave::default());
        assert_eq!(kept, What::Stay);
        assert!(because.contains("--delete-emptydir-data"), "{because}");
        assert_eq!(sort(owned("ReplicaSet"), files, "Running", leave).0, What::Evict);
    }
}
