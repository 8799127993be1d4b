//! What about a pod's spec stands in the way of a copy on the target node.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Container, Pod, PodAffinityTerm, PodSpec};

use super::super::selector::matches;
use super::{FIELD, Facts, Report, volumes};
use crate::api::{Handoff, MigrationStrategy, OwnerKind, StatefulMigrationSpec};
use crate::workload::Workload;
use crate::{names, readiness, strategy};

/// Longest pod name that is also the host name: applications find their control queue by it.
const HOSTNAME_MAX: usize = 63;
/// The name of a copy is as long for every migration.
const ANY_UID: &str = "00000000";

pub(super) fn check(spec: &StatefulMigrationSpec, pod: &Pod, facts: &Facts, report: &mut Report) {
    let Some(shape) = &pod.spec else { return };
    let strategy = match strategy::of(spec, pod, &facts.claims) {
        Ok(choice) => {
            goes_on(spec, &choice, report);
            choice.strategy
        }
        Err(impossible) => return report.refuse("spec.migrationStrategy", impossible.to_string()),
    };
    let owner = facts.owner.as_ref();
    let side_by_side = (strategy, owner.map(|owner| owner.kind))
        == (MigrationStrategy::ShadowPod, Some(OwnerKind::StatefulSet));
    name_of_copy(pod, strategy, owner, report);
    match shape.runtime_class_name.as_deref() {
        None | Some(names::RUNTIME_CLASS) => {}
        Some(other) => report.refuse(
            FIELD,
            format!("the pod runs under RuntimeClass {other:?}, whose containers cannot be dumped; only runc's can. Run it without runtimeClassName"),
        ),
    }
    network(shape, side_by_side, report);
    namespaces(shape, report);
    if side_by_side {
        apart(pod, shape, report);
    }
    devices(shape, report);
    volumes::check(shape, facts, spec.target_node.as_deref(), report);
    init_containers(shape, strategy, report);
    if shape
        .containers
        .iter()
        .any(|c| c.lifecycle.as_ref().is_some_and(|l| l.post_start.is_some()))
    {
        report.warn("the pod has a postStart hook, which kubelet runs again in the moved process");
    }
    if let Some(delay) = readiness::delay(pod) {
        report.warn(delay.told());
    }
}

/// A source that ends before its copy starts cannot go on meanwhile. Where its user asked for both, the two fields say so.
fn goes_on(spec: &StatefulMigrationSpec, choice: &strategy::Choice, report: &mut Report) {
    let live = spec.handoff == Some(Handoff::Live) && spec.asked_strategy().is_none();
    if live && choice.strategy == MigrationStrategy::Sequential {
        report.refuse(
            "spec.handoff",
            format!(
                "Live is not possible, since the strategy is Sequential ({}) and ends the source before its copy starts. Leave \
                 spec.handoff out",
                choice.because
            ),
        );
    }
}

/// Nothing of them is in the dump of a process: kubelet runs them in the copy as in any new pod.
fn init_containers(spec: &PodSpec, strategy: MigrationStrategy, report: &mut Report) {
    let all = spec.init_containers.iter().flatten();
    let (beside, first): (Vec<_>, Vec<_>) =
        all.partition(|one| one.restart_policy.as_deref() == Some("Always"));
    let named = |containers: &[&Container]| {
        let names: Vec<&str> = containers.iter().map(|one| one.name.as_str()).collect();
        names.join(", ")
    };
    let when = match strategy {
        MigrationStrategy::ShadowPod => "while the source works",
        MigrationStrategy::Sequential => "after the source has gone",
    };
    if !first.is_empty() {
        report.warn(format!(
            "init containers run again in the copy {when} ({}): make sure that a second run harms neither the queue nor a volume",
            named(&first)
        ));
    }
    if !beside.is_empty() {
        report.warn(format!(
            "sidecars start anew in the copy ({}): their memory is not moved",
            named(&beside)
        ));
    }
}

