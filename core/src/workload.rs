//! What owns a pod, as far as a migration of the pod is concerned.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::{ReplicaSet, StatefulSet, StatefulSetSpec};
use k8s_openapi::api::core::v1::{Container, Pod, PodSpec};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::core::ObjectMeta;

use crate::api::OwnerKind;
use crate::names;

/// The owner of a pod.
#[derive(Clone, Debug, PartialEq)]
pub struct Workload {
    /// What it is.
    pub kind: OwnerKind,
    /// Its metadata.
    pub metadata: ObjectMeta,
    /// Pods that it wants.
    pub replicas: i32,
    /// Pods of it that are ready.
    pub ready: i32,
    /// Names and values of the labels by which it knows its pods.
    pub selector: BTreeMap<String, String>,
    /// Of a StatefulSet, where it tells.
    pub revisions: Option<Revisions>,
    /// Of a StatefulSet: in which order it makes its pods.
    pub order: Option<Order>,
    /// Memory limits of the containers in its template, by container.
    pub memory_limits: BTreeMap<String, Quantity>,
}

/// In which order a StatefulSet makes its pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    /// One only when all before it are ready (`OrderedReady`, the default).
    pub one_by_one: bool,
    /// Ordinal of the first.
    pub first: i32,
}

impl Order {
    fn of(set: &StatefulSetSpec) -> Self {
        Self {
            one_by_one: set.pod_management_policy.as_deref() != Some("Parallel"),
            first: first_ordinal(set),
        }
    }
}

fn first_ordinal(set: &StatefulSetSpec) -> i32 {
    set.ordinals
        .as_ref()
        .and_then(|ordinals| ordinals.start)
        .unwrap_or(0)
}

fn memory_limits(template: Option<&PodSpec>) -> BTreeMap<String, Quantity> {
    let containers = template.into_iter().flat_map(|spec| &spec.containers);
    let limit = |container: &Container| {
        let limits = container.resources.as_ref()?.limits.as_ref()?;
        Some((container.name.clone(), limits.get("memory")?.clone()))
    };
    containers.filter_map(limit).collect()
}

/// From which template a StatefulSet makes its pods anew.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Revisions {
    /// Revision before a rollout.
    current: String,
    /// Revision that a rollout leads to.
    update: String,
    /// Pods with a lower ordinal are made from the former.
    kept_below: i32,
    /// Its status speaks of the template as it is now.
    up_to_date: bool,
}

impl Revisions {
    fn of(set: &StatefulSet) -> Option<Self> {
        let (spec, status) = (set.spec.as_ref()?, set.status.as_ref()?);
        let strategy = spec.update_strategy.as_ref();
        let rolling = strategy
            .filter(|strategy| strategy.type_.as_deref() != Some("OnDelete"))
            .and_then(|strategy| strategy.rolling_update.as_ref());
        Some(Self {
            current: status.current_revision.clone()?,
            update: status.update_revision.clone()?,
            kept_below: first_ordinal(spec) + rolling.and_then(|rolling| rolling.partition).unwrap_or(0),
            up_to_date: status.observed_generation == set.metadata.generation,
        })
    }

    /// Revision from which the pod with this ordinal would be made now; `None` while that is not settled.
    pub fn next(&self, ordinal: i32) -> Option<&str> {
        let next = if ordinal < self.kept_below {
            &self.current
        } else {
            &self.update
        };
        self.up_to_date.then_some(next)
    }
}

/// Label with the revision of the StatefulSet that a pod was made from.
const REVISION: &str = "controller-revision-hash";

/// Revision of its StatefulSet that a pod was made from. Pods of other owners have none.
pub fn revision_of(pod: &Pod) -> Option<String> {
    let of_a_set = owner_of(pod).is_some_and(|(kind, _)| kind == OwnerKind::StatefulSet);
    let labels = pod.metadata.labels.as_ref().filter(|_| of_a_set)?;
    labels.get(REVISION).cloned()
}

/// Ordinal of a StatefulSet's pod.
pub fn ordinal_of(pod: &str) -> Option<i32> {
    pod.rsplit_once('-')?.1.parse().ok()
}

