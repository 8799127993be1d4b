//! Which nodes may be taken where the spec names none: those that fit. Of several, the controller takes the one with the most room.

use k8s_openapi::api::core::v1::Node;

use super::unfit::unfit;
use super::{FIELD, NAMED, name};
use crate::api::{Candidate, StatefulMigrationSpec};
use crate::validate::{Facts, Refusal};

/// Where a spec aims.
#[derive(Clone, Debug, PartialEq)]
pub struct Aimed {
    /// The spec, with its target where that is known.
    pub spec: StatefulMigrationSpec,
    /// Why this node, if the spec did not name it.
    pub because: Option<String>,
    /// The nodes that fit, where the spec names none and several do; the room on them decides.
    pub open: Vec<String>,
}

/// Fills in the target where it is left out.
pub fn aim(spec: &StatefulMigrationSpec, facts: &Facts) -> Result<Aimed, Refusal> {
    let named = spec.target_node.as_ref().is_some_and(|node| !node.is_empty());
    let mut aimed = Aimed {
        spec: spec.clone(),
        because: None,
        open: Vec::new(),
    };
    if named || facts.source_node().is_none() {
        return Ok(aimed);
    }
    match fitting(spec, facts).as_slice() {
        [only] => {
            aimed.spec.target_node = Some((*only).to_owned());
            aimed.because = Some(format!("node {only} is the only other one that fits"));
            Ok(aimed)
        }
        [] => Err(refusal(none(spec, facts))),
        several => {
            aimed.open = several.iter().map(|node| (*node).to_owned()).collect();
            Ok(aimed)
        }
    }
}

fn refusal(message: String) -> Refusal {
    Refusal {
        field: FIELD,
        message,
    }
}

/// Nodes that nothing speaks against, but for the source's.
pub(super) fn fitting<'a>(spec: &StatefulMigrationSpec, facts: &'a Facts) -> Vec<&'a str> {
    let fits = |node: &&Node| unfit(spec, facts, node).is_empty();
    let mut fitting: Vec<&str> = others(facts).filter(fits).map(name).collect();
    fitting.sort_unstable();
    fitting
}

pub(super) fn others(facts: &Facts) -> impl Iterator<Item = &Node> {
    facts
        .nodes
        .iter()
        .filter(|node| Some(name(node)) != facts.source_node())
}

/// Each other node, and what speaks against it.
pub fn candidates(spec: &StatefulMigrationSpec, facts: &Facts) -> Vec<Candidate> {
    let mut all: Vec<Candidate> = others(facts)
        .map(|node| Candidate {
            node: name(node).to_owned(),
            against: unfit(spec, facts, node).iter().map(ToString::to_string).collect(),
        })
        .collect();
    all.sort_by(|one, other| one.node.cmp(&other.node));
    all
}

/// Each node, and why it falls out.
fn none(spec: &StatefulMigrationSpec, facts: &Facts) -> String {
    let nodes = candidates(spec, facts);
    if nodes.is_empty() {
        return "no node is named, and there is no other node than the pod's own; add one, or name it when it is there"
            .to_owned();
    }
    let against = |one: &Candidate| format!("{} {}", one.node, one.against.join(", "));
    let told: Vec<String> = nodes.iter().take(NAMED).map(against).collect();
    let more = nodes.len().saturating_sub(NAMED);
    let more = if more == 0 {
        String::new()
    } else {
        format!("; and {more} more nodes")
    };
    format!(
        "no node is named, and no other node fits: {}{more}",
        told.join("; ")
    )
}
