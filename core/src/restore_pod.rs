//! Pods that restore a container: the one a StatefulSet re-creates, the one that stands in for it meanwhile, and the
//! one that takes the place of a pod whose name does not matter.
//!
//! Guarantees: [`announce`] adds the runtime class, the annotations and the node that a restore needs and changes
//! nothing else, however often it is applied; [`shadow_of`] and [`successor_of`] are the source's own pod under another
//! name, and [`pin_image`] lets it run from the same image. The source's owner does not control them, and neither it nor the deletion of a migration removes them; but they
//! belong to it: whoever deletes the owner with its pods deletes them, too.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    Affinity, Container, NodeAffinity, NodeSelector, NodeSelectorRequirement, NodeSelectorTerm, Pod, PodSpec,
    Volume,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::core::ObjectMeta;

use crate::machine::route::Route;
use crate::names::{self, Key};
use crate::{image_pod, workload};

/// Prefix of the volume that admission adds for the service account's token.
const TOKEN_VOLUME: &str = "kube-api-access-";
/// Longest host name of a pod; kubelet cuts longer ones.
const HOSTNAME_MAX: usize = 63;
/// Annotations that describe one incarnation of a pod: written by network plug-ins when its sandbox starts.
const OF_ONE_SANDBOX: [&str; 5] = [
    "cni.projectcalico.org/containerID",
    "cni.projectcalico.org/podIP",
    "cni.projectcalico.org/podIPs",
    "k8s.v1.cni.cncf.io/network-status",
    "k8s.v1.cni.cncf.io/networks-status",
];
/// Annotations that speak of one pod among its siblings, not of what runs in it.
const OF_ONE_POD: [&str; 1] = [names::DELETION_COST];

/// Argo CD: the pod does not count against its application, and is not pruned. Other options of its own may stand beside.
const ARGO_CD: [(&str, &str); 2] = [
    ("argocd.argoproj.io/compare-options", "IgnoreExtraneous"),
    ("argocd.argoproj.io/sync-options", "Prune=false"),
];
/// Flux: the pod is neither pruned nor applied.
const FLUX: [(&str, &str); 2] = [
    ("kustomize.toolkit.fluxcd.io/prune", "disabled"),
    ("kustomize.toolkit.fluxcd.io/ssa", "Ignore"),
];

/// The migration on whose behalf a shadow pod is made.
#[derive(Clone, Copy, Debug)]
pub struct Cause<'a> {
    /// Name of the StatefulMigration.
    pub name: &'a str,
    /// Its UID.
    pub uid: &'a str,
}

/// Turns `pod` into one whose `container` is restored under `key` on `node`.
pub fn announce(pod: &mut Pod, key: &Key, migration: &str, container: &str, node: &str) {
    let annotations = pod.metadata.annotations.get_or_insert_default();
    annotations.insert(names::RESTORE_KEY.to_owned(), key.to_string());
    annotations.insert(names::RESTORE_CONTAINER.to_owned(), container.to_owned());
    annotations.insert(names::MIGRATION.to_owned(), migration.to_owned());
    let spec = pod.spec.get_or_insert_default();
    spec.runtime_class_name = Some(names::RUNTIME_CLASS.to_owned());
    pin(spec.affinity.get_or_insert_default(), node);
}

/// Lets `container` run from `image`, the one that the source runs from, whatever the tag in its template means by now.
pub fn pin_image(pod: &mut Pod, container: &str, image: &str) {
    let spec = pod.spec.get_or_insert_default();
    if let Some(moved) = spec.containers.iter_mut().find(|one| one.name == container) {
        moved.image = Some(image.to_owned());
    }
}

/// The pod that stands in for `source` while the name of `source` is re-created. It never restarts: a crash of it is
/// the crash of the application.
pub fn shadow_of(source: &Pod, key: &Key, cause: Cause<'_>, container: &str, node: &str) -> Pod {
    let name = names::shadow_pod(source.metadata.name.as_deref().unwrap_or_default());
    let mut shadow = copy_of(source, &name);
    mark(shadow.metadata.labels.get_or_insert_default(), cause.uid);
    leave_alone(shadow.metadata.annotations.get_or_insert_default());
    if let Some(spec) = &mut shadow.spec {
        spec.restart_policy = Some("Never".to_owned());
        spec.hostname = (name.len() <= HOSTNAME_MAX).then(|| name.clone());
        // If it ends before it has taken over, its last words say why, and the pod is gone soon.
        for moved in spec.containers.iter_mut().filter(|one| one.name == container) {
            moved.termination_message_policy = Some("FallbackToLogsOnError".to_owned());
        }
    }
    announce(&mut shadow, key, cause.name, container, node);
    shadow
}

