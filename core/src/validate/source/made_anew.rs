//! What a StatefulSet would make otherwise than the pod that runs, or not at all.

use k8s_openapi::api::core::v1::{ContainerStatus, Pod};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use super::{FIELD, Facts, Report};
use crate::api::OwnerKind;
use crate::quantity;
use crate::recreation::{self, Recreation};
use crate::workload::Workload;

pub(super) fn check(name: &str, pod: &Pod, facts: &Facts, report: &mut Report) {
    let set = facts
        .owner
        .as_ref()
        .filter(|owner| owner.kind == OwnerKind::StatefulSet);
    let Some(set) = set else { return };
    order(name, set, facts, report);
    if was_resized(pod) {
        limits(name, pod, set, report);
    }
}

/// It is made anew only when the StatefulSet comes to it.
fn order(name: &str, set: &Workload, facts: &Facts, report: &mut Report) {
    let (Some(siblings), Some(uid)) = (&facts.siblings, &set.metadata.uid) else {
        return;
    };
    let of = set.metadata.name.as_deref().unwrap_or_default();
    match recreation::of(name, uid, Some(set), siblings) {
        Recreation::Comes | Recreation::Removed => {}
        Recreation::After { pod } => report.refuse(
            FIELD,
            format!(
                "StatefulSet {of:?} would not make pod {name:?} anew: it makes one pod after another (podManagementPolicy \
                 OrderedReady), and pod {pod:?} is not ready. Make that one ready first; kubectl describe pod {pod} says what it \
                 lacks"
            ),
        ),
        Recreation::Unwanted { replicas } => report.refuse(
            FIELD,
            format!(
                "StatefulSet {of:?} wants {replicas} pods and would not make pod {name:?} anew; scale it up, or let the pod go"
            ),
        ),
    }
}

/// Whoever changes the resources of a running pod does so by this subresource, and the API server notes it.
fn was_resized(pod: &Pod) -> bool {
    let managers = pod.metadata.managed_fields.iter().flatten();
    managers
        .into_iter()
        .any(|entry| entry.subresource.as_deref() == Some("resize"))
}

/// Its memory has to have room in the pod that its StatefulSet makes from its template.
fn limits(name: &str, pod: &Pod, set: &Workload, report: &mut Report) {
    let of = set.metadata.name.as_deref().unwrap_or_default();
    for (container, template) in &set.memory_limits {
        let Some(live) = live_limit(pod, container) else {
            continue;
        };
        let less = quantity::bytes(template).zip(quantity::bytes(&live));
        if less.is_some_and(|(template, live)| template < live) {
            let (template, live) = (&template.0, &live.0);
            report.refuse(
                FIELD,
                format!(
                    "container {container:?} of pod {name:?} has a memory limit of {live} since it was resized in place, and the template \
                     of StatefulSet {of:?} gives the pod that is made anew {template}, in which its memory may not have room. If it has: \
                     kubectl patch pod {name} --subresource resize -p \
                     '{{\"spec\":{{\"containers\":[{{\"name\":\"{container}\",\"resources\":{{\"limits\":{{\"memory\":\"{template}\"}}}}}}]}}}}'"
                ),
            );
        }
    }
}

/// What is asked for, or what is in force if that is more.
fn live_limit(pod: &Pod, container: &str) -> Option<Quantity> {
    let statuses = pod
        .status
        .as_ref()
        .and_then(|status| status.container_statuses.as_ref());
    let status = |status: &&ContainerStatus| status.name == container;
    let actual = statuses
        .into_iter()
        .flatten()
        .find(status)
        .and_then(|status| status.resources.as_ref());
    let asked = pod
        .spec
        .iter()
        .flat_map(|spec| &spec.containers)
        .find(|one| one.name == container)
        .and_then(|one| one.resources.as_ref());
    let limits = [actual, asked].into_iter().flatten();
    limits
        .filter_map(|resources| resources.limits.as_ref()?.get("memory").cloned())
        .max_by_key(quantity::bytes)
}
