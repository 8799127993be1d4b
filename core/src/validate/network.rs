//! NetworkPolicies of the pod's namespace that would cut its copy off.
//!
//! Policies select by labels, and a copy has not quite the labels of its source. What can be judged here: which policies select
//! which of them, whether there is any rule, and ports. What cannot: rules about other pods and namespaces (the broker is known
//! by the address of a Service), policies of other namespaces, and policies of a kind that only a network plug-in knows.

use std::collections::BTreeMap;

use k8s_openapi::api::networking::v1::{NetworkPolicy, NetworkPolicyEgressRule, NetworkPolicyPort};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::selector::matches;

/// Labels of a pod.
pub type Labels = BTreeMap<String, String>;

/// Why the copy could not reach the broker, or could not be reached; `port` is the broker's.
pub fn cut_off(policies: &[NetworkPolicy], source: &Labels, copy: &Labels, port: u16) -> Option<String> {
    egress(policies, source, copy, port).or_else(|| ingress(policies, source, copy))
}

fn egress(policies: &[NetworkPolicy], source: &Labels, copy: &Labels, port: u16) -> Option<String> {
    let (of_source, of_copy) = (
        isolating(policies, source, leads_out),
        isolating(policies, copy, leads_out),
    );
    let rules: Vec<&NetworkPolicyEgressRule> =
        of_copy.iter().flat_map(|policy| egress_rules(policy)).collect();
    if of_copy.is_empty() || rules.iter().any(|rule| admits(rule.ports.as_ref(), port)) {
        return None;
    }
    // The source has its connection under the same rules. A Service may lead to another port than the one that is connected to.
    if names(&of_source) == names(&of_copy) && !rules.is_empty() {
        return None;
    }
    Some(format!(
        "NetworkPolicy {} lets the pod that takes over connect to nothing at port {port}, so that it cannot reach the broker; allow \
         that in its egress{}",
        listed(&of_copy),
        selected_otherwise(&of_source, &of_copy)
    ))
}

fn ingress(policies: &[NetworkPolicy], source: &Labels, copy: &Labels) -> Option<String> {
    let (of_source, of_copy) = (
        isolating(policies, source, leads_in),
        isolating(policies, copy, leads_in),
    );
    if of_copy.is_empty() || names(&of_source) == names(&of_copy) {
        return None;
    }
    let has_rules = |policy: &&NetworkPolicy| {
        let rules = policy.spec.as_ref().and_then(|spec| spec.ingress.as_ref());
        rules.is_some_and(|rules| !rules.is_empty())
    };
    let missing = |policy: &&NetworkPolicy| !names(&of_copy).contains(&name(policy));
    let let_in = of_source
        .iter()
        .copied()
        .filter(missing)
        .any(|policy| has_rules(&policy));
    (of_source.is_empty() || let_in).then(|| {
        format!(
            "NetworkPolicy {} keeps requests from the pod that takes over{}",
            listed(&of_copy),
            selected_otherwise(&of_source, &of_copy)
        )
    })
}

/// What the difference is, where there is one.
fn selected_otherwise(of_source: &[&NetworkPolicy], of_copy: &[&NetworkPolicy]) -> String {
    if names(of_source) == names(of_copy) {
        return String::new();
    }
    let now = if of_source.is_empty() {
        "none".to_owned()
    } else {
        listed(of_source)
    };
    format!(
        "; the pod of now is under {now}, since its labels differ (pod-template-hash, or those that begin with \
         migration.ms2m.io/): let the policies select by labels that both have"
    )
}

/// Policies that confine a pod with these labels in one direction.
fn isolating<'p>(
    policies: &'p [NetworkPolicy],
    labels: &Labels,
    direction: fn(&NetworkPolicy) -> bool,
) -> Vec<&'p NetworkPolicy> {
    let selects = |policy: &&NetworkPolicy| {
        policy.spec.as_ref().is_some_and(|spec| {
            let selector = spec.pod_selector.as_ref();
            selector.is_none_or(|selector| matches(selector, labels))
        })
    };
    policies
        .iter()
        .filter(selects)
        .filter(|policy| direction(policy))
        .collect()
}

fn types(policy: &NetworkPolicy) -> Option<&Vec<String>> {
    policy
        .spec
        .as_ref()?
        .policy_types
        .as_ref()
        .filter(|types| !types.is_empty())
}

/// A policy without types is about what comes in, and about what goes out if it has rules for that.
fn leads_in(policy: &NetworkPolicy) -> bool {
    types(policy).is_none_or(|types| types.iter().any(|one| one == "Ingress"))
}

fn leads_out(policy: &NetworkPolicy) -> bool {
    match types(policy) {
        Some(types) => types.iter().any(|one| one == "Egress"),
        None => !egress_rules(policy).is_empty(),
    }
}

fn egress_rules(policy: &NetworkPolicy) -> &[NetworkPolicyEgressRule] {
    let rules = policy.spec.as_ref().and_then(|spec| spec.egress.as_ref());
    rules.map_or(&[], Vec::as_slice)
}

