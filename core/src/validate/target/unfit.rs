//! What speaks against a node, as far as the API server knows it.

use std::collections::BTreeMap;
use std::fmt;

use k8s_openapi::api::core::v1::{Node, NodeSelectorTerm, PodSpec, Taint, Toleration};

use super::{find, name};
use crate::api::StatefulMigrationSpec;
use crate::compat::FactsError;
use crate::validate::Facts;
use crate::validate::selector::meets;
use crate::validate::source::unmountable;
use crate::validate::{Report, placement};
use crate::{compat, names, restore_choice};

/// One reason against a node. Printed, it follows the node's name.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Unfit {
    Down,
    Cordoned,
    Unprepared,
    Tainted(String),
    /// The pod's nodeSelector wants this label.
    Unlabelled(String),
    /// The pod's required node affinity.
    Repelled,
    /// Another rule of the pod about its place, and what it excludes.
    Misplaced(String),
    NoFacts(FactsError),
    /// From which node, and what differs.
    Different(String, Vec<String>),
    Unmountable(String),
    NoRestore(String),
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
            Self::Tainted(taint) => write!(f, "has the taint {taint}, which the pod does not tolerate"),
            Self::Unlabelled(label) => write!(f, "has no label {label}, which the pod's nodeSelector wants"),
            Self::Repelled => write!(f, "is not one that the pod's required nodeAffinity admits"),
            Self::Misplaced(why) => write!(f, "is excluded by the pod ({why})"),
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
        }
    }
}

impl Unfit {
    /// For a person that has named this node.
    pub(super) fn told(&self, node: &str, way_out: &str) -> String {
        match self {
            Self::Down | Self::Different(..) => format!("node {node:?} {self}; {way_out}"),
            Self::Cordoned => format!("node {node:?} {self}; kubectl uncordon {node}, or {way_out}"),
            Self::Unprepared => format!(
                "node {node:?} {self}. To look at its agent, type: kubectl -n {} get pods -o wide. Or {way_out}",
                names::SYSTEM_NAMESPACE
            ),
            Self::Unlabelled(label) => format!(
                "the pod's nodeSelector wants {label}, which node {node:?} does not have; label the node, or widen the selector in \
                 the template of the pod's owner"
            ),
            Self::NoFacts(error) => error.to_string(),
            Self::Tainted(_)
            | Self::Repelled
            | Self::Misplaced(_)
            | Self::Unmountable(_)
            | Self::NoRestore(_) => format!("node {node:?} {self}"),
        }
    }

    /// Whether a check of its own has better words for it, once the node is chosen.
    pub(super) fn is_told_elsewhere(&self) -> bool {
        match self {
            Self::Tainted(_)
            | Self::Repelled
            | Self::Misplaced(_)
            | Self::Unmountable(_)
            | Self::NoRestore(_) => true,
            Self::Down
            | Self::Cordoned
            | Self::Unprepared
            | Self::Unlabelled(_)
            | Self::NoFacts(_)
            | Self::Different(..) => false,
        }
    }
}

/// Everything against moving the pod to this node. What makes all other questions idle is named alone.
pub(super) fn unfit(spec: &StatefulMigrationSpec, facts: &Facts, node: &Node) -> Vec<Unfit> {
    if !is_up(node) {
        return vec![Unfit::Down];
    }
    if is_cordoned(node) {
        return vec![Unfit::Cordoned];
    }
    if !is_prepared(node) {
        return vec![Unfit::Unprepared];
    }
    let mut found = Vec::new();
    if let Some(pod) = facts.pod.as_ref().and_then(|pod| pod.spec.as_ref()) {
        placed(pod, node, &mut found);
        if found.is_empty() {
            found.extend(excluded(spec, facts, node));
        }
        found.extend(unmountable(pod, facts, name(node)).map(Unfit::Unmountable));
    }
    found.extend(different(facts, node));
    found.extend(restore_choice::choose(spec, node).err().map(Unfit::NoRestore));
    found
}

/// Rules about other pods.
fn excluded(spec: &StatefulMigrationSpec, facts: &Facts, node: &Node) -> Vec<Unfit> {
    let mut report = Report::default();
    placement::check(spec, facts, node, "choose another node", &mut report);
    let refusals = report.refusals.into_iter();
    refusals
        .map(|refusal| Unfit::Misplaced(refusal.message))
        .collect()
}

/// What the scheduler would say.
fn placed(pod: &PodSpec, node: &Node, found: &mut Vec<Unfit>) {
    let empty = BTreeMap::new();
    let labels = node.metadata.labels.as_ref().unwrap_or(&empty);
    for (label, value) in pod.node_selector.iter().flatten() {
        if labels.get(label) != Some(value) {
            found.push(Unfit::Unlabelled(format!("{label}={value}")));
        }
    }
    let affinity = pod
        .affinity
        .as_ref()
        .and_then(|affinity| affinity.node_affinity.as_ref());
    let required =
        affinity.and_then(|node| node.required_during_scheduling_ignored_during_execution.as_ref());
    if required.is_some_and(|required| {
        !required
            .node_selector_terms
            .iter()
            .any(|term| admits(term, node, labels))
    }) {
        found.push(Unfit::Repelled);
    }
    let tolerations: Vec<&Toleration> = pod.tolerations.iter().flatten().collect();
    let taints = node.spec.iter().flat_map(|spec| spec.taints.iter().flatten());
    let repels = |taint: &&Taint| {
        taint.effect != "PreferNoSchedule" && !tolerations.iter().any(|one| tolerates(one, taint))
    };
    found.extend(taints.filter(repels).map(|taint| {
        let value = taint.value.as_deref().filter(|value| !value.is_empty());
        let value = value.map(|value| format!("={value}")).unwrap_or_default();
        Unfit::Tainted(format!("{}{value}:{}", taint.key, taint.effect))
    }));
}

fn admits(term: &NodeSelectorTerm, node: &Node, labels: &BTreeMap<String, String>) -> bool {
    let expressions = term.match_expressions.iter().flatten();
    // The only field that there is.
    let fields = term.match_fields.iter().flatten();
    let name = node.metadata.name.as_ref();
    let mut met = expressions
        .map(|one| (one, labels.get(&one.key)))
        .chain(fields.map(|one| (one, name)));
    let is_empty = term.match_expressions.as_ref().is_none_or(Vec::is_empty)
        && term.match_fields.as_ref().is_none_or(Vec::is_empty);
    // Of other operators (Gt, Lt) the scheduler is the judge.
    !is_empty && met.all(|(one, value)| meets(&one.operator, one.values.as_ref(), value).unwrap_or(true))
}

fn tolerates(toleration: &Toleration, taint: &Taint) -> bool {
    let effect = toleration.effect.as_deref().unwrap_or_default();
    let key = toleration.key.as_deref().unwrap_or_default();
    let given = |value: Option<&String>| value.cloned().unwrap_or_default();
    let value = match toleration.operator.as_deref() {
        Some("Exists") => true,
        None | Some("" | "Equal") => given(toleration.value.as_ref()) == given(taint.value.as_ref()),
        // Of others the scheduler is the judge.
        Some(_) => true,
    };
    (effect.is_empty() || effect == taint.effect) && (key.is_empty() || key == taint.key) && value
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

/// Whether a node is cordoned.
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

/// Whether a node is Ready.
pub fn is_up(node: &Node) -> bool {
    let conditions = node.status.as_ref().and_then(|status| status.conditions.as_ref());
    conditions
        .into_iter()
        .flatten()
        .any(|condition| condition.type_ == "Ready" && condition.status == "True")
}
