//! What a node with a running agent says of itself, and whether another node can restore what runs on it.

use k8s_openapi::api::core::v1::Node;
use kube::ResourceExt;
use shadow_core::compat::{self, FactsError};
use shadow_core::names::{NODE_READY, SYSTEM_NAMESPACE};
use shadow_core::wire::NodeFacts;

use crate::check::Finding;
use crate::check::codes::{CAPABILITIES, FACTS, HANDLER, PARTNER, READY_LABEL};
use crate::check::judge::cluster::INSTALL;
use crate::check::judge::some;

/// What a node says of itself. It is read once: each node is compared with each other.
pub(super) struct Told {
    name: String,
    facts: Result<NodeFacts, FactsError>,
}

impl Told {
    /// Of all nodes, in the order of their names.
    pub(super) fn of_all(nodes: &[Node]) -> Vec<Self> {
        let told = |node: &Node| Self {
            name: node.name_any(),
            facts: compat::facts_of(node),
        };
        let mut all: Vec<Self> = nodes.iter().map(told).collect();
        all.sort_by(|one, other| one.name.cmp(&other.name));
        all
    }
}

/// Label and facts of a node whose agent runs.
pub(super) fn prepared(node: &Node, all: &[Told]) -> Vec<Finding> {
    let name = node.name_any();
    if node.labels().get(NODE_READY).is_none_or(|value| value != "true") {
        let logs = format!("kubectl -n {SYSTEM_NAMESPACE} logs deployment/shadow-controller");
        let text = format!("has no label {NODE_READY}=true: the controller has not reached its agent");
        return vec![Finding::fail(READY_LABEL, name, text).typed(logs)];
    }
    let mut found = vec![Finding::pass(READY_LABEL, &name, "is ready for restores")];
    match all.iter().find(|told| told.name == name).map(|told| &told.facts) {
        Some(Ok(facts)) => found.extend(told(&name, facts, all)),
        Some(Err(error)) => found.push(Finding::fail(FACTS, name, error.to_string()).typed(INSTALL)),
        None => {}
    }
    found
}

fn told(name: &str, facts: &NodeFacts, all: &[Told]) -> Vec<Finding> {
    let versions = format!(
        "agent {}, CRIU {}, {}, kernel {}",
        facts.agent, facts.criu, facts.runtime, facts.kernel
    );
    let own = env!("CARGO_PKG_VERSION");
    let version = if facts.agent == own {
        Finding::pass(FACTS, name, versions)
    } else {
        Finding::warn(FACTS, name, format!("{versions}; this plugin is {own}"))
            .typed("kubectl shadow --version")
    };
    let handler = if facts.handler {
        Finding::pass(HANDLER, name, "has the runtime handler shadow")
    } else {
        Finding::warn(
            HANDLER,
            name,
            "has no runtime handler shadow: copies are restored from checkpoint images, if its runtime can",
        )
        .typed(INSTALL)
    };
    let capabilities = if facts.lacks.is_empty() {
        Finding::pass(CAPABILITIES, name, "CRIU has its capabilities")
    } else {
        let lacks = facts.lacks.join(", ");
        Finding::warn(CAPABILITIES, name, format!("CRIU has not {lacks}"))
    };
    vec![version, handler, capabilities, partner(name, facts, all)]
}

/// The other nodes that can restore what runs on this one. What another one lacks by itself is told in its own lines.
fn partner(name: &str, facts: &NodeFacts, all: &[Told]) -> Finding {
    let nodes = "kubectl shadow check nodes";
    let (mut fit, mut against) = (Vec::new(), Vec::new());
    for other in all.iter().filter(|other| other.name != name) {
        let Ok(theirs) = &other.facts else { continue };
        let differences = compat::differences(facts, theirs);
        if differences.is_empty() {
            fit.push(&other.name);
        } else {
            against.push(format!("{}: {}", other.name, differences.join(", ")));
        }
    }
    match (fit.as_slice(), against.len()) {
        ([], 0) => Finding::warn(PARTNER, name, "there is no other node that takes part").typed(nodes),
        ([], 1..) => {
            let why = against.iter().take(3).cloned().collect::<Vec<_>>().join("; ");
            let text = format!("no other node can restore what runs on it: {why}");
            Finding::warn(PARTNER, name, text).typed(nodes)
        }
        (fit, _) => Finding::pass(PARTNER, name, format!("what runs on it can go to {}", some(fit))),
    }
}
