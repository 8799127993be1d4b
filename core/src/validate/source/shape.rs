//! What about a pod's spec stands in the way of a stand-in beside it on the target node.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod, PodAffinityTerm, PodSpec, Volume};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement};

use super::{FIELD, Facts, Report};
use crate::names;

/// Longest pod name that is also the host name: applications find their control queue by it.
const HOSTNAME_MAX: usize = 63;

pub(super) fn check(pod: &Pod, facts: &Facts, report: &mut Report) {
    let Some(spec) = &pod.spec else { return };
    let name = pod.metadata.name.as_deref().unwrap_or_default();
    let shadow = names::shadow_pod(name);
    if shadow.len() > HOSTNAME_MAX {
        report.refuse(FIELD, format!("the stand-in's name {shadow:?} exceeds {HOSTNAME_MAX} characters; shorten the StatefulSet's name"));
    }
    match spec.runtime_class_name.as_deref() {
        None | Some(names::RUNTIME_CLASS) => {}
        Some(other) => report.refuse(
            FIELD,
            format!("the pod runs under RuntimeClass {other:?}, whose containers cannot be dumped; only runc's can"),
        ),
    }
    ports(spec, report);
    apart(pod, spec, report);
    for volume in spec.volumes.iter().flatten() {
        check_volume(volume, &facts.claims, report);
    }
    if spec
        .containers
        .iter()
        .any(|c| c.lifecycle.as_ref().is_some_and(|l| l.post_start.is_some()))
    {
        report.warn("the pod has a postStart hook, which kubelet runs again in the moved process");
    }
}

fn ports(spec: &PodSpec, report: &mut Report) {
    let host_port = spec
        .containers
        .iter()
        .flat_map(|c| c.ports.iter().flatten())
        .find_map(|port| port.host_port);
    if spec.host_network == Some(true) {
        report.refuse(
            FIELD,
            "the pod uses its node's network, where two copies cannot listen side by side; give it its own network",
        );
    } else if let Some(port) = host_port {
        report.refuse(
            FIELD,
            format!("the pod uses host port {port}, which two copies on one node cannot share; use a Service instead"),
        );
    }
}

/// During the second handoff the stand-in and the re-created pod, which carry the same labels, share the target.
fn apart(pod: &Pod, spec: &PodSpec, report: &mut Report) {
    let empty = BTreeMap::new();
    let labels = pod.metadata.labels.as_ref().unwrap_or(&empty);
    let anti = spec
        .affinity
        .as_ref()
        .and_then(|affinity| affinity.pod_anti_affinity.as_ref());
    let required = anti.and_then(|anti| anti.required_during_scheduling_ignored_during_execution.as_ref());
    let repels_itself = |term: &PodAffinityTerm| {
        term.label_selector
            .as_ref()
            .is_some_and(|selector| matches(selector, labels))
    };
    if required.into_iter().flatten().any(repels_itself) {
        report.refuse(
            FIELD,
            "its required podAntiAffinity keeps two copies of the pod off one node, but the stand-in and the \
             re-created pod share the target for some seconds; make it preferredDuringScheduling…",
        );
    }
}

fn matches(selector: &LabelSelector, labels: &BTreeMap<String, String>) -> bool {
    let has = |(name, value): (&String, &String)| labels.get(name) == Some(value);
    selector.match_labels.iter().flatten().all(has)
        && selector
            .match_expressions
            .iter()
            .flatten()
            .all(|requirement| meets(requirement, labels))
}

fn meets(requirement: &LabelSelectorRequirement, labels: &BTreeMap<String, String>) -> bool {
    let value = labels.get(&requirement.key);
    let listed = value.is_some_and(|value| requirement.values.iter().flatten().any(|one| one == value));
    match requirement.operator.as_str() {
        "In" => listed,
        "NotIn" => !listed,
        "Exists" => value.is_some(),
        "DoesNotExist" => value.is_none(),
        // The API server admits no other; if it ever does, the scheduler decides.
        _ => false,
    }
}

fn check_volume(volume: &Volume, claims: &[PersistentVolumeClaim], report: &mut Report) {
    let name = &volume.name;
    if volume.empty_dir.is_some() {
        report.warn(format!(
            "volume {name:?} is an emptyDir: its files stay behind, the moved process finds it empty"
        ));
    }
    if volume.host_path.is_some() {
        report.warn(format!(
            "volume {name:?} is a hostPath: the moved process sees the target node's files there"
        ));
    }
    let Some(claim) = volume
        .persistent_volume_claim
        .as_ref()
        .map(|source| source.claim_name.as_str())
    else {
        if volume.ephemeral.is_some() {
            report.refuse(FIELD, format!("volume {name:?} is made for one pod and cannot be moved with it; use a claim that several nodes can mount"));
        }
        return;
    };
    let found = claims.iter().find(|c| c.metadata.name.as_deref() == Some(claim));
    let Some(spec) = found.and_then(|claim| claim.spec.as_ref()) else {
        return report.refuse(
            FIELD,
            format!("volume {name:?} refers to claim {claim:?}, which cannot be found"),
        );
    };
    let shared = |mode: &String| mode == "ReadWriteMany" || mode == "ReadOnlyMany";
    if !spec.access_modes.iter().flatten().any(shared) {
        report.refuse(
            FIELD,
            format!(
                "volume {name:?} (claim {claim:?}) can be mounted on one node at a time, which needs the Sequential \
                 strategy; this version does not have it, so use ReadWriteMany or keep the state out of the volume"
            ),
        );
    }
}
