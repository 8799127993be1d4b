//! The node to move to: that it exists, takes pods, is ready for restores and can restore what the source runs. Where none is
//! named, which one is taken.

mod aim;
mod room;
mod unfit;

use k8s_openapi::api::core::v1::Node;

pub use aim::{Aimed, aim, candidates};
pub use room::{Asked, Room, roomiest};
pub use unfit::{is_cordoned, is_up};
use unfit::{out_of_service, unfit};

use super::{Facts, Report, placement};
use crate::api::{Plan, StatefulMigrationSpec};
use crate::{compat, restore_choice};

pub(super) const FIELD: &str = "spec.targetNode";
/// Nodes that a message names; a cluster may have thousands.
const NAMED: usize = 10;

/// Of a spec whose target is known. Without one there is no pod either, which is told elsewhere.
pub(super) fn check(spec: &StatefulMigrationSpec, facts: &Facts, report: &mut Report) {
    let Some(wanted) = spec.target_node.as_deref().filter(|name| !name.is_empty()) else {
        return;
    };
    let from = facts.source_node();
    let way_out = || way_out(spec, facts);
    let Some(node) = find(&facts.nodes, wanted) else {
        return report.refuse(FIELD, format!("node {wanted:?} does not exist; {}", way_out()));
    };
    if from == Some(wanted) {
        return report.refuse(
            FIELD,
            format!("the pod already runs on node {wanted:?}; {}", way_out()),
        );
    }
    for reason in unfit(spec, facts, node)
        .into_iter()
        .filter(|reason| !reason.is_told_elsewhere())
    {
        report.refuse(FIELD, reason.told(wanted, &way_out()));
    }
    if out_of_service(node).is_none() {
        placement::check(spec, facts, node, &way_out(), report);
    }
    if let Some(Err(error)) = from
        .and_then(|from| find(&facts.nodes, from))
        .map(compat::facts_of)
    {
        report.refuse("spec.sourcePod", error.to_string());
    }
}

/// A node to which the pod of `facts` could be moved instead of those that were tried; the one that it came from is the last choice.
pub fn another_node(
    spec: &StatefulMigrationSpec,
    facts: &Facts,
    plan: &Plan,
    tried: &[String],
) -> Option<String> {
    let mut nodes: Vec<&Node> = facts.nodes.iter().collect();
    nodes.sort_by_key(|node| (name(node) == plan.source_node, name(node)));
    let untried = |node: &&Node| !tried.iter().any(|tried| tried == name(node));
    let fits = |node: &&Node| {
        let alike =
            matches!(restore_choice::choose(spec, node), Ok(chosen) if chosen.backend == plan.restore);
        alike && unfit(spec, facts, node).is_empty()
    };
    let found = nodes.into_iter().filter(untried).find(fits);
    found.map(|node| name(node).to_owned())
}

/// Other nodes to name instead.
fn way_out(spec: &StatefulMigrationSpec, facts: &Facts) -> String {
    let fit = aim::fitting(spec, facts);
    match fit.as_slice() {
        [] if aim::others(facts).any(|node| out_of_service(node).is_none()) => {
            "add a node that fits: no other one does".to_owned()
        }
        [] => {
            "no other node is ready for restores; to put the agent on all nodes, type: kubectl shadow install"
                .to_owned()
        }
        [only] => format!("choose {only}"),
        several => format!("choose one of {}", listed(several)),
    }
}

/// The first ones, and how many more there are.
pub(super) fn listed<T: AsRef<str>>(all: &[T]) -> String {
    let named: Vec<&str> = all.iter().take(NAMED).map(AsRef::as_ref).collect();
    let more = all.len().saturating_sub(NAMED);
    let more = if more == 0 {
        String::new()
    } else {
        format!(" and {more} more")
    };
    format!("{}{more}", named.join(", "))
}

fn name(node: &Node) -> &str {
    node.metadata.name.as_deref().unwrap_or_default()
}

fn find<'a>(nodes: &'a [Node], wanted: &str) -> Option<&'a Node> {
    nodes.iter().find(|node| name(node) == wanted)
}
