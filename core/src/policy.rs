//! What the policies of a namespace say of a pod. Pure.

use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use kube::core::{Selector, SelectorExt};

use crate::api::{InexactHandoff, MigrationPolicy};

/// What the policies say of a handoff that is not known to be exact. The strictest one counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OnInexact {
    /// No policy speaks of the pod.
    Silent,
    /// This policy refuses it.
    Refused(String),
    /// All that speak of the pod allow it; this is one of them.
    Allowed(String),
}

/// A policy whose selector cannot be read: it may speak of the pod or not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "MigrationPolicy {policy}: spec.podSelector cannot be read ({reason}), so it is not known whether the policy selects \
     the pod. Correct the selector, or delete the policy"
)]
pub struct Unreadable {
    /// Name of the policy.
    policy: String,
    reason: String,
}

/// What `policies`, all of the pod's namespace, say of an inexact handoff of `pod`. Fails if one of them cannot be read.
pub fn on_inexact(policies: &[MigrationPolicy], pod: &Pod) -> Result<OnInexact, Unreadable> {
    let mut verdict = OnInexact::Silent;
    for policy in policies {
        if !selects(policy, pod)? {
            continue;
        }
        verdict = match (verdict, policy.spec.inexact_handoff) {
            (OnInexact::Refused(by), _) => OnInexact::Refused(by),
            (OnInexact::Silent | OnInexact::Allowed(_), InexactHandoff::Refuse) => {
                OnInexact::Refused(policy.name_any())
            }
            (OnInexact::Allowed(by), InexactHandoff::Allow) => OnInexact::Allowed(by),
            (OnInexact::Silent, InexactHandoff::Allow) => OnInexact::Allowed(policy.name_any()),
        };
    }
    Ok(verdict)
}

/// Whether it speaks of `pod`.
pub(crate) fn selects(policy: &MigrationPolicy, pod: &Pod) -> Result<bool, Unreadable> {
    let Some(selector) = policy.spec.pod_selector.clone() else {
        return Ok(true);
    };
    let selector = Selector::try_from(selector).map_err(|error| Unreadable {
        policy: policy.name_any(),
        reason: error.to_string(),
    })?;
    Ok(selector.matches(pod.labels()))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn policy(name: &str, spec: Value) -> MigrationPolicy {
        serde_json::from_value(json!({
            "apiVersion": "migration.ms2m.io/v1alpha1", "kind": "MigrationPolicy", "metadata": {"name": name}, "spec": spec
        }))
        .unwrap()
    }

    fn said(policies: &[MigrationPolicy]) -> Result<OnInexact, Unreadable> {
        let pod = json!({"metadata": {"name": "orders-0", "labels": {"app": "orders", "tier": "back"}}});
        on_inexact(policies, &serde_json::from_value(pod).unwrap())
    }

    #[test]
    fn the_strictest_policy_that_speaks_of_the_pod_counts() {
        let of = |app: &str, what: &str| json!({"podSelector": {"matchLabels": {"app": app}}, "inexactHandoff": what});
        let all = |what: &str| json!({"inexactHandoff": what});
        let refused = |by: &str| OnInexact::Refused(by.into());
        let allowed = |by: &str| OnInexact::Allowed(by.into());
        let cases = [
            (vec![], OnInexact::Silent),
            (vec![("a", all("Allow"))], allowed("a")),
            (vec![("a", json!({}))], refused("a")),
            (vec![("a", of("billing", "Allow"))], OnInexact::Silent),
            (
                vec![("a", of("orders", "Allow")), ("b", of("billing", "Refuse"))],
                allowed("a"),
            ),
            (
                vec![("a", of("orders", "Allow")), ("b", all("Refuse"))],
                refused("b"),
            ),
            (
                vec![("a", all("Refuse")), ("b", of("orders", "Allow"))],
                refused("a"),
            ),
            (
                vec![(
                    "a",
                    json!({"podSelector": {"matchExpressions": [{"key": "tier", "operator": "In", "values": ["back"]}]},
                        "inexactHandoff": "Allow"}),
                )],
                allowed("a"),
            ),
        ];
        for (written, wanted) in cases {
            let policies: Vec<_> = written
                .iter()
                .map(|(name, spec)| policy(name, spec.clone()))
                .collect();
            assert_eq!(said(&policies).unwrap(), wanted, "{written:?}");
        }
    }

    #[test]
    fn a_policy_that_cannot_be_read_allows_nothing() {
        let odd = json!({"podSelector": {"matchExpressions": [{"key": "tier", "operator": "Like", "values": ["b"]}]}});
        let why = said(&[
            policy("a", json!({"inexactHandoff": "Allow"})),
            policy("odd", odd),
        ])
        .unwrap_err()
        .to_string();
        assert!(why.contains("odd") && why.contains("podSelector"), "{why}");
    }
}