/// A rule without ports is about all of them; a port with a name belongs to pods that are not known here.
fn admits(ports: Option<&Vec<NetworkPolicyPort>>, port: u16) -> bool {
    let port = i32::from(port);
    ports.is_none_or(|ports| {
        ports.is_empty()
            || ports.iter().any(|one| {
                let tcp = one.protocol.as_deref().is_none_or(|protocol| protocol == "TCP");
                tcp && match &one.port {
                    None | Some(IntOrString::String(_)) => true,
                    Some(IntOrString::Int(from)) => (*from..=one.end_port.unwrap_or(*from)).contains(&port),
                }
            })
    })
}

fn name(policy: &NetworkPolicy) -> &str {
    policy.metadata.name.as_deref().unwrap_or_default()
}

fn names<'p>(policies: &[&'p NetworkPolicy]) -> Vec<&'p str> {
    policies.iter().map(|policy| name(policy)).collect()
}

fn listed(policies: &[&NetworkPolicy]) -> String {
    let quoted: Vec<String> = policies
        .iter()
        .map(|policy| format!("{:?}", name(policy)))
        .collect();
    quoted.join(", ")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn policy(name: &str, selector: Value, types: Value, rules: Value) -> NetworkPolicy {
        let mut spec = json!({"podSelector": selector, "policyTypes": types});
        spec.as_object_mut()
            .unwrap()
            .extend(rules.as_object().unwrap().clone());
        serde_json::from_value(json!({"metadata": {"name": name}, "spec": spec})).unwrap()
    }

    fn labels(copy: bool) -> Labels {
        let mut labels = Labels::from([("app".into(), "orders".into())]);
        if copy {
            labels.insert("migration.ms2m.io/role".into(), "shadow".into());
        } else {
            labels.insert("pod-template-hash".into(), "7d9c".into());
        }
        labels
    }

    fn said(policies: &[NetworkPolicy]) -> Option<String> {
        cut_off(policies, &labels(false), &labels(true), 5672)
    }

    fn port(port: Value) -> Value {
        json!({"egress": [{"ports": [{"protocol": "TCP", "port": port}]}]})
    }

    #[test]
    fn what_confines_pod_and_copy_alike_is_no_obstacle() {
        let (all, own) = (json!({}), json!({"matchLabels": {"app": "orders"}}));
        let both = json!(["Ingress", "Egress"]);
        for alike in [
            vec![],
            vec![policy(
                "in",
                all.clone(),
                json!(["Ingress"]),
                json!({"ingress": []}),
            )],
            vec![policy("dns", own.clone(), both.clone(), port(json!(53)))],
            vec![policy(
                "other",
                json!({"matchLabels": {"app": "shop"}}),
                both.clone(),
                json!({}),
            )],
            vec![
                policy("deny", all.clone(), both.clone(), json!({})),
                policy("broker", own.clone(), json!(["Egress"]), port(json!(5672))),
            ],
            vec![policy(
                "named",
                own.clone(),
                json!(["Egress"]),
                port(json!("amqp")),
            )],
            vec![policy("no types", own, Value::Null, json!({}))],
        ] {
            assert_eq!(said(&alike), None, "{alike:?}");
        }
    }

    #[test]
    fn a_copy_that_could_reach_nothing_is_refused() {
        let deny = policy("deny-all", json!({}), json!(["Egress"]), json!({}));
        let said = said(&[deny]).unwrap();
        for word in ["\"deny-all\"", "5672", "egress"] {
            assert!(said.contains(word), "{said}");
        }
    }

    #[test]
    fn what_selects_the_pod_and_not_its_copy_is_named() {
        let hash = json!({"matchLabels": {"pod-template-hash": "7d9c"}});
        let role = json!({"matchExpressions": [{"key": "migration.ms2m.io/role", "operator": "Exists"}]});
        let egress = json!(["Egress"]);
        let (deny, dns) = (
            policy("deny", json!({}), json!(["Ingress", "Egress"]), json!({})),
            policy("dns", json!({}), egress.clone(), port(json!(53))),
        );
        for (policies, word) in [
            (
                vec![
                    dns.clone(),
                    policy("broker", hash.clone(), egress.clone(), port(json!(5672))),
                ],
                "\"dns\", \"broker\"",
            ),
            (
                vec![policy("quarantine", role.clone(), egress, port(json!(53)))],
                "under none",
            ),
            (
                vec![
                    policy("out", json!({}), json!(["Egress"]), json!({"egress": [{}]})),
                    deny,
                    policy("clients", hash, json!(["Ingress"]), json!({"ingress": [{}]})),
                ],
                "keeps requests",
            ),
            (
                vec![policy(
                    "closed",
                    role,
                    json!(["Ingress"]),
                    json!({"ingress": [{}]}),
                )],
                "\"closed\" keeps requests",
            ),
        ] {
            let said = said(&policies).unwrap_or_else(|| panic!("{policies:?}"));
            assert!(said.contains(word), "{said}");
        }
    }
}
