//! Rules about the node itself: required node affinity, taints.

use k8s_openapi::api::core::v1::{
    Node, NodeSelectorRequirement, NodeSelectorTerm, PodSpec, Taint, Toleration,
};

use super::super::Report;
use super::super::selector::meets;
use super::{FIELD, Place, label, name};

/// Told with better words where it is looked at whether the node is up.
const TOLD_ELSEWHERE: [&str; 3] = [
    "node.kubernetes.io/unschedulable",
    "node.kubernetes.io/not-ready",
    "node.kubernetes.io/unreachable",
];

pub(super) fn check(place: &Place<'_>, report: &mut Report) {
    let (node, way_out) = (place.name(), place.way_out);
    if !has_affinity(place.spec, place.target) {
        report.refuse(
            FIELD,
            format!(
                "the pod's required nodeAffinity excludes node {node:?}; label the node as it wants, widen it in the template of the \
                 pod's owner, or {way_out}"
            ),
        );
    }
    if let Some(taint) = untolerated(place.spec, place.target) {
        let taint = shown(taint);
        report.refuse(
            FIELD,
            format!(
                "node {node:?} has the taint {taint}, which the pod does not tolerate; take it away (kubectl taint nodes {node} \
                 {taint}-), tolerate it in the template of the pod's owner, or {way_out}"
            ),
        );
    }
}

/// The same in few words, each after the node's name.
pub(super) fn rules_against(place: &Place<'_>) -> Vec<String> {
    let affinity = (!has_affinity(place.spec, place.target))
        .then(|| "is excluded by the pod's required nodeAffinity".to_owned());
    let taint = untolerated(place.spec, place.target)
        .map(|taint| format!("has the taint {}, which the pod does not tolerate", shown(taint)));
    affinity.into_iter().chain(taint).collect()
}

/// As `kubectl taint` takes it.
fn shown(taint: &Taint) -> String {
    let value = taint.value.as_deref().filter(|value| !value.is_empty());
    let value = value.map(|value| format!("={value}")).unwrap_or_default();
    format!("{}{value}:{}", taint.key, taint.effect)
}

/// Whether a node has what node selector and required node affinity want.
pub(super) fn is_wanted(spec: &PodSpec, node: &Node) -> bool {
    let mut selected = spec.node_selector.iter().flatten();
    selected.all(|(key, value)| label(node, key) == Some(value)) && has_affinity(spec, node)
}

/// Terms are alternatives.
fn has_affinity(spec: &PodSpec, node: &Node) -> bool {
    let affinity = spec
        .affinity
        .as_ref()
        .and_then(|affinity| affinity.node_affinity.as_ref());
    let required = affinity.and_then(|affinity| {
        affinity
            .required_during_scheduling_ignored_during_execution
            .as_ref()
    });
    required.is_none_or(|required| required.node_selector_terms.iter().any(|term| admits(term, node)))
}

/// An empty term admits no node.
fn admits(term: &NodeSelectorTerm, node: &Node) -> bool {
    let own_name = name(node).to_owned();
    let (labels, fields) = (
        term.match_expressions.iter().flatten(),
        term.match_fields.iter().flatten(),
    );
    let asked = labels.clone().count() + fields.clone().count() > 0;
    asked
        && labels.into_iter().all(|one| is_met(one, label(node, &one.key)))
        && fields.into_iter().all(|one| is_met(one, Some(&own_name)))
}

/// What is not known here is left to the scheduler.
fn is_met(one: &NodeSelectorRequirement, value: Option<&String>) -> bool {
    let number = |text: &String| text.parse::<i64>().ok();
    let (bound, value_number) = (one.values.as_ref().and_then(|values| values.first()), value);
    match (
        one.operator.as_str(),
        bound.and_then(number),
        value_number.and_then(number),
    ) {
        ("Gt", Some(bound), Some(value)) => value > bound,
        ("Lt", Some(bound), Some(value)) => value < bound,
        ("Gt" | "Lt", _, _) => false,
        (operator, _, _) => meets(operator, one.values.as_ref(), value).unwrap_or(true),
    }
}

/// The first taint that keeps the pod off the node.
pub(super) fn untolerated<'n>(spec: &PodSpec, node: &'n Node) -> Option<&'n Taint> {
    let taints = node.spec.as_ref()?.taints.iter().flatten();
    let mut keep_off = taints.filter(|taint| {
        matches!(taint.effect.as_str(), "NoSchedule" | "NoExecute")
            && !TOLD_ELSEWHERE.contains(&taint.key.as_str())
            && !spec.tolerations.iter().flatten().any(|one| tolerates(one, taint))
    });
    keep_off.next()
}

fn tolerates(one: &Toleration, taint: &Taint) -> bool {
    let is = |own: Option<&String>, theirs: &str| own.is_none_or(|own| own.is_empty() || own == theirs);
    let value = || one.value.clone().unwrap_or_default() == taint.value.clone().unwrap_or_default();
    is(one.effect.as_ref(), &taint.effect)
        && match one.operator.as_deref() {
            Some("Exists") => is(one.key.as_ref(), &taint.key),
            None | Some("" | "Equal") => one.key.as_ref() == Some(&taint.key) && value(),
            // Left to the scheduler.
            Some(_) => one.key.as_ref() == Some(&taint.key),
        }
}
