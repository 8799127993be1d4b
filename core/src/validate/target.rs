//! The node to move to: that it exists, takes pods, is ready for restores and can restore what the source runs.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Node;

use super::{Facts, Report, placement};
use crate::api::StatefulMigrationSpec;
use crate::{compat, names};

const FIELD: &str = "spec.targetNode";

pub(super) fn check(spec: &StatefulMigrationSpec, facts: &Facts, report: &mut Report) {
    let from = facts
        .pod
        .as_ref()
        .and_then(|pod| pod.spec.as_ref())
        .and_then(|spec| spec.node_name.as_deref());
    let way_out = way_out(&facts.nodes, from);
    let Some(wanted) = spec.target_node.as_deref().filter(|name| !name.is_empty()) else {
        return report.refuse(FIELD, format!("no node is named; {way_out}"));
    };
    let Some(node) = find(&facts.nodes, wanted) else {
        return report.refuse(FIELD, format!("node {wanted:?} does not exist; {way_out}"));
    };
    if from == Some(wanted) {
        return report.refuse(
            FIELD,
            format!("the pod already runs on node {wanted:?}; {way_out}"),
        );
    }
    if !is_up(node) {
        return report.refuse(FIELD, format!("node {wanted:?} is not Ready; {way_out}"));
    }
    if is_cordoned(node) {
        return report.refuse(
            FIELD,
            format!("node {wanted:?} is cordoned; kubectl uncordon {wanted}, or {way_out}"),
        );
    }
    if !is_prepared(node) {
        return report.refuse(
            FIELD,
            format!(
                "node {wanted:?} is not ready for restores (label {}=true is missing). To look at its agent, type: kubectl \
                 -n {} get pods -o wide. Or {way_out}",
                names::NODE_READY,
                names::SYSTEM_NAMESPACE
            ),
        );
    }
    selected(node, wanted, facts, report);
    let others: Vec<Node> = facts
        .nodes
        .iter()
        .filter(|node| name(node) != wanted)
        .cloned()
        .collect();
    placement::check(spec, facts, node, &self::way_out(&others, from), report);
    if let Some(source) = from.and_then(|from| find(&facts.nodes, from)) {
        compatible(source, node, &way_out, report);
    }
}

fn compatible(source: &Node, target: &Node, way_out: &str, report: &mut Report) {
    let from = match compat::facts_of(source) {
        Ok(facts) => facts,
        Err(error) => return report.refuse("spec.sourcePod", error.to_string()),
    };
    let to = match compat::facts_of(target) {
        Ok(facts) => facts,
        Err(error) => return report.refuse(FIELD, error.to_string()),
    };
    let differences = compat::differences(&from, &to);
    if !differences.is_empty() {
        let (from, to) = (name(source), name(target));
        let reasons = differences.join(", ");
        report.refuse(
            FIELD,
            format!("node {to:?} cannot restore what runs on {from:?}: {reasons}; {way_out}"),
        );
    }
}

/// The pod's own node selector, which a move must not break.
fn selected(node: &Node, wanted: &str, facts: &Facts, report: &mut Report) {
    let empty = BTreeMap::new();
    let labels = node.metadata.labels.as_ref().unwrap_or(&empty);
    let selector = facts
        .pod
        .as_ref()
        .and_then(|pod| pod.spec.as_ref())
        .and_then(|spec| spec.node_selector.as_ref());
    for (label, value) in selector.into_iter().flatten() {
        if labels.get(label) != Some(value) {
            let message = format!(
                "the pod's nodeSelector wants {label}={value}, which node {wanted:?} does not have; label the node, \
                 or widen the selector in the template of the pod's owner"
            );
            report.refuse(FIELD, message);
        }
    }
}

fn way_out(nodes: &[Node], from: Option<&str>) -> String {
    let fit =
        |node: &&Node| Some(name(node)) != from && is_up(node) && !is_cordoned(node) && is_prepared(node);
    let mut names: Vec<&str> = nodes.iter().filter(fit).map(name).collect();
    names.sort_unstable();
    match names.as_slice() {
        [] => {
            "no other node is ready for restores; to put the agent on all nodes, type: kubectl shadow install"
                .to_owned()
        }
        [only] => format!("choose {only}"),
        several => format!("choose one of {}", several.join(", ")),
    }
}

fn name(node: &Node) -> &str {
    node.metadata.name.as_deref().unwrap_or_default()
}

fn find<'a>(nodes: &'a [Node], wanted: &str) -> Option<&'a Node> {
    nodes.iter().find(|node| name(node) == wanted)
}

fn is_cordoned(node: &Node) -> bool {
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

fn is_up(node: &Node) -> bool {
    let conditions = node.status.as_ref().and_then(|status| status.conditions.as_ref());
    conditions
        .into_iter()
        .flatten()
        .any(|condition| condition.type_ == "Ready" && condition.status == "True")
}
