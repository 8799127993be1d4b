//! The pod to move: that it exists, runs, belongs to somebody who lets it be moved, and is nobody else's to move.

use k8s_openapi::api::core::v1::{ContainerStatus, Pod, PodSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;

use super::{Facts, Report, Requester};
use crate::api::StatefulMigrationSpec;
use crate::workload::{controller_of, ordinal_of, revision_of};
use crate::{names, settings};

mod made_anew;
mod shape;
mod volumes;

pub(super) use volumes::unmountable;

const FIELD: &str = "spec.sourcePod";
const MIRROR: &str = "kubernetes.io/config.mirror";

pub(super) fn check(
    name: &str,
    namespace: &str,
    spec: &StatefulMigrationSpec,
    facts: &Facts,
    report: &mut Report,
) {
    if let Some(requester) = &facts.requester {
        permitted(requester, namespace, report);
    }
    let wanted = spec.source_pod.as_str();
    let Some(pod) = &facts.pod else {
        return report.refuse(
            FIELD,
            format!(
                "pod {wanted:?} does not exist in namespace {namespace:?}. To see the pods, type: kubectl -n {namespace} \
                 get pods"
            ),
        );
    };
    alone(name, spec, facts, report);
    owned(wanted, pod, facts, report);
    running(wanted, pod, report);
    container(spec, pod, facts, report);
    made_anew::check(wanted, pod, facts, report);
    shape::check(spec, pod, facts, report);
}

/// A migration runs a process with the pod's identity, and deletes a pod.
fn permitted(requester: &Requester, namespace: &str, report: &mut Report) {
    let lacking = match (requester.may_create_pods, requester.may_delete_pods) {
        (true, true) => return,
        (false, true) => "create",
        (true, false) => "delete",
        (false, false) => "create and delete",
    };
    report.refuse(
        FIELD,
        format!(
            "user {:?} may not {lacking} pods in namespace {namespace:?}, and a move does so in the user's name. Ask your \
             administrator for a Role that allows it",
            requester.user
        ),
    );
}

fn alone(name: &str, spec: &StatefulMigrationSpec, facts: &Facts, report: &mut Report) {
    for other in &facts.migrations {
        let phase = other
            .status
            .as_ref()
            .map(|status| status.phase)
            .unwrap_or_default();
        let other_name = other.metadata.name.as_deref().unwrap_or_default();
        let namespace = other.metadata.namespace.as_deref().unwrap_or("default");
        let moves_it = other.spec.source_pod == spec.source_pod && !other.spec.plan_only;
        if other_name != name && moves_it && !phase.is_terminal() {
            report.refuse(
                FIELD,
                format!(
                    "StatefulMigration {other_name:?} is already moving this pod (phase {phase:?}). Wait for its end, or \
                     type: kubectl shadow cancel {other_name} -n {namespace}"
                ),
            );
        }
    }
}

fn owned(name: &str, pod: &Pod, facts: &Facts, report: &mut Report) {
    let is_shadow = |labels: &std::collections::BTreeMap<String, String>| labels.contains_key(names::ROLE);
    if pod.metadata.labels.as_ref().is_some_and(is_shadow) {
        let message =
            format!("pod {name:?} is the stand-in of a pod that is being moved. Name that pod instead");
        return report.refuse(FIELD, message);
    }
    if pod
        .metadata
        .annotations
        .as_ref()
        .is_some_and(|annotations| annotations.contains_key(MIRROR))
    {
        return report.refuse(FIELD, static_pod(name));
    }
    let Some(owner) = controller_of(pod) else { return };
    let kind = owner.kind.as_str();
    let why = match kind {
        "StatefulSet" => {
            same_owner(name, owner, facts, report);
            return same_revision(name, pod, facts, report);
        }
        "ReplicaSet" => {
            same_owner(name, owner, facts, report);
            return replicas(name, facts, report);
        }
        "DaemonSet" => "which runs a pod on every node, so there is nothing to move; drain the node instead",
        "Job" => "whose pods run to their end and are not moved; let it finish, or start it again elsewhere",
        "Node" => return report.refuse(FIELD, static_pod(name)),
        _ => {
            "which is not known here; pods of StatefulSets and Deployments can be moved, and pods without an owner"
        }
    };
    report.refuse(
        FIELD,
        format!("pod {name:?} belongs to {kind} {:?}, {why}", owner.name),
    );
}

/// What a pod says of its owner is its creator's text; the owner's own UID is not. Moves rely on it: it tells which pod the StatefulSet
/// makes anew.
fn same_owner(name: &str, reference: &OwnerReference, facts: &Facts, report: &mut Report) {
    let Some(owner) = &facts.owner else { return };
    let another = |uid: &String| *uid != reference.uid;
    if owner.metadata.uid.as_ref().is_some_and(another) {
        let (kind, set) = (&reference.kind, &reference.name);
        report.refuse(
            FIELD,
            format!(
                "pod {name:?} names another {kind} {set:?} as its owner than the one that is there (metadata.ownerReferences, uid), so no \
                 owner would make it anew. Delete the pod: its own owner makes another"
            ),
        );
    }
}

/// A StatefulSet makes the moved pod anew, from the template that it has by then.
fn same_revision(name: &str, pod: &Pod, facts: &Facts, report: &mut Report) {
    let revisions = facts.owner.as_ref().and_then(|owner| owner.revisions.as_ref());
    let (Some(revisions), Some(made), Some(ordinal)) = (revisions, revision_of(pod), ordinal_of(name)) else {
        return;
    };
    let why = match revisions.next(ordinal) {
        Some(next) if next == made => return,
        Some(next) => format!(
            "pod {name:?} has revision {made:?} of its StatefulSet and would be re-created with revision {next:?}. Let the \
             rollout finish, or delete the pod to update it"
        ),
        None => {
            format!("the StatefulSet of pod {name:?} was changed a moment ago. Start the migration again")
        }
    };
    report.refuse(FIELD, why);
}

/// A ReplicaSet with one pod too many removes the one that is least ready, whichever it is.
fn replicas(name: &str, facts: &Facts, report: &mut Report) {
    let Some(owner) = &facts.owner else {
        return report.refuse(
            FIELD,
            format!("the ReplicaSet of pod {name:?} is gone, so the pod is going to be deleted. Name a pod of another ReplicaSet"),
        );
    };
    let set = owner.metadata.name.as_deref().unwrap_or_default();
    if !owner.tells_by_template_hash() {
        return report.refuse(
            FIELD,
            format!(
                "ReplicaSet {set:?} has no label pod-template-hash in its selector. It would count the copy as one of its \
                 pods before the copy can serve. Create it through a Deployment"
            ),
        );
    }
    if owner.ready < owner.replicas {
        report.refuse(
            FIELD,
            format!(
                "{} of {} pods of ReplicaSet {set:?} are ready. When it adopts the copy, it would remove a pod that is not \
                 ready. Wait until all of them are ready",
                owner.ready, owner.replicas
            ),
        );
    }
}

fn static_pod(name: &str) -> String {
    format!("pod {name:?} is a static pod, which its node's kubelet runs from a file; move that file instead")
}

fn running(name: &str, pod: &Pod, report: &mut Report) {
    if pod.metadata.deletion_timestamp.is_some() {
        let message = format!("pod {name:?} is being deleted; wait until its owner has made another pod");
        return report.refuse(FIELD, message);
    }
    let phase = pod
        .status
        .as_ref()
        .and_then(|status| status.phase.as_deref())
        .unwrap_or("Pending");
    if phase != "Running" {
        report.refuse(
            FIELD,
            format!("pod {name:?} is {phase}, not Running; only a running process can be moved. Wait until it runs, or name another pod"),
        );
    }
}

fn container(spec: &StatefulMigrationSpec, pod: &Pod, facts: &Facts, report: &mut Report) {
    let empty = PodSpec::default();
    let containers = &pod.spec.as_ref().unwrap_or(&empty).containers;
    let all = containers
        .iter()
        .map(|container| container.name.as_str())
        .collect::<Vec<_>>()
        .join(", ");
    let settings = settings::resolve(spec, pod, facts.owner.as_ref());
    let field = settings.container_named_by;
    let Some(wanted) = settings.container else {
        let message = format!(
            "the pod has {} containers and none is named; choose one of {all}, here or in the annotation {}",
            containers.len(),
            names::CONTAINER
        );
        return report.refuse(field, message);
    };
    if !containers.iter().any(|container| container.name == wanted) {
        return report.refuse(
            field,
            format!("the pod has no container {wanted:?}; choose one of {all}"),
        );
    }
    let statuses = pod
        .status
        .as_ref()
        .and_then(|status| status.container_statuses.as_ref());
    let runs = |status: &ContainerStatus| status.state.as_ref().is_some_and(|state| state.running.is_some());
    let status = statuses
        .into_iter()
        .flatten()
        .find(|status| status.name == wanted);
    if status.is_some_and(|status| !runs(status)) {
        let message = format!("container {wanted:?} is not running at the moment; wait until it is up");
        report.refuse(field, message);
    }
}
