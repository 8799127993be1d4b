//! Whether the disruption budgets let a move begin. A move counts against them from its begin to its end, as an eviction would until
//! another pod is ready.

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::ResourceExt;
use kube::core::{Selector, SelectorExt};

/// What the budgets of the pod's namespace say against a move of `pod`, while `moving` are moved because of evictions.
pub fn against(pod: &Pod, budgets: &[PodDisruptionBudget], moving: &[Pod]) -> Option<String> {
    let mut told = budgets.iter().filter_map(|budget| spent(pod, budget, moving));
    told.next()
}

fn spent(pod: &Pod, budget: &PodDisruptionBudget, moving: &[Pod]) -> Option<String> {
    let name = budget.name_any();
    // Without a selector it is about no pod at all.
    let selector = budget.spec.as_ref()?.selector.clone()?;
    let selector = match Selector::try_from(selector) {
        Ok(selector) => selector,
        Err(error) => {
            return Some(format!(
                "PodDisruptionBudget {name} cannot be read: {error}. Correct its selector"
            ));
        }
    };
    if !selector.matches(pod.labels()) {
        return None;
    }
    let status = budget.status.as_ref();
    let is_new = status.and_then(|status| status.observed_generation) < budget.metadata.generation;
    if is_new {
        return Some(format!(
            "PodDisruptionBudget {name} is new, and its state is not known yet"
        ));
    }
    let allowed = status.and_then(|status| status.disruptions_allowed).unwrap_or(0);
    let taken = moving
        .iter()
        .filter(|other| selector.matches(other.labels()))
        .count();
    let taken = i32::try_from(taken).unwrap_or(i32::MAX);
    (allowed <= taken).then(|| {
        format!("PodDisruptionBudget {name} allows {allowed} disruptions now, and {taken} moves that evictions caused take them")
    })
}
