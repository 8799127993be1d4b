//! The agent of a node, and what a pod says that is not well.

use k8s_openapi::api::core::v1::{
    ContainerState, ContainerStateTerminated, ContainerStatus, Pod, PodCondition,
};
use kube::ResourceExt;
use shadow_core::names::SYSTEM_NAMESPACE;

use crate::check::Finding;
use crate::check::codes::AGENT;
use crate::check::gather::nodes::Facts;

pub(super) fn agent(node: &str, facts: &Facts) -> Finding {
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
pub(in crate::check::judge) fn ails(pod: &Pod) -> Option<String> {
    let status = pod.status.clone().unwrap_or_default();
    let is_ready = |one: &PodCondition| one.type_ == "Ready" && one.status == "True";
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
    let name = &container.name;
    let state = container.state.as_ref();
    let waiting = state.and_then(|state| state.waiting.as_ref());
    let ended = ended(state).or_else(|| ended(container.last_state.as_ref()));
    let words = ended.and_then(|ended| ended.message.as_deref());
    let last = words.map_or_else(String::new, |words| format!(". Its last words: {}", words.trim()));
    match (waiting, ended) {
        (Some(waiting), _) => {
            let reason = waiting.reason.as_deref().unwrap_or("waits");
            let message = waiting.message.as_deref().map(|text| format!(", {text}"));
            let message = message.unwrap_or_default();
            Some(format!("container {name}: {reason}{message}{last}"))
        }
        (None, Some(ended)) => Some(format!("container {name} ended with {}{last}", ended.exit_code)),
        (None, None) => None,
    }
}

/// An end with an error.
fn ended(state: Option<&ContainerState>) -> Option<&ContainerStateTerminated> {
    let ended = state?.terminated.as_ref()?;
    (ended.exit_code != 0).then_some(ended)
}
