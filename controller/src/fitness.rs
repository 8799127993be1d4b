//! What only the nodes can tell, asked before anything is touched: whether the processes can be dumped, and whether
//! their memory has room on both nodes.

use k8s_openapi::api::core::v1::{Node, Pod};
use kube::ResourceExt;
use shadow_core::api::Plan;
use shadow_core::compat;
use shadow_core::machine::{Cause, Route};
use shadow_core::reason::Reason;
use shadow_core::users;
use shadow_core::wire::{NodeFacts, PodRef, Preflight, PreflightRequest};

use crate::context::Context;
use crate::error::ControllerError;

/// What the agent on the pod's node sees of its processes and of its writable layer; `None` from one that does not
/// know the question.
pub(crate) async fn look(
    ctx: &Context,
    pod: &Pod,
    container: Option<&str>,
) -> Result<Option<Preflight>, ControllerError> {
    let node = pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref());
    let (Some(node), Some(container)) = (node, container) else {
        return Ok(None);
    };
    let request = PreflightRequest {
        pod: PodRef {
            namespace: pod.namespace().unwrap_or_default(),
            name: pod.name_any(),
            uid: pod.uid().unwrap_or_default(),
        },
        container: container.to_owned(),
        layer: true,
    };
    known(ctx.agents.preflight(node, &request).await)
}

/// Why the move would fail, if it would.
pub(crate) async fn unfit(
    ctx: &Context,
    plan: &Plan,
    nodes: &[Node],
    found: &Preflight,
) -> Result<Option<Cause>, ControllerError> {
    let users = users::refused(&found.not_root, &dumping(plan, nodes));
    let obstacles: Vec<&str> = found.obstacles.iter().chain(&users).map(String::as_str).collect();
    if !obstacles.is_empty() {
        return Ok(Some(undumpable(plan, &obstacles)));
    }
    let takes = found.memory_bytes.saturating_add(found.layer_bytes.unwrap_or(0));
    for node in [&plan.source_node, &plan.target_node] {
        let room = room(ctx, node).await?;
        if let Some(room) = room.filter(|room| *room < takes) {
            return Ok(Some(no_room(plan, node, room, found)));
        }
    }
    Ok(None)
}

/// What an archive may take on a node, bytes; `None` from an agent that does not know the question.
pub(crate) async fn room(ctx: &Context, node: &str) -> Result<Option<u64>, ControllerError> {
    known(ctx.agents.room(node).await)
}

/// Agents of an earlier version do not know the question; the move itself finds out then.
fn known<T>(answer: Result<T, ControllerError>) -> Result<Option<T>, ControllerError> {
    match answer {
        Ok(found) => Ok(Some(found)),
        Err(ControllerError::Agent { problem, .. }) if problem.reason == Reason::NoSuchRequest => Ok(None),
        Err(error) => Err(error),
    }
}

/// Nodes that dump in the course of the move, as far as they say what they can: the target dumps a stand-in.
fn dumping<'a>(plan: &'a Plan, nodes: &[Node]) -> Vec<(&'a str, NodeFacts)> {
    let target = (Route::of(plan) == Route::Twice).then_some(&plan.target_node);
    let named = |wanted: &str| {
        nodes
            .iter()
            .find(|node| node.metadata.name.as_deref() == Some(wanted))
    };
    let all = std::iter::once(&plan.source_node).chain(target);
    let known = all.filter_map(|name| Some((name.as_str(), compat::facts_of(named(name)?).ok()?)));
    known.collect()
}

fn undumpable(plan: &Plan, obstacles: &[&str]) -> Cause {
    let (pod, container, obstacles) = (&plan.source.name, &plan.container, obstacles.join("; "));
    Cause::new(
        Reason::CannotBeDumped,
        format!("spec.sourcePod: container {container:?} of pod {pod} cannot be dumped: {obstacles}"),
    )
}

fn no_room(plan: &Plan, node: &str, room: u64, found: &Preflight) -> Cause {
    let mega = |bytes: u64| bytes as f64 / 1e6;
    let layer = found.layer_bytes.unwrap_or(0);
    Cause::new(
        Reason::DiskFull,
        format!(
            "node {node} has room for {:.1} MB in /run/shadow (memory), and the archive of pod {} takes about {:.1} MB, of which {:.1} MB \
             are files that its container wrote. Choose another node, delete such files or write them to a volume, or raise \
             SHADOW_ARCHIVES_SIZE of DaemonSet shadow-agent",
            mega(room),
            plan.source.name,
            mega(found.memory_bytes.saturating_add(layer)),
            mega(layer)
        ),
    )
}

#[cfg(test)]
mod tests {
    use shadow_core::wire::Problem;

    use super::*;

    fn answer(reason: Reason) -> Result<Option<()>, ControllerError> {
        known(Err(ControllerError::Agent {
            node: "node-a".into(),
            problem: Problem {
                reason,
                message: String::new(),
            },
            transient: false,
        }))
    }

    #[test]
    fn an_agent_that_does_not_know_the_question_is_no_obstacle() {
        assert!(matches!(answer(Reason::NoSuchRequest), Ok(None)));
        assert!(answer(Reason::UnknownKey).is_err());
        assert!(answer(Reason::AgentAnswer).is_err());
    }
}