fn name_of_copy(pod: &Pod, strategy: MigrationStrategy, owner: Option<&Workload>, report: &mut Report) {
    let name = pod.metadata.name.as_deref().unwrap_or_default();
    let copy = match (strategy, owner.map(|owner| owner.kind)) {
        (MigrationStrategy::Sequential, _) => return,
        (MigrationStrategy::ShadowPod, Some(OwnerKind::StatefulSet)) => names::shadow_pod(name),
        (MigrationStrategy::ShadowPod, Some(OwnerKind::ReplicaSet)) => {
            let set = owner.and_then(|owner| owner.metadata.name.as_deref());
            names::replica(set.unwrap_or_default(), ANY_UID)
        }
        (MigrationStrategy::ShadowPod, None) => names::successor(name),
    };
    if copy.len() > HOSTNAME_MAX {
        report.refuse(
            FIELD,
            format!(
                "the copy's name {copy:?} has more than {HOSTNAME_MAX} characters, the limit of a host name, and \
                 applications find their control queue by the host name; shorten the name of the pod or of its owner"
            ),
        );
    }
}

/// What CRIU cannot dump: the state of a device lies outside the process.
fn devices(spec: &PodSpec, report: &mut Report) {
    for container in &spec.containers {
        let name = &container.name;
        if container.tty == Some(true) || container.stdin == Some(true) {
            report.refuse(
                FIELD,
                format!("container {name:?} has a terminal or an open standard input, which cannot be moved; run it without tty and stdin"),
            );
        }
        let asked = container
            .resources
            .iter()
            .flat_map(|resources| resources.limits.iter().flatten());
        for (resource, _) in asked.filter(|(resource, _)| is_device(resource)) {
            report.refuse(
                FIELD,
                format!("container {name:?} uses the device {resource}, whose state cannot be dumped. Run it without the device, or leave the pod on its node"),
            );
        }
    }
    if spec
        .resource_claims
        .as_ref()
        .is_some_and(|claims| !claims.is_empty())
    {
        report.refuse(
            FIELD,
            "the pod claims devices (resourceClaims), whose state cannot be dumped. Run it without the devices, or leave the pod on its node",
        );
    }
}

/// Extended resources bear the name of their vendor's domain.
fn is_device(resource: &str) -> bool {
    resource.contains('/') && !resource.starts_with("kubernetes.io/")
}

fn network(spec: &PodSpec, side_by_side: bool, report: &mut Report) {
    let host_port = spec
        .containers
        .iter()
        .flat_map(|c| c.ports.iter().flatten())
        .find_map(|port| port.host_port);
    if spec.host_network == Some(true) {
        report.refuse(
            FIELD,
            "the pod uses its node's network, whose addresses and connections cannot be moved; give it its own network",
        );
    } else if let (Some(port), true) = (host_port, side_by_side) {
        report.refuse(
            FIELD,
            format!("the pod uses host port {port}, which two copies on one node cannot share; use a Service instead"),
        );
    }
}

/// A dump holds what is inside a container's own namespaces.
fn namespaces(spec: &PodSpec, report: &mut Report) {
    let shared = [
        (
            spec.host_pid,
            "hostPID",
            "the process numbers of its node, which another process has on the target",
        ),
        (
            spec.host_ipc,
            "hostIPC",
            "its node's shared memory and queues, which stay there",
        ),
        (
            spec.share_process_namespace,
            "shareProcessNamespace",
            "process numbers with the pod's other containers, which are started again",
        ),
    ];
    for (_, field, what) in shared.into_iter().filter(|(set, ..)| *set == Some(true)) {
        report.refuse(
            FIELD,
            format!(
                "the pod uses {what} ({field}); only processes with namespaces of their own can be moved. Leave {field} out"
            ),
        );
    }
    if spec.host_users == Some(false) {
        report.refuse(
            FIELD,
            "the pod has a user namespace of its own (hostUsers: false), whose user numbers differ from node to node; leave it out",
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
            "its required podAntiAffinity keeps two copies of the pod off one node, but the stand-in and the re-created \
             pod share the target for some seconds; make it preferredDuringSchedulingIgnoredDuringExecution",
        );
    }
}
