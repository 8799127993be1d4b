//! Whether a process dumped on one node can be restored on another.
//!
//! Guarantee: what is found incompatible here is refused before anything is frozen. A dump holds what the source's
//! kernel, CRIU and CPU offer, so the target must offer at least that: it may be newer, never older.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Node;

use crate::names;
use crate::wire::NodeFacts;

/// Why a node's published facts cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FactsError {
    /// The annotation is missing.
    #[error(
        "node {0:?} publishes no facts: its agent does not run. Type: kubectl -n shadow-system get pods -o wide"
    )]
    Missing(String),
    /// The annotation is not what we write.
    #[error(
        "the facts of node {node:?} cannot be read ({reason}): its agent has another version. Type: kubectl shadow \
        install"
    )]
    Unreadable {
        /// Node.
        node: String,
        /// What is wrong.
        reason: String,
    },
}

/// The facts that the agent of `node` has published.
pub fn facts_of(node: &Node) -> Result<NodeFacts, FactsError> {
    let name = node.metadata.name.clone().unwrap_or_default();
    let empty = BTreeMap::new();
    let annotations = node.metadata.annotations.as_ref().unwrap_or(&empty);
    let Some(text) = annotations.get(names::NODE_FACTS) else {
        return Err(FactsError::Missing(name));
    };
    serde_json::from_str(text).map_err(|error| FactsError::Unreadable {
        node: name,
        reason: error.to_string(),
    })
}

/// Every reason against restoring a dump of `source` on `target`; none means that it can work.
pub fn differences(source: &NodeFacts, target: &NodeFacts) -> Vec<String> {
    let mut found = Vec::new();
    if source.architecture != target.architecture {
        found.push(format!(
            "a process of architecture {} cannot run on {}",
            source.architecture, target.architecture
        ));
    } else if source.cpu_features != target.cpu_features {
        found.push(
            "the CPUs have different features, and the process may use those of the old one".to_owned(),
        );
    }
    if let (Some(from), Some(to)) = (source.cgroups, target.cgroups)
        && from != to
    {
        found.push(format!("a container made on {from} cannot be restored on {to}"));
    }
    not_older(&mut found, "kernel", &source.kernel, &target.kernel);
    not_older(&mut found, "CRIU", &source.criu, &target.criu);
    let (from, to) = (runtime_name(&source.runtime), runtime_name(&target.runtime));
    if from == to {
        not_older(&mut found, "runtime", &source.runtime, &target.runtime);
    } else {
        found.push(format!(
            "runtime {to} does not restore what runtime {from} has dumped"
        ));
    }
    found
}

fn not_older(found: &mut Vec<String>, what: &str, source: &str, target: &str) {
    match version(source).zip(version(target)) {
        Some((from, to)) if to.cmp(&from) == Ordering::Less => {
            found.push(format!("{what} {target} is older than {source}"));
        }
        Some(_) => {}
        None if source == target => {}
        None => found.push(format!(
            "{what} versions {source:?} and {target:?} cannot be compared"
        )),
    }
}

fn runtime_name(runtime: &str) -> &str {
    runtime.split([' ', '/', ':']).next().unwrap_or(runtime)
}

/// Major and minor of the first thing that looks like a version.
fn version(text: &str) -> Option<(u32, u32)> {
    let start = text.find(|c: char| c.is_ascii_digit())?;
    let mut numbers = text.get(start..)?.split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Cgroups;

    fn facts() -> NodeFacts {
        NodeFacts {
            agent: "0.1.0".into(),
            architecture: "x86_64".into(),
            kernel: "6.18.5-generic".into(),
            criu: "4.2.1".into(),
            runtime: "runc 1.3.6".into(),
            cpu_features: "ab".into(),
            handler: true,
            lacks: Vec::new(),
            cgroups: Some(Cgroups::V2),
        }
    }

    #[test]
    fn each_difference_is_named() {
        type Edit = fn(&mut NodeFacts);
        let table: [(Edit, &str); 8] = [
            (|f| f.architecture = "aarch64".into(), "architecture"),
            (|f| f.cpu_features = "cd".into(), "CPU"),
            (
                |f| f.kernel = "6.12.1".into(),
                "kernel 6.12.1 is older than 6.18.5-generic",
            ),
            (|f| f.kernel = "unknown".into(), "cannot be compared"),
            (
                |f| f.cgroups = Some(Cgroups::V1),
                "made on cgroup v2 cannot be restored on cgroup v1",
            ),
            (|f| f.criu = "4.1".into(), "CRIU 4.1 is older"),
            (|f| f.runtime = "runc 1.2.9".into(), "runtime runc 1.2.9 is older"),
            (
                |f| f.runtime = "crun 1.28".into(),
                "runtime crun does not restore what runtime runc",
            ),
        ];
        for (edit, expected) in table {
            let mut target = facts();
            edit(&mut target);
            let found = differences(&facts(), &target);
            assert_eq!(found.len(), 1, "{found:?}");
            assert!(found[0].contains(expected), "{found:?} does not say {expected}");
        }
    }

    #[test]
    fn equal_and_newer_targets_will_do() {
        assert!(differences(&facts(), &facts()).is_empty());
        let newer = NodeFacts {
            kernel: "7.0.0".into(),
            criu: "4.10".into(),
            runtime: "runc 1.10.0".into(),
            ..facts()
        };
        assert!(differences(&facts(), &newer).is_empty());
        // Facts of an earlier agent.
        let earlier = NodeFacts {
            cgroups: None,
            ..facts()
        };
        assert!(differences(&facts(), &earlier).is_empty());
    }

    #[test]
    fn facts_come_from_the_nodes_annotation() {
        let mut node = Node::default();
        node.metadata.name = Some("node-a".into());
        assert_eq!(facts_of(&node), Err(FactsError::Missing("node-a".into())));
        let annotations = node.metadata.annotations.get_or_insert_default();
        annotations.insert(names::NODE_FACTS.into(), serde_json::to_string(&facts()).unwrap());
        assert_eq!(facts_of(&node), Ok(facts()));
        node.metadata
            .annotations
            .get_or_insert_default()
            .insert(names::NODE_FACTS.into(), "{".into());
        assert!(matches!(facts_of(&node), Err(FactsError::Unreadable { .. })));
    }
}
