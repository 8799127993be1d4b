//! Takes the runtime handler off the nodes: one short pod per node that runs the helper's `uninstall`.
//!
//! Guarantee: a node that cannot be reached is named, with what to do about it, and does not stop the others.

use std::time::Duration;

use k8s_openapi::api::core::v1::{LocalObjectReference, Node, Pod};
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::runtime::wait::{Condition, await_condition};
use kube::{Api, Client, ResourceExt};
use serde_json::json;
use shadow_core::names;
use shadow_deploy::answer;

use crate::problem::Problem;
use crate::say;

/// What runs on each node.
pub(super) struct Agent {
    /// Image.
    pub(super) image: String,
    /// Secrets with which it is pulled.
    pub(super) pull_secrets: Vec<LocalObjectReference>,
}

/// Waits until no agent is left that would use what is going to be removed.
pub(super) async fn agents_gone(client: &Client, within: Duration) -> Result<(), Problem> {
    let pods: Api<Pod> = Api::namespaced(client.clone(), names::SYSTEM_NAMESPACE);
    let agents = ListParams::default().labels("app.kubernetes.io/name=shadow-agent");
    let until = tokio::time::Instant::now() + within;
    loop {
        let left = pods.list_metadata(&agents).await?.items;
        let Some(first) = left.first() else {
            return Ok(());
        };
        if tokio::time::Instant::now() >= until {
            return Err(Problem::Unknown(format!(
                "{} agents still run after {} s, among them {}. To see them, type: kubectl -n {} get pods",
                left.len(),
                within.as_secs(),
                first.name_any(),
                names::SYSTEM_NAMESPACE
            )));
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
}

/// Runs it on every node; whether all of them are clean.
pub(super) async fn on_every_node(client: &Client, agent: &Agent, within: Duration) -> Result<bool, Problem> {
    let nodes: Api<Node> = Api::all(client.clone());
    let (ready, away): (Vec<_>, Vec<_>) = nodes
        .list(&ListParams::default())
        .await?
        .into_iter()
        .partition(is_ready);
    for node in &away {
        say::problem(&format!(
            "node {} is not ready, so its runtime handler stays. When the node is back, install and uninstall once more",
            node.name_any()
        ));
    }
    let removals = ready
        .iter()
        .map(|node| remove(client, node.name_any(), agent, within));
    let results = futures::future::join_all(removals).await;
    let mut clean = away.is_empty();
    for (node, result) in ready.iter().zip(results) {
        match result {
            Ok(()) => say::line(&format!("cleaned node {}", node.name_any())),
            Err(problem) => {
                clean = false;
                say::problem(&format!("node {}: {problem}", node.name_any()));
            }
        }
    }
    Ok(clean)
}

/// Takes our label and annotation off the nodes.
pub(super) async fn remove_marks(client: &Client) -> Result<(), Problem> {
    let nodes: Api<Node> = Api::all(client.clone());
    for node in nodes.list(&ListParams::default()).await? {
        if !node.labels().contains_key(names::NODE_READY)
            && !node.annotations().contains_key(names::NODE_FACTS)
        {
            continue;
        }
        let patch = json!({"metadata": {
            "labels": {(names::NODE_READY): null},
            "annotations": {(names::NODE_FACTS): null},
        }});
        nodes
            .patch(&node.name_any(), &PatchParams::default(), &Patch::Merge(patch))
            .await?;
    }
    Ok(())
}

fn is_ready(node: &Node) -> bool {
    let conditions = node.status.as_ref().and_then(|status| status.conditions.as_ref());
    conditions
        .into_iter()
        .flatten()
        .any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

async fn remove(client: &Client, node: String, agent: &Agent, within: Duration) -> Result<(), Problem> {
    let pods: Api<Pod> = Api::namespaced(client.clone(), names::SYSTEM_NAMESPACE);
    let created = pods
        .create(&PostParams::default(), &removal_pod(&node, agent)?)
        .await?;
    let name = created.name_any();
    let ended = tokio::time::timeout(within, await_condition(pods.clone(), &name, has_ended())).await;
    let outcome = match ended {
        Ok(Ok(Some(pod))) => outcome_of(&pod),
        Ok(Ok(None)) => Err(Problem::Unknown("its removal pod was deleted".to_owned())),
        Ok(Err(error)) => Err(Problem::Unknown(format!(
            "watch pod {name}: {}",
            answer::said_of_wait(&error)
        ))),
        Err(_) => Err(Problem::Unknown(format!(
            "not done after {} s. To see why, type: kubectl -n {} describe pod {name}",
            within.as_secs(),
            names::SYSTEM_NAMESPACE
        ))),
    };
    if outcome.is_ok() {
        pods.delete(&name, &DeleteParams::default()).await?;
    }
    outcome
}

fn has_ended() -> impl Condition<Pod> {
    |pod: Option<&Pod>| matches!(phase(pod), Some("Succeeded" | "Failed"))
}

fn phase(pod: Option<&Pod>) -> Option<&str> {
    pod?.status.as_ref()?.phase.as_deref()
}

fn outcome_of(pod: &Pod) -> Result<(), Problem> {
    if phase(Some(pod)) == Some("Succeeded") {
        return Ok(());
    }
    let statuses = pod
        .status
        .as_ref()
        .and_then(|status| status.container_statuses.as_ref());
    let message = statuses
        .into_iter()
        .flatten()
        .find_map(|status| status.state.as_ref()?.terminated.as_ref()?.message.clone());
    Err(Problem::Unknown(message.unwrap_or_else(|| {
        "the removal failed without a message".to_owned()
    })))
}

fn removal_pod(node: &str, agent: &Agent) -> Result<Pod, Problem> {
    serde_json::from_value(json!({
        "metadata": {"generateName": "shadow-uninstall-"},
        "spec": {
            "nodeName": node,
            "restartPolicy": "Never",
            "hostPID": true,
            "automountServiceAccountToken": false,
            "tolerations": [{"operator": "Exists"}],
            "imagePullSecrets": agent.pull_secrets,
            "containers": [{
                "name": "uninstall",
                "image": agent.image,
                "command": ["shadow-node-helper", "uninstall"],
                "env": [{"name": "NODE_NAME", "value": node}],
                "securityContext": {"privileged": true},
                "terminationMessagePolicy": "FallbackToLogsOnError",
            }],
        },
    }))
    .map_err(|error| Problem::Unknown(format!("the removal pod does not serialise: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_removal_pod_is_pulled_as_the_agent_was() {
        let agent = Agent {
            image: "r.example.org/agent:v1".to_owned(),
            pull_secrets: vec![LocalObjectReference {
                name: "pull".to_owned(),
            }],
        };
        let spec = removal_pod("node-a", &agent).unwrap().spec.unwrap();
        assert_eq!(spec.image_pull_secrets, Some(agent.pull_secrets));
        assert_eq!(
            spec.containers[0].image.as_deref(),
            Some("r.example.org/agent:v1")
        );
    }
}
