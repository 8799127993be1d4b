//! Nodes, and the agents on them.

use k8s_openapi::api::core::v1::{ContainerStatus, Node, Pod};
use kube::ResourceExt;
use shadow_core::names::{NODE_READY, SYSTEM_NAMESPACE};
use shadow_core::wire::NodeFacts;
use shadow_core::{compat, validate};

use super::cluster::INSTALL;
use crate::check::Finding;
use crate::check::codes::{
    AGENT, CAPABILITIES, CORDON, FACTS, HANDLER, NODE_UP, PARTNER, PLATFORM, READY_LABEL,
};
use crate::check::gather::nodes::Facts;

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
            vec![
                Finding::fail(
                    NODE_UP,
                    only,
                    format!("does not exist; there are {}", there.join(", ")),
                )
                .typed("kubectl get nodes"),
            ]
        }
        (_, _) => named
            .into_iter()
            .flat_map(|node| of_node(node, facts, nodes))
            .collect(),
    }
}

/// What follows from an earlier line that fails is left out.
fn of_node(node: &Node, facts: &Facts, all: &[Node]) -> Vec<Finding> {
    let name = node.name_any();
    let platform = platform(node);
    if platform.grade != crate::check::Grade::Pass {
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
    let runs = agent.grade != crate::check::Grade::Fail;
    found.push(agent);
    if runs {
        found.extend(prepared(node, all));
    }
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

fn agent(node: &str, facts: &Facts) -> Finding {
    let pods = match &facts.agents {
        Ok(pods) => pods,
        Err(why) => return Finding::unseen(AGENT, node, why),
    };
    let is_here = |pod: &&Pod| {
        pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref()) == Some(node)
            && pod.metadata.deletion_timestamp.is_none()
    };
    let Some(pod) = pods.iter().find(is_here) else {
        return Finding::fail(AGENT, node, "has no agent").typed(format!(
            "kubectl -n {SYSTEM_NAMESPACE} describe daemonset shadow-agent"
        ));
    };
    let name = pod.name_any();
    match ails(pod) {
        None => Finding::pass(AGENT, node, format!("{name} runs")),
        Some(why) => Finding::fail(AGENT, node, format!("its agent is not ready. {why}"))
            .typed(format!("kubectl -n {SYSTEM_NAMESPACE} describe pod {name}")),
    }
}

/// What keeps a pod from being ready, with the last words of its containers; none if it is.
pub(super) fn ails(pod: &Pod) -> Option<String> {
    let status = pod.status.clone().unwrap_or_default();
    let is_ready =
        |one: &k8s_openapi::api::core::v1::PodCondition| one.type_ == "Ready" && one.status == "True";
    if status.conditions.iter().flatten().any(is_ready) {
        return None;
    }
    let init = status.init_container_statuses.iter().flatten();
    let first = init
        .chain(status.container_statuses.iter().flatten())
        .find_map(ailing);
    let unscheduled = status
        .conditions
        .iter()
        .flatten()
        .find(|one| one.type_ == "PodScheduled" && one.status == "False");
    let why = first
        .or_else(|| unscheduled?.message.clone())
        .or_else(|| status.message.clone())
        .unwrap_or_else(|| format!("it is {}", status.phase.as_deref().unwrap_or("Pending")));
    Some(format!("{}: {why}", pod.name_any()))
}

/// A container that waits or has ended badly, and what it said last.
fn ailing(container: &ContainerStatus) -> Option<String> {
    let state = container.state.as_ref();
    let waiting = state.and_then(|state| state.waiting.as_ref());
    let ended = |state: Option<&k8s_openapi::api::core::v1::ContainerState>| {
        state
            .and_then(|state| state.terminated.clone())
            .filter(|ended| ended.exit_code != 0)
    };
    let ended = ended(state).or_else(|| ended(container.last_state.as_ref()));
    let last = ended
        .as_ref()
        .and_then(|ended| ended.message.as_deref())
        .map(|words| format!(". Its last words: {}", words.trim()))
        .unwrap_or_default();
    let name = &container.name;
    match (waiting, ended) {
        (Some(waiting), _) => {
            let reason = waiting.reason.as_deref().unwrap_or("waits");
            let message = waiting.message.as_deref().map(|text| format!(", {text}"));
            Some(format!(
                "container {name}: {reason}{}{last}",
                message.unwrap_or_default()
            ))
        }
        (None, Some(ended)) => Some(format!("container {name} ended with {}{last}", ended.exit_code)),
        (None, None) => None,
    }
}

/// Label and facts of a node whose agent runs.
fn prepared(node: &Node, all: &[Node]) -> Vec<Finding> {
    let name = node.name_any();
    if node.labels().get(NODE_READY).is_none_or(|value| value != "true") {
        let logs = format!("kubectl -n {SYSTEM_NAMESPACE} logs deployment/shadow-controller");
        let text = format!("has no label {NODE_READY}=true: the controller has not reached its agent");
        return vec![Finding::fail(READY_LABEL, name, text).typed(logs)];
    }
    let mut found = vec![Finding::pass(READY_LABEL, &name, "is ready for restores")];
    match compat::facts_of(node) {
        Err(error) => found.push(Finding::fail(FACTS, name, error.to_string()).typed(INSTALL)),
        Ok(facts) => found.extend(told(&name, &facts, node, all)),
    }
    found
}

fn told(name: &str, facts: &NodeFacts, node: &Node, all: &[Node]) -> Vec<Finding> {
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
    vec![version, handler, capabilities, partner(name, facts, node, all)]
}

fn partner(name: &str, facts: &NodeFacts, node: &Node, all: &[Node]) -> Finding {
    let mut against = Vec::new();
    let mut others: Vec<&Node> = all
        .iter()
        .filter(|other| other.name_any() != node.name_any())
        .collect();
    others.sort_by_key(|other| other.name_any());
    let mut fit = Vec::new();
    for other in others {
        let other_name = other.name_any();
        // What another one lacks by itself is told in its own lines.
        let Ok(theirs) = compat::facts_of(other) else {
            continue;
        };
        let differences = compat::differences(facts, &theirs);
        if differences.is_empty() {
            fit.push(other_name);
        } else {
            against.push(format!("{other_name}: {}", differences.join(", ")));
        }
    }
    match (fit.as_slice(), against.as_slice()) {
        ([], []) => Finding::warn(PARTNER, name, "there is no other node that takes part")
            .typed("kubectl shadow check nodes"),
        ([], against) => Finding::warn(
            PARTNER,
            name,
            format!(
                "no other node can restore what runs on it: {}",
                against.join("; ")
            ),
        )
        .typed("kubectl shadow check nodes"),
        (fit, _) => Finding::pass(PARTNER, name, format!("what runs on it can go to {}", some(fit))),
    }
}

/// The first ones: a cluster may have thousands.
fn some(names: &[String]) -> String {
    const NAMED: usize = 5;
    let named: Vec<&str> = names.iter().take(NAMED).map(String::as_str).collect();
    match names.len().saturating_sub(NAMED) {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}
