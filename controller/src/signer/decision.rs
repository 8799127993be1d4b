//! Who may have which certificate. Pure.
//!
//! Guarantee: the only input that names somebody is what the API server itself wrote into the request: the user name,
//! and the node that the user's token is bound to. Subject, names and usages of the request are compared with that and
//! never taken over.

use std::time::Duration;

use k8s_openapi::api::certificates::v1::CertificateSigningRequestSpec;
use shadow_core::names;

/// Where the API server puts the node of a token that is bound to a pod.
const NODE_NAME: &str = "authentication.kubernetes.io/node-name";
/// Life of a certificate when the request asks for none, and the longest one.
const LONGEST: Duration = Duration::from_secs(24 * 3600);
/// The shortest life that is given.
const SHORTEST: Duration = Duration::from_secs(600);
/// Usages that a request may ask for.
const USAGES: [&str; 4] = [
    "digital signature",
    "key encipherment",
    "server auth",
    "client auth",
];

/// What to do with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// Sign a certificate for this one name.
    Sign {
        /// DNS name.
        name: String,
        /// How long it is valid.
        life: Duration,
    },
    /// Deny, for this reason.
    Deny(String),
}

/// Decides about a request that asks for these DNS names.
pub(super) fn decide(spec: &CertificateSigningRequestSpec, asked_for: &[String]) -> Decision {
    let name = match vouched_name(spec) {
        Ok(name) => name,
        Err(reason) => return Decision::Deny(reason),
    };
    if asked_for != [name.as_str()] {
        return Decision::Deny(format!(
            "the request must ask for exactly the DNS name {name:?}, and asks for {asked_for:?}"
        ));
    }
    let odd = spec
        .usages
        .iter()
        .flatten()
        .find(|usage| !USAGES.contains(&usage.as_str()));
    if let Some(odd) = odd {
        return Decision::Deny(format!(
            "usage {odd:?} is not allowed; ask for some of {USAGES:?}"
        ));
    }
    Decision::Sign {
        name,
        life: life(spec.expiration_seconds),
    }
}

/// The one name that the requester may have.
fn vouched_name(spec: &CertificateSigningRequestSpec) -> Result<String, String> {
    let user = spec.username.as_deref().unwrap_or_default();
    if user == names::account_user(names::WEBHOOK_ACCOUNT) {
        return Ok(names::webhook_identity());
    }
    if user != names::account_user(names::AGENT_ACCOUNT) {
        return Err(format!(
            "user {user:?} gets no certificate of kubectl-shadow: only the service accounts {} and {} in namespace {} do. Nothing is to be \
             done, unless one of our parts runs under another account",
            names::AGENT_ACCOUNT,
            names::WEBHOOK_ACCOUNT,
            names::SYSTEM_NAMESPACE
        ));
    }
    let nodes = spec
        .extra
        .as_ref()
        .and_then(|extra| extra.get(NODE_NAME))
        .map(Vec::as_slice);
    match nodes {
        Some([node]) if !node.is_empty() => Ok(names::agent_identity(node)),
        Some(_) | None => Err(format!(
            "the token of {user:?} is not bound to a node ({NODE_NAME} is missing); the agent must use the token that \
             is projected into its pod"
        )),
    }
}

fn life(asked_for: Option<i32>) -> Duration {
    asked_for
        .and_then(|seconds| u64::try_from(seconds).ok())
        .map_or(LONGEST, |seconds| {
            Duration::from_secs(seconds).clamp(SHORTEST, LONGEST)
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    const AGENT: &str = "system:serviceaccount:shadow-system:shadow-agent";
    const WEBHOOK: &str = "system:serviceaccount:shadow-system:shadow-webhook";
    const NODE_A: &str = "node-a.agent.shadow-system.shadow";
    const HOOK: &str = "shadow-webhook.shadow-system.svc";

    fn spec(user: &str, nodes: &[&str]) -> CertificateSigningRequestSpec {
        let nodes: Vec<String> = nodes.iter().map(|n| (*n).to_owned()).collect();
        CertificateSigningRequestSpec {
            signer_name: names::SIGNER.to_owned(),
            username: Some(user.to_owned()),
            extra: Some(BTreeMap::from([(NODE_NAME.to_owned(), nodes)])),
            usages: Some(vec!["digital signature".to_owned(), "client auth".to_owned()]),
            ..CertificateSigningRequestSpec::default()
        }
    }

    fn asked(names: &[&str]) -> Vec<String> {
        names.iter().map(|n| (*n).to_owned()).collect()
    }

    #[test]
    fn each_part_gets_its_own_name() {
        for (spec, name) in [
            (spec(AGENT, &["node-a"]), NODE_A),
            (spec(WEBHOOK, &["node-b"]), HOOK),
        ] {
            let signed = Decision::Sign {
                name: name.to_owned(),
                life: LONGEST,
            };
            assert_eq!(decide(&spec, &asked(&[name])), signed);
        }
    }

    #[test]
    fn nobody_gets_another_name_than_the_one_the_api_server_vouches_for() {
        let cases: [(&str, &[&str], &[&str]); 12] = [
            (AGENT, &["node-b"], &[NODE_A]),
            (AGENT, &["node-a"], &[HOOK]),
            (AGENT, &["node-a"], &[NODE_A, HOOK]),
            (AGENT, &["node-a"], &[]),
            (AGENT, &[], &[NODE_A]),
            (AGENT, &[""], &[".agent.shadow-system.shadow"]),
            (AGENT, &["node-a", "node-b"], &[NODE_A]),
            (WEBHOOK, &["node-a"], &[NODE_A]),
            (WEBHOOK, &[], &["controller.shadow-system.shadow"]),
            (
                "system:serviceaccount:shadow-system:shadow-controller",
                &[],
                &["controller.shadow-system.shadow"],
            ),
            (
                "system:serviceaccount:default:shadow-agent",
                &["node-a"],
                &[NODE_A],
            ),
            ("kubernetes-admin", &["node-a"], &[NODE_A]),
        ];
        for (user, nodes, names) in cases {
            let decision = decide(&spec(user, nodes), &asked(names));
            assert!(
                matches!(decision, Decision::Deny(_)),
                "{user} on {nodes:?} got {names:?}: {decision:?}"
            );
        }
    }

    #[test]
    fn a_request_without_extra_fields_is_denied() {
        let mut unbound = spec(AGENT, &[]);
        unbound.extra = None;
        assert!(
            matches!(decide(&unbound, &asked(&[NODE_A])), Decision::Deny(reason) if reason.contains(NODE_NAME))
        );
    }

    #[test]
    fn usages_that_could_issue_certificates_or_sign_code_are_denied() {
        for usage in ["cert sign", "crl sign", "code signing", "any"] {
            let mut greedy = spec(AGENT, &["node-a"]);
            greedy.usages = Some(vec!["client auth".to_owned(), usage.to_owned()]);
            let decision = decide(&greedy, &asked(&[NODE_A]));
            assert!(
                matches!(&decision, Decision::Deny(reason) if reason.contains(usage)),
                "{decision:?}"
            );
        }
    }

    #[test]
    fn a_life_is_between_ten_minutes_and_a_day() {
        let day = 24 * 3600;
        for (asked, given) in [
            (None, day),
            (Some(3600), 3600),
            (Some(600), 600),
            (Some(1), 600),
            (Some(-5), day),
            (Some(999_999), day),
        ] {
            assert_eq!(life(asked), Duration::from_secs(given), "{asked:?}");
        }
    }
}
