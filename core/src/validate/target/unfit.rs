//! What speaks against a node, as far as the API server knows it.

use std::collections::BTreeMap;
use std::fmt;

use k8s_openapi::api::core::v1::{Node, PodSpec};

use super::{find, name};
use crate::api::StatefulMigrationSpec;
use crate::compat::FactsError;
use crate::policy::words;
use crate::validate::source::unmountable;
use crate::validate::{Facts, placement};
use crate::{compat, names, restore_choice};

/// One reason against a node. Printed, it follows the node's name.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Unfit {
    Down,
    Cordoned,
    Unprepared,
    /// The pod's nodeSelector wants this label.
    Unlabelled(String),
    /// The pod's rules about its place.
    Excluded(String),
    NoFacts(FactsError),
    /// From which node, and what differs.
    Different(String, Vec<String>),
    Unmountable(String),
    NoRestore(String),
    /// Policies that let no pod of theirs come here.
    ByPolicy(String),
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Down => write!(f, "is not Ready"),
            Self::Cordoned => write!(f, "is cordoned"),
            Self::Unprepared => write!(
                f,
                "is not ready for restores (label {}=true is missing)",
                names::NODE_READY
            ),
            Self::Unlabelled(label) => write!(f, "has no label {label}, which the pod's nodeSelector wants"),
            Self::Excluded(rule) => write!(f, "{rule}"),
            Self::NoFacts(error) => write!(f, "cannot be judged ({error})"),
            Self::Different(from, differences) => {
                write!(
                    f,
                    "cannot restore what runs on {from:?}: {}",
                    differences.join(", ")
                )
            }
            Self::Unmountable(volume) => write!(f, "cannot mount volume {volume:?}"),
            Self::NoRestore(why) => write!(f, "restores nothing ({why})"),
            Self::ByPolicy(by) => write!(f, "is not allowed by {by} (allowed.targetNodes)"),
        }
    }
}

impl Unfit {
    /// For a person that has named this node.
    pub(super) fn told(&self, node: &str, way_out: &str) -> String {
        match self {
            Self::Down | Self::Different(..) | Self::ByPolicy(_) => {
                format!("node {node:?} {self}; {way_out}")
            }
            Self::Cordoned => format!("node {node:?} {self}; {way_out}, or type: kubectl uncordon {node}"),
            Self::Unprepared => format!(
                "node {node:?} {self}. To look at its agent, type: kubectl -n {} get pods -o wide. Or {way_out}",
                names::SYSTEM_NAMESPACE
            ),
            Self::Unlabelled(label) => format!(
                "the pod's nodeSelector wants {label}, which node {node:?} does not have; label the node, or widen the selector in \
                 the template of the pod's owner"
            ),
            Self::NoFacts(error) => error.to_string(),
            Self::Excluded(_) | Self::Unmountable(_) | Self::NoRestore(_) => format!("node {node:?} {self}"),
        }
    }

    /// Whether a check of its own has better words for it, once the node is chosen.
    pub(super) fn is_told_elsewhere(&self) -> bool {
        match self {
            Self::Excluded(_) | Self::Unmountable(_) | Self::NoRestore(_) => true,
            Self::Down
            | Self::Cordoned
            | Self::Unprepared
            | Self::Unlabelled(_)
            | Self::NoFacts(_)
            | Self::Different(..)
            | Self::ByPolicy(_) => false,
        }
    }
}

/// Everything against moving the pod to this node. What makes all other questions idle is named alone.
pub(super) fn unfit(spec: &StatefulMigrationSpec, facts: &Facts, node: &Node) -> Vec<Unfit> {
    if let Some(out_of_service) = out_of_service(node) {
        return vec![out_of_service];
    }
    let mut found = Vec::new();
    if let Some(pod) = facts.pod.as_ref().and_then(|pod| pod.spec.as_ref()) {
        selected(pod, node, &mut found);
        found.extend(
            placement::rules_against(spec, facts, node)
                .into_iter()
                .map(Unfit::Excluded),
        );
        found.extend(unmountable(pod, facts, name(node)).map(Unfit::Unmountable));
    }
    let bar = facts.policies.bar(node);
    if !bar.is_empty() {
        found.push(Unfit::ByPolicy(words::joined(&bar)));
    }
    found.extend(different(facts, node));
    found.extend(restore_choice::choose(spec, node).err().map(Unfit::NoRestore));
    found
}

/// Why nothing is moved there, whatever it is.
pub(super) fn out_of_service(node: &Node) -> Option<Unfit> {
    if !is_up(node) {
        Some(Unfit::Down)
    } else if is_cordoned(node) {
        Some(Unfit::Cordoned)
    } else if !is_prepared(node) {
        Some(Unfit::Unprepared)
    } else {
        None
    }
}

/// The pod's own node selector, which a move must not break.
fn selected(pod: &PodSpec, node: &Node, found: &mut Vec<Unfit>) {
    let empty = BTreeMap::new();
    let labels = node.metadata.labels.as_ref().unwrap_or(&empty);
    for (label, value) in pod.node_selector.iter().flatten() {
        if labels.get(label) != Some(value) {
            found.push(Unfit::Unlabelled(format!("{label}={value}")));
        }
    }
}

/// The source's own facts are judged where the target is known.
fn different(facts: &Facts, target: &Node) -> Option<Unfit> {
    let to = match compat::facts_of(target) {
        Ok(to) => to,
        Err(error) => return Some(Unfit::NoFacts(error)),
    };
    let source = facts.source_node().and_then(|from| find(&facts.nodes, from))?;
    let from = compat::facts_of(source).ok()?;
    let differences = compat::differences(&from, &to);
    (!differences.is_empty()).then(|| Unfit::Different(name(source).to_owned(), differences))
}

/// Whether no new pod may come to it.
pub fn is_cordoned(node: &Node) -> bool {
    node.spec
        .as_ref()
        .is_some_and(|spec| spec.unschedulable == Some(true))
}

fn is_prepared(node: &Node) -> bool {
    let labels = node.metadata.labels.as_ref();
    labels
        .and_then(|labels| labels.get(names::NODE_READY))
        .is_some_and(|value| value == "true")
}

/// Whether it is Ready.
pub fn is_up(node: &Node) -> bool {
    let conditions = node.status.as_ref().and_then(|status| status.conditions.as_ref());
    conditions
        .into_iter()
        .flatten()
        .any(|condition| condition.type_ == "Ready" && condition.status == "True")
}
