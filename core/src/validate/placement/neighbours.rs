//! Required affinity to other pods and anti-affinity to them.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Pod, PodAffinityTerm, PodSpec};

use super::super::Report;
use super::super::selector::{matches, shown};
use super::{FIELD, Place, label, labels_of, lives};

pub(super) fn is_asked(spec: &PodSpec) -> bool {
    wanted(spec).next().is_some() || unwanted(spec).next().is_some()
}

fn wanted(spec: &PodSpec) -> impl Iterator<Item = &PodAffinityTerm> {
    let affinity = spec
        .affinity
        .as_ref()
        .and_then(|affinity| affinity.pod_affinity.as_ref());
    let required = affinity.and_then(|one| one.required_during_scheduling_ignored_during_execution.as_ref());
    required.into_iter().flatten().filter(|term| is_judged(term))
}

fn unwanted(spec: &PodSpec) -> impl Iterator<Item = &PodAffinityTerm> {
    let affinity = spec
        .affinity
        .as_ref()
        .and_then(|affinity| affinity.pod_anti_affinity.as_ref());
    let required = affinity.and_then(|one| one.required_during_scheduling_ignored_during_execution.as_ref());
    required.into_iter().flatten().filter(|term| is_judged(term))
}

/// Pods of other namespaces are the scheduler's business.
fn is_judged(term: &PodAffinityTerm) -> bool {
    term.namespace_selector.is_none() && term.namespaces.as_ref().is_none_or(Vec::is_empty)
}

pub(super) fn check(place: &Place<'_>, pods: &[Pod], report: &mut Report) {
    for term in unwanted(place.spec) {
        if let Some(pod) = there(place, pods, term).first() {
            report.refuse(
                FIELD,
                format!(
                    "the pod's required podAntiAffinity (pods of {}, {}) excludes node {:?}, because of pod {:?}; {}",
                    selected(term),
                    term.topology_key,
                    place.name(),
                    pod.metadata.name.as_deref().unwrap_or_default(),
                    place.way_out
                ),
            );
        }
    }
    for term in wanted(place.spec) {
        if there(place, pods, term).is_empty() && !is_first(place, pods, term) {
            report.refuse(
                FIELD,
                format!(
                    "the pod's required podAffinity wants a pod of {} in the same {} as itself, and there is none for node {:?}; {}",
                    selected(term),
                    term.topology_key,
                    place.name(),
                    place.way_out
                ),
            );
        }
    }
}

/// Pods of a term in the domain of the target.
fn there<'p>(place: &Place<'_>, pods: &'p [Pod], term: &PodAffinityTerm) -> Vec<&'p Pod> {
    let Some(domain) = label(place.target, &term.topology_key) else {
        return Vec::new();
    };
    let in_domain = |pod: &&Pod| {
        let node = place.node_of(pod);
        node.and_then(|node| label(node, &term.topology_key)) == Some(domain)
    };
    of_term(place, pods, term).filter(in_domain).collect()
}

/// The source is one of them while it lives beside its copy.
fn of_term<'p>(place: &Place<'_>, pods: &'p [Pod], term: &PodAffinityTerm) -> impl Iterator<Item = &'p Pod> {
    let gone = place.goes_first.then(|| place.pod.metadata.uid.clone());
    let selector = term.label_selector.clone();
    pods.iter().filter(move |pod| {
        let is_gone = gone.as_ref().is_some_and(|uid| *uid == pod.metadata.uid);
        let of_selector = |labels: &BTreeMap<String, String>| {
            selector
                .as_ref()
                .is_some_and(|selector| matches(selector, labels))
        };
        lives(pod) && !is_gone && of_selector(&labels_of(pod))
    })
}

/// The scheduler lets the first pod of a group that wants to be together be anywhere.
fn is_first(place: &Place<'_>, pods: &[Pod], term: &PodAffinityTerm) -> bool {
    let of_itself = term
        .label_selector
        .as_ref()
        .is_some_and(|selector| matches(selector, place.labels));
    of_itself && of_term(place, pods, term).next().is_none()
}

fn selected(term: &PodAffinityTerm) -> String {
    term.label_selector.as_ref().map(shown).unwrap_or_default()
}