/// Tools that keep a cluster as a repository has it know a pod of theirs by labels and annotations, which its copy has, too. They
/// neither remove a copy that no template describes, nor call their application changed for its sake.
fn leave_alone(annotations: &mut BTreeMap<String, String>) {
    for (name, option) in ARGO_CD {
        let options = annotations.entry(name.to_owned()).or_default();
        let (key, _) = option.split_once('=').unwrap_or((option, ""));
        let others = options.split(',').map(str::trim);
        let others = others.filter(|one| !one.is_empty() && one.split('=').next() != Some(key));
        *options = others.chain([option]).collect::<Vec<_>>().join(",");
    }
    for (name, value) in FLUX {
        annotations.insert(name.to_owned(), value.to_owned());
    }
}

/// Labels that tell a stand-in from the pod that it stands in for.
fn mark(labels: &mut BTreeMap<String, String>, uid: &str) {
    labels.insert(names::ROLE.to_owned(), "shadow".to_owned());
    labels.insert(names::MIGRATION_UID.to_owned(), uid.to_owned());
}

/// Labels of the first pod that takes over from `source`.
pub fn labels_of_copy(source: &Pod, route: Route, uid: &str) -> BTreeMap<String, String> {
    let mut labels = source.metadata.labels.clone().unwrap_or_default();
    match route {
        Route::Twice => mark(&mut labels, uid),
        Route::Once | Route::Adopted => labels.retain(|label, _| !names::is_template_hash(label)),
        Route::InPlace => {}
    }
    labels
}

/// The pod that takes the place of `source` for good, under another name. The label by which a ReplicaSet knows its pods is
/// an annotation until it is adopted: a ReplicaSet with one pod too many would remove the one that is not ready, this one.
pub fn successor_of(
    source: &Pod,
    name: &str,
    key: &Key,
    cause: Cause<'_>,
    container: &str,
    node: &str,
) -> Pod {
    let mut successor = copy_of(source, name);
    let labels = successor.metadata.labels.take().unwrap_or_default();
    let (hashes, labels): (BTreeMap<_, _>, BTreeMap<_, _>) = labels
        .into_iter()
        .partition(|(label, _)| names::is_template_hash(label));
    successor.metadata.labels = Some(labels);
    successor
        .metadata
        .annotations
        .get_or_insert_default()
        .extend(hashes);
    if workload::controller_of(source).is_none() {
        leave_alone(successor.metadata.annotations.get_or_insert_default());
    }
    announce(&mut successor, key, cause.name, container, node);
    successor
}