impl From<StatefulSet> for Workload {
    fn from(set: StatefulSet) -> Self {
        let revisions = Revisions::of(&set);
        let spec = set.spec.unwrap_or_default();
        Self {
            kind: OwnerKind::StatefulSet,
            metadata: set.metadata,
            replicas: spec.replicas.unwrap_or(1),
            ready: set.status.and_then(|status| status.ready_replicas).unwrap_or(0),
            order: Some(Order::of(&spec)),
            memory_limits: memory_limits(spec.template.spec.as_ref()),
            selector: spec.selector.match_labels.unwrap_or_default(),
            revisions,
        }
    }
}

impl From<ReplicaSet> for Workload {
    fn from(set: ReplicaSet) -> Self {
        let spec = set.spec.unwrap_or_default();
        Self {
            kind: OwnerKind::ReplicaSet,
            metadata: set.metadata,
            replicas: spec.replicas.unwrap_or(1),
            ready: set.status.and_then(|status| status.ready_replicas).unwrap_or(0),
            order: None,
            memory_limits: memory_limits(spec.template.and_then(|template| template.spec).as_ref()),
            selector: spec.selector.match_labels.unwrap_or_default(),
            revisions: None,
        }
    }
}

impl Workload {
    /// The Deployment that it belongs to.
    pub fn deployment(&self) -> Option<&str> {
        let owners = self.metadata.owner_references.iter().flatten();
        let mut controllers = owners.filter(|owner| owner.controller == Some(true));
        let deployment = controllers.find(|owner| owner.kind == "Deployment")?;
        Some(&deployment.name)
    }

    /// Whether a copy can stay unknown to it until it is to be adopted (a ReplicaSet of a Deployment or a Rollout).
    pub fn tells_by_template_hash(&self) -> bool {
        self.selector.keys().any(|label| names::is_template_hash(label))
    }
}

/// The reference to the owner that controls `pod`.
pub fn controller_of(pod: &Pod) -> Option<&OwnerReference> {
    pod.metadata
        .owner_references
        .iter()
        .flatten()
        .find(|owner| owner.controller == Some(true))
}

/// The same, if its kind is one whose pods can be moved.
pub fn owner_of(pod: &Pod) -> Option<(OwnerKind, &OwnerReference)> {
    let owner = controller_of(pod)?;
    match owner.kind.as_str() {
        "StatefulSet" => Some((OwnerKind::StatefulSet, owner)),
        "ReplicaSet" => Some((OwnerKind::ReplicaSet, owner)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn set(strategy: Value, observed: i64) -> Revisions {
        let set = json!({
            "metadata": {"generation": 3},
            "spec": {"selector": {}, "serviceName": "s", "template": {}, "ordinals": {"start": 5},
                     "updateStrategy": strategy},
            "status": {"replicas": 3, "observedGeneration": observed, "currentRevision": "old", "updateRevision": "new"},
        });
        Revisions::of(&serde_json::from_value(set).unwrap()).unwrap()
    }

    #[test]
    fn a_pod_is_made_from_the_revision_that_its_statefulset_would_take() {
        let rolling =
            |partition: i32| json!({"type": "RollingUpdate", "rollingUpdate": {"partition": partition}});
        for (strategy, observed, ordinal, next) in [
            (rolling(0), 3, 5, Some("new")),
            (rolling(1), 3, 5, Some("old")),
            (rolling(1), 3, 6, Some("new")),
            (json!({"type": "OnDelete"}), 3, 5, Some("new")),
            (rolling(0), 2, 5, None),
        ] {
            let revisions = set(strategy.clone(), observed);
            assert_eq!(revisions.next(ordinal), next, "{strategy} {observed} {ordinal}");
        }
    }

    #[test]
    fn a_replica_set_names_its_deployment_and_no_other_owner() {
        for (kind, controller, named) in [
            ("Deployment", true, Some("orders")),
            ("Deployment", false, None),
            ("Rollout", true, None),
        ] {
            let owner = json!({"apiVersion": "v1", "kind": kind, "name": "orders", "uid": "u", "controller": controller});
            let set = json!({"metadata": {"ownerReferences": [owner]}, "spec": {"selector": {}}});
            let set: Workload = serde_json::from_value::<ReplicaSet>(set).unwrap().into();
            assert_eq!(set.deployment(), named, "{kind} {controller}");
        }
    }

    #[test]
    fn ordinals_end_the_name() {
        assert_eq!(ordinal_of("orders-v2-11"), Some(11));
        assert_eq!(ordinal_of("orders"), None);
    }
}
