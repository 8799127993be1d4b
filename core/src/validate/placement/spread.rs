//! Topology spread that must not be broken (`whenUnsatisfiable: DoNotSchedule`), as it is after the move: the pod is counted on
//! the target and no longer where it was.
//!
//! The copy is confined to one node, so that the scheduler, which counts the domains that a pod may be in, sees one domain.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Node, Pod, PodSpec, TopologySpreadConstraint};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelectorRequirement;

use super::super::Report;
use super::super::selector::{matches, shown};
use super::node::{is_wanted, untolerated};
use super::{FIELD, Place, label, labels_of};

pub(super) fn is_asked(spec: &PodSpec) -> bool {
    strict(spec).next().is_some()
}

fn strict(spec: &PodSpec) -> impl Iterator<Item = &TopologySpreadConstraint> {
    let all = spec.topology_spread_constraints.iter().flatten();
    all.filter(|one| one.when_unsatisfiable == "DoNotSchedule")
}

pub(super) fn check(place: &Place<'_>, pods: &[Pod], report: &mut Report) {
    for constraint in strict(place.spec) {
        if let Some(why) = broken(place, &counted(constraint, place), pods) {
            report.refuse(FIELD, why);
        }
    }
}

/// With the labels whose values are the pod's own (`matchLabelKeys`).
fn counted(constraint: &TopologySpreadConstraint, place: &Place<'_>) -> TopologySpreadConstraint {
    let mut constraint = constraint.clone();
    let keys = constraint.match_label_keys.take().unwrap_or_default();
    let own = keys.into_iter().filter_map(|key| {
        let values = Some(vec![place.labels.get(&key)?.clone()]);
        let operator = "In".to_owned();
        Some(LabelSelectorRequirement {
            key,
            operator,
            values,
        })
    });
    if let Some(selector) = &mut constraint.label_selector {
        selector.match_expressions.get_or_insert_default().extend(own);
    }
    constraint
}

fn broken(place: &Place<'_>, constraint: &TopologySpreadConstraint, pods: &[Pod]) -> Option<String> {
    let (key, node) = (&constraint.topology_key, place.name());
    let Some(here) = label(place.target, key) else {
        return Some(format!(
            "the pod's topologySpreadConstraints count by label {key}, which node {node:?} does not have; label the node, or {}",
            place.way_out
        ));
    };
    // Without a selector nothing is counted.
    let selector = constraint.label_selector.as_ref()?;
    let mut domains: BTreeMap<&String, usize> = place
        .nodes
        .iter()
        .filter(|node| counts(place.spec, constraint, node))
        .filter_map(|node| Some((label(node, key)?, 0)))
        .collect();
    domains.entry(here).or_insert(0);
    for pod in place
        .others(pods)
        .filter(|pod| matches(selector, &labels_of(pod)))
    {
        let node = place
            .node_of(pod)
            .filter(|node| counts(place.spec, constraint, node));
        if let Some(count) = node.and_then(|node| domains.get_mut(label(node, key)?)) {
            *count += 1;
        }
    }
    let itself = usize::from(matches(selector, place.labels));
    // Where the scheduler counts all domains, it sees the stand-in beside the pod that is made anew.
    let stand_in = usize::from(place.side_by_side && ignores(constraint.node_affinity_policy.as_deref()));
    let there = domains.get(here)? + itself + itself * stand_in;
    let least = match constraint.min_domains {
        Some(wanted) if wanted > 1 => (None, 0),
        _ => domains
            .iter()
            .map(|(domain, count)| (Some(*domain), count + if *domain == here { itself } else { 0 }))
            .min_by_key(|(_, count)| *count)?,
    };
    let most = usize::try_from(constraint.max_skew).unwrap_or(0);
    (there > least.1 + most).then(|| words(place, constraint, here, there, least))
}

/// Nodes that the pod could be on.
fn counts(spec: &PodSpec, constraint: &TopologySpreadConstraint, node: &Node) -> bool {
    let taints = constraint.node_taints_policy.as_deref();
    (ignores(constraint.node_affinity_policy.as_deref()) || is_wanted(spec, node))
        && (taints != Some("Honor") || untolerated(spec, node).is_none())
}

/// The default is to honour node selector and node affinity.
fn ignores(policy: Option<&str>) -> bool {
    policy == Some("Ignore")
}

fn words(
    place: &Place<'_>,
    constraint: &TopologySpreadConstraint,
    here: &str,
    there: usize,
    least: (Option<&String>, usize),
) -> String {
    let (key, skew) = (&constraint.topology_key, constraint.max_skew);
    let pods = constraint.label_selector.as_ref().map(shown).unwrap_or_default();
    let other = match least {
        (Some(domain), count) => format!("and {domain:?} has {count}"),
        (None, _) => "and the pod asks for more domains (minDomains) than one node is in".to_owned(),
    };
    format!(
        "node {:?} would break the pod's topologySpreadConstraints (maxSkew {skew}, DoNotSchedule): {key} {here:?} would have {there} \
         pods of {pods}, {other}; raise maxSkew or use ScheduleAnyway in the template of the pod's owner, or {}",
        place.name(),
        place.way_out
    )
}
