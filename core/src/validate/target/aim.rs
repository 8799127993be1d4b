//! Which node is taken where the spec names none: the only other one that fits. Several are for a person to choose from.

use k8s_openapi::api::core::v1::Node;

use super::unfit::unfit;
use super::{FIELD, NAMED, listed, name};
use crate::api::StatefulMigrationSpec;
use crate::validate::{Facts, Refusal};

/// A spec that names its target.
#[derive(Clone, Debug, PartialEq)]
pub struct Aimed {
    /// The spec.
    pub spec: StatefulMigrationSpec,
    /// Why this node, if nobody named it.
    pub because: Option<String>,
}

/// Fills in the target where it is left out.
pub fn aim(spec: &StatefulMigrationSpec, facts: &Facts) -> Result<Aimed, Refusal> {
    let named = spec.target_node.as_ref().is_some_and(|node| !node.is_empty());
    let mut aimed = Aimed {
        spec: spec.clone(),
        because: None,
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
        several => Err(refusal(format!(
            "no node is named, and several fit; choose one of {}",
            listed(several)
        ))),
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

/// Each node, and why it falls out.
fn none(spec: &StatefulMigrationSpec, facts: &Facts) -> String {
    let mut nodes: Vec<&Node> = others(facts).collect();
    if nodes.is_empty() {
        return "no node is named, and there is no other node than the pod's own; add one, or name it when it is there"
            .to_owned();
    }
    nodes.sort_unstable_by_key(|node| name(node));
    let against = |node: &&Node| {
        let reasons: Vec<String> = unfit(spec, facts, node).iter().map(ToString::to_string).collect();
        format!("{} {}", name(node), reasons.join(", "))
    };
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