/// The labels that [`successor_of`] kept from `successor`.
pub fn template_hashes(successor: &Pod) -> BTreeMap<String, String> {
    let annotations = successor.metadata.annotations.iter().flatten();
    annotations
        .filter(|(name, _)| names::is_template_hash(name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

/// The garbage collector deletes what belongs to nobody any more; a controller counts what it controls.
fn belonging(source: &Pod) -> Option<Vec<OwnerReference>> {
    let owner = workload::controller_of(source)?;
    Some(vec![OwnerReference {
        controller: None,
        block_owner_deletion: None,
        ..owner.clone()
    }])
}

/// The spec of `source` without what admission, scheduler and an earlier migration added.
pub(crate) fn own_spec(source: &Pod) -> PodSpec {
    copy_of(source, "").spec.unwrap_or_default()
}

/// The source's own pod under another name and controlled by nobody, as it was before anybody added to it.
fn copy_of(source: &Pod, name: &str) -> Pod {
    let mut source = source.clone();
    image_pod::give_back(&mut source);
    let source = &source;
    let mut spec = source.spec.clone().map(fresh);
    if let (Some(spec), true) = (spec.as_mut(), was_announced(source)) {
        let node = source.spec.as_ref().and_then(|spec| spec.node_name.as_deref());
        unpin(spec, node.unwrap_or_default());
    }
    Pod {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            namespace: source.metadata.namespace.clone(),
            labels: Some(source.metadata.labels.clone().unwrap_or_default()),
            annotations: Some(lasting(source.metadata.annotations.as_ref())),
            owner_references: belonging(source),
            ..ObjectMeta::default()
        },
        spec,
        status: None,
    }
}

/// The spec as it was before admission, scheduler and debuggers added to it.
fn fresh(mut spec: PodSpec) -> PodSpec {
    spec.node_name = None;
    spec.ephemeral_containers = None;
    spec.scheduling_gates = None;
    // Computed again by admission, which refuses values that differ from its own.
    spec.overhead = None;
    spec.priority = None;
    spec.preemption_policy = None;
    let tokens: Vec<String> = spec
        .volumes
        .iter()
        .flatten()
        .filter(|v| is_token(v))
        .map(|v| v.name.clone())
        .collect();
    if let Some(volumes) = spec.volumes.as_mut() {
        volumes.retain(|volume| !is_token(volume));
    }
    let inits = spec.init_containers.iter_mut().flatten();
    for container in spec.containers.iter_mut().chain(inits) {
        unmount(container, &tokens);
    }
    spec
}

/// Admission adds the volume again, under a new name but at the same mount path.
fn is_token(volume: &Volume) -> bool {
    let sources = volume
        .projected
        .as_ref()
        .and_then(|projected| projected.sources.as_ref());
    volume.name.starts_with(TOKEN_VOLUME)
        && sources.is_some_and(|sources| {
            sources
                .iter()
                .any(|source| source.service_account_token.is_some())
        })
}

fn unmount(container: &mut Container, volumes: &[String]) {
    if let Some(mounts) = container.volume_mounts.as_mut() {
        mounts.retain(|mount| !volumes.contains(&mount.name));
    }
}

/// Whether the pod is the outcome of an earlier migration.
fn was_announced(pod: &Pod) -> bool {
    pod.metadata
        .annotations
        .as_ref()
        .is_some_and(|annotations| annotations.contains_key(names::RESTORE_KEY))
}

fn lasting(annotations: Option<&BTreeMap<String, String>>) -> BTreeMap<String, String> {
    let mut kept = annotations.cloned().unwrap_or_default();
    let of_one = |name: &str| OF_ONE_SANDBOX.contains(&name) || OF_ONE_POD.contains(&name);
    kept.retain(|name, _| !of_one(name) && !names::is_template_hash(name));
    kept
}

/// Narrows the required node affinity to `node`. Terms are alternatives, so each one is narrowed; an empty term
/// matches no node and must go on doing so.
fn pin(affinity: &mut Affinity, node: &str) {
    let affinity: &mut NodeAffinity = affinity.node_affinity.get_or_insert_default();
    let required: &mut NodeSelector = affinity
        .required_during_scheduling_ignored_during_execution
        .get_or_insert_default();
    if required.node_selector_terms.is_empty() {
        required.node_selector_terms.push(NodeSelectorTerm::default());
        narrow(&mut required.node_selector_terms, node, true);
    } else {
        narrow(&mut required.node_selector_terms, node, false);
    }
}

fn narrow(terms: &mut [NodeSelectorTerm], node: &str, also_empty: bool) {
    let wanted = exactly(node);
    for term in terms {
        let there = term.match_fields.iter().flatten().any(|field| *field == wanted);
        if !there && (also_empty || !is_empty(term)) {
            term.match_fields.get_or_insert_default().push(wanted.clone());
        }
    }
}

/// Takes back what [`pin`] did when the pod came to the node it now leaves.
fn unpin(spec: &mut PodSpec, node: &str) {
    let Some(node_affinity) = spec
        .affinity
        .as_mut()
        .and_then(|affinity| affinity.node_affinity.as_mut())
    else {
        return;
    };
    let Some(required) = node_affinity
        .required_during_scheduling_ignored_during_execution
        .as_mut()
    else {
        return;
    };
    let ours = exactly(node);
    required.node_selector_terms.retain_mut(|term| {
        let before = is_empty(term);
        if let Some(fields) = term.match_fields.as_mut() {
            fields.retain(|field| *field != ours);
        }
        before || !is_empty(term)
    });
    if required.node_selector_terms.is_empty() {
        node_affinity.required_during_scheduling_ignored_during_execution = None;
    }
}

fn exactly(node: &str) -> NodeSelectorRequirement {
    NodeSelectorRequirement {
        key: "metadata.name".to_owned(),
        operator: "In".to_owned(),
        values: Some(vec![node.to_owned()]),
    }
}

fn is_empty(term: &NodeSelectorTerm) -> bool {
    term.match_expressions.as_ref().is_none_or(Vec::is_empty)
        && term.match_fields.as_ref().is_none_or(Vec::is_empty)
}
