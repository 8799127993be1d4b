//! Whether the owner of a pod wants its evictions to become moves. The pod's own label counts first, then the policies.

use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;

use crate::api::{MigrationPolicy, OnEviction, OnNotNow};
use crate::names;
use crate::policy::{Unreadable, selects};

/// What was said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consent {
    /// Neither label nor policy says yes, or one says no.
    No,
    /// The pod's own label.
    ByLabel,
    /// A policy that speaks of the pod, and no other one says no.
    ByPolicy,
}

/// What label and policies say of `pod`. Fails if a policy cannot be read and the label says nothing.
pub fn of(pod: &Pod, policies: &[MigrationPolicy]) -> Result<Consent, Unreadable> {
    match pod.labels().get(names::EVICTIONS).map(String::as_str) {
        Some(names::MOVE) => return Ok(Consent::ByLabel),
        Some(_) => return Ok(Consent::No),
        None => {}
    }
    let mut consent = Consent::No;
    for policy in policies {
        let Some(said) = policy.spec.evictions else {
            continue;
        };
        if selects(policy, pod)? {
            match said {
                OnEviction::Evict => return Ok(Consent::No),
                OnEviction::Move => consent = Consent::ByPolicy,
            }
        }
    }
    Ok(consent)
}

/// What becomes of an eviction whose move does not get its turn, by label and policies alike: the pod's own label counts first, and of
/// policies the strictest. A policy that cannot be read says nothing here; [`of`] fails by it.
pub fn not_now(pod: &Pod, policies: &[MigrationPolicy]) -> OnNotNow {
    match pod.labels().get(names::EVICTIONS_NOT_NOW).map(String::as_str) {
        Some(names::WAIT) => return OnNotNow::Wait,
        Some(_) => return OnNotNow::Evict,
        None => {}
    }
    let speaking = policies.iter().filter(|policy| selects(policy, pod) == Ok(true));
    let said: Vec<OnNotNow> = speaking
        .filter_map(|policy| policy.spec.evictions_not_now)
        .collect();
    if said.contains(&OnNotNow::Wait) && !said.contains(&OnNotNow::Evict) {
        OnNotNow::Wait
    } else {
        OnNotNow::Evict
    }
}
