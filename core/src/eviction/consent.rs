//! Whether the owner of a pod wants its evictions to become moves. The pod's own label counts first, then the policies.

use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;

use crate::api::{MigrationPolicy, OnEviction};
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
