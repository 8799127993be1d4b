//! The policies of a file.
//!
//! Guarantee: a field that no policy has is an error, with its path. The API server would drop it, and the policy would say less than its
//! author believes.

use std::io::Read;
use std::path::Path;

use kube::ResourceExt;
use serde::Deserialize;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use shadow_core::api::{ClusterMigrationPolicy, MigrationPolicy, PolicyRules};
use shadow_core::policy::limits_turns;

use crate::problem::Problem;

/// All of a file.
#[derive(Debug, Default)]
pub(super) struct Policies {
    of_namespaces: Vec<MigrationPolicy>,
    pub(super) of_cluster: Vec<ClusterMigrationPolicy>,
}

/// Reads them. Those that name no namespace are of `namespace`, as kubectl would create them there.
pub(super) fn read(file: &Path, namespace: &str) -> Result<Policies, Problem> {
    let wrong = |why: String| Problem::Refused(format!("{}: {why}", file.display()));
    let text = if file.as_os_str() == "-" {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map(|_| text)
    } else {
        std::fs::read_to_string(file)
    };
    let text = text.map_err(|error| wrong(format!("cannot be read: {error}. Name a file that is there")))?;
    parsed(&text, namespace).map_err(wrong)
}

fn parsed(text: &str, namespace: &str) -> Result<Policies, String> {
    let mut policies = Policies::default();
    for (number, document) in serde_yaml_ng::Deserializer::from_str(text).enumerate() {
        let at = |why: String| format!("document {}: {why}", number + 1);
        let object = Value::deserialize(document).map_err(|error| at(error.to_string()))?;
        match object["kind"].as_str() {
            None if object.is_null() => {}
            Some("MigrationPolicy") => {
                let mut policy: MigrationPolicy = of(&object).map_err(at)?;
                policy
                    .metadata
                    .namespace
                    .get_or_insert_with(|| namespace.to_owned());
                policies.of_namespaces.push(policy);
            }
            Some("ClusterMigrationPolicy") => policies.of_cluster.push(of(&object).map_err(at)?),
            Some(kind) => {
                return Err(at(format!(
                    "it is a {kind}. Give a MigrationPolicy or a ClusterMigrationPolicy"
                )));
            }
            None => {
                return Err(at(
                    "it has no kind. Give a MigrationPolicy or a ClusterMigrationPolicy".to_owned(),
                ));
            }
        }
    }
    if policies.of_namespaces.is_empty() && policies.of_cluster.is_empty() {
        return Err("it holds no policy. Give a MigrationPolicy or a ClusterMigrationPolicy".to_owned());
    }
    Ok(policies)
}

fn of<K: DeserializeOwned + Serialize>(object: &Value) -> Result<K, String> {
    let policy: K = serde_json::from_value(object.clone()).map_err(|error| error.to_string())?;
    let known = serde_json::to_value(&policy).map_err(|error| error.to_string())?;
    match unknown("spec", &object["spec"], &known["spec"]) {
        None => Ok(policy),
        Some(path) => Err(format!(
            "{path} is no field of a policy. Correct its name, or take it out (docs/policies.md)"
        )),
    }
}

/// The path of the first field that was written and not read.
fn unknown(path: &str, written: &Value, read: &Value) -> Option<String> {
    let fields = written.as_object()?;
    fields.iter().find_map(|(name, value)| {
        let path = format!("{path}.{name}");
        match read.get(name) {
            Some(read) => unknown(&path, value, read),
            // What is given as nothing counts as left out.
            None => (!value.is_null() && value != "").then_some(path),
        }
    })
}

impl Policies {
    /// Those of a namespace.
    pub(super) fn of_namespace(&self, namespace: &str) -> Vec<MigrationPolicy> {
        let those = self.of_namespaces.iter();
        those
            .filter(|policy| policy.namespace().as_deref() == Some(namespace))
            .cloned()
            .collect()
    }

    /// Whether labels of pods matter.
    pub(super) fn select_pods(&self) -> bool {
        self.of_namespaces
            .iter()
            .any(|policy| policy.spec.pod_selector.is_some())
            || self
                .of_cluster
                .iter()
                .any(|policy| policy.spec.pod_selector.is_some())
    }

    /// Whether labels of namespaces matter.
    pub(super) fn select_namespaces(&self) -> bool {
        self.of_cluster
            .iter()
            .any(|policy| policy.spec.namespace_selector.is_some())
    }

    /// Whether one says something of turns.
    pub(super) fn limit_turns(&self) -> bool {
        let of_namespaces = self.of_namespaces.iter().map(|policy| &policy.spec.rules);
        let of_cluster = self.of_cluster.iter().map(|policy| &policy.spec.rules);
        let limits = |rules: &PolicyRules| limits_turns(rules);
        of_namespaces.chain(of_cluster).any(limits)
            || self
                .of_cluster
                .iter()
                .any(|policy| policy.spec.priority.is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &str = "apiVersion: migration.ms2m.io/v1alpha1
kind: MigrationPolicy
metadata: {name: a}
spec: {allowed: {strategies: [ShadowPod]}, limits: {movesPerNode: 1}}
---
apiVersion: migration.ms2m.io/v1alpha1
kind: ClusterMigrationPolicy
metadata: {name: b}
spec: {namespaceSelector: {matchLabels: {env: prod}}, inexactHandoff: ''}
---
";

    #[test]
    fn policies_are_of_the_namespace_that_is_meant() {
        let policies = parsed(TWO, "shop").unwrap();
        assert_eq!(policies.of_namespace("shop").len(), 1);
        assert_eq!(policies.of_namespace("bank").len(), 0);
        assert_eq!(policies.of_cluster.len(), 1);
        assert!(policies.select_namespaces() && policies.limit_turns() && !policies.select_pods());
    }

    #[test]
    fn what_is_no_policy_is_named() {
        for (text, says) in [
            ("kind: Pod", "document 1: it is a Pod"),
            ("", "it holds no policy"),
            ("a: [", "document 1"),
            ("spec: {}", "it has no kind"),
            (
                &TWO.replace("strategies", "strategy"),
                "document 1: spec.allowed.strategy is no field",
            ),
            (
                &TWO.replace("ShadowPod", "Shadow"),
                "document 1: unknown variant `Shadow`",
            ),
            (
                &TWO.replace("inexactHandoff: ''", "inexact: Allow"),
                "spec.inexact is no field",
            ),
        ] {
            let why = parsed(text, "shop").unwrap_err();
            assert!(why.contains(says), "{text}: {why}");
        }
    }
}
