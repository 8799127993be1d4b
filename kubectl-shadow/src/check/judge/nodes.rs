//! Nodes, and the agents on them.

mod agent;
mod prepared;

use k8s_openapi::api::core::v1::Node;
use kube::ResourceExt;
use shadow_core::validate;

use agent::agent;
pub(super) use agent::ails;
use prepared::{Told, prepared};

use super::some;
use crate::check::codes::{CORDON, NODE_UP, PLATFORM};
use crate::check::gather::nodes::Facts;
use crate::check::{Finding, Grade};

/// The lines of all nodes, or of the one with this name.
pub fn findings(facts: &Facts, only: Option<&str>) -> Vec<Finding> {
    let nodes = match &facts.nodes {
        Ok(nodes) => nodes,
        Err(why) => return vec![Finding::unseen(NODE_UP, "the nodes", why)],
    };
    let mut named: Vec<&Node> = nodes
        .iter()
        .filter(|node| only.is_none_or(|only| node.name_any() == only))
        .collect();
    named.sort_by_key(|node| node.name_any());
    match (named.is_empty(), only) {
        (true, Some(only)) => {
            let there: Vec<String> = nodes.iter().map(ResourceExt::name_any).collect();
            let why = format!("does not exist; there are {}", some(&there));
            vec![Finding::fail(NODE_UP, only, why).typed("kubectl get nodes")]
        }
        (_, _) => {
            let told = Told::of_all(nodes);
            let findings = named.into_iter().map(|node| of_node(node, facts, &told));
            findings.flatten().collect()
        }
    }
}

/// What follows from an earlier line that fails is left out.
fn of_node(node: &Node, facts: &Facts, all: &[Told]) -> Vec<Finding> {
    let name = node.name_any();
    let platform = platform(node);
    if platform.grade != Grade::Pass {
        return vec![platform];
    }
    let up = validate::is_up(node);
    let mut found = vec![platform, up_or_not(&name, up)];
    if !up {
        return found;
    }
    found.push(if validate::is_cordoned(node) {
        Finding::warn(CORDON, &name, "is cordoned: it is no target").typed(format!("kubectl uncordon {name}"))
    } else {
        Finding::pass(CORDON, &name, "takes pods")
    });
    let agent = agent(&name, facts);
    let runs = agent.grade != Grade::Fail;
    found.push(agent);
    if runs {
        found.extend(prepared(node, all));
    }
    found.sort_by_key(|one| one.code);
    found
}

fn up_or_not(name: &str, up: bool) -> Finding {
    if up {
        Finding::pass(NODE_UP, name, "is Ready")
    } else {
        Finding::fail(NODE_UP, name, "is not Ready").typed(format!("kubectl describe node {name}"))
    }
}

/// Also before an installation.
pub(super) fn platform(node: &Node) -> Finding {
    let name = node.name_any();
    let info = node.status.as_ref().and_then(|status| status.node_info.as_ref());
    let Some(info) = info else {
        return Finding::warn(PLATFORM, name, "does not tell its operating system");
    };
    let told = format!("{}/{}", info.operating_system, info.architecture);
    if told == "linux/amd64" {
        Finding::pass(PLATFORM, name, format!("{told}, kernel {}", info.kernel_version))
    } else {
        Finding::warn(
            PLATFORM,
            name,
            format!("{told}: it takes no part, since there is no agent for it"),
        )
    }
}
