//! What the admission says of a pod and each node.

use kube::ResourceExt;
use shadow_core::validate::{self, Refusal, Report};

use super::{OF_A_NODE, judged};
use crate::check::gather::pod::Facts;

/// What speaks against a move, wherever to; and the nodes that nothing speaks against.
pub(super) struct Weighed {
    /// What is refused, whatever the node.
    pub(super) against: Vec<Refusal>,
    /// Nodes that nothing speaks against.
    pub(super) fit: Vec<String>,
    /// What is accepted and may surprise.
    pub(super) warnings: Vec<String>,
}

impl Weighed {
    /// The admission is asked about each node, so that each one that fits is named.
    pub(super) fn of(facts: &Facts) -> Self {
        let from = facts
            .seen
            .pod
            .as_ref()
            .and_then(|pod| pod.spec.as_ref()?.node_name.clone());
        let mut nodes: Vec<String> = facts.seen.nodes.iter().map(ResourceExt::name_any).collect();
        nodes.retain(|node| Some(node) != from.as_ref());
        nodes.sort();
        let reports: Vec<(Option<String>, Report)> = if nodes.is_empty() {
            vec![(None, judged(facts, &facts.seen, None))]
        } else {
            let of_node = |node: String| {
                let report = judged(facts, &around(facts, &node), Some(&node));
                (Some(node), report)
            };
            nodes.into_iter().map(of_node).collect()
        };
        let mut weighed = Self {
            against: Vec::new(),
            fit: Vec::new(),
            warnings: Vec::new(),
        };
        for (node, report) in reports {
            let (of_node, general): (Vec<Refusal>, Vec<Refusal>) = report
                .refusals
                .into_iter()
                .partition(|one| OF_A_NODE.contains(&one.field));
            weighed.fit.extend(node.filter(|_| of_node.is_empty()));
            add(&mut weighed.against, general);
            add(&mut weighed.warnings, report.warnings);
        }
        weighed
    }
}

/// What has to be known to judge one node. The others matter only where other pods say where this one may be; without them a
/// thousand nodes are judged in the time of a thousand, not of a million.
fn around(facts: &Facts, node: &str) -> validate::Facts {
    let mut seen = facts.seen.clone();
    let depends = seen.pod.as_ref().is_some_and(validate::depends_on_others);
    if !depends {
        let source = seen
            .pod
            .as_ref()
            .and_then(|pod| pod.spec.as_ref()?.node_name.clone());
        seen.nodes
            .retain(|one| one.name_any() == node || Some(one.name_any()) == source);
    }
    seen
}

fn add<T: PartialEq>(known: &mut Vec<T>, more: Vec<T>) {
    for one in more {
        if !known.contains(&one) {
            known.push(one);
        }
    }
}
