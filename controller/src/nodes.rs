//! Publishes on each node what its agent says of it: the label that makes it a target, and the facts that are
//! compared before anything is frozen. The agents themselves may not write nodes.

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::api::core::v1::Node;
use kube::api::{ListParams, Patch, PatchParams};
use kube::{Api, ResourceExt};
use serde_json::json;
use shadow_core::names;

use crate::context::Context;
use crate::error::ControllerError;

/// How long a change of an agent may go unnoticed.
const ROUND: Duration = Duration::from_secs(2);

/// One node is asked and written within this.
const SILENT: Duration = Duration::from_secs(60);

/// Goes round all nodes until the future is dropped.
pub async fn publish(ctx: &Context) {
    loop {
        ctx.part.pulse.beat("the round of the nodes", SILENT);
        if let Err(error) = round(ctx).await {
            tracing::warn!(%error, "nodes not published");
        }
        tokio::time::sleep(ROUND).await;
    }
}

async fn round(ctx: &Context) -> Result<(), ControllerError> {
    let nodes: Api<Node> = Api::all(ctx.client.clone());
    let mut ready = 0;
    for node in nodes.list(&ListParams::default()).await?.items {
        ctx.part.pulse.beat("the round of the nodes", SILENT);
        let wanted = wanted(ctx, &node.name_any()).await;
        ready += usize::from(wanted.is_some());
        if let Some(patch) = difference(&node, wanted.as_deref()) {
            tracing::info!(
                node = node.name_any(),
                ready = wanted.is_some(),
                "publishing node"
            );
            nodes
                .patch(&node.name_any(), &PatchParams::default(), &Patch::Merge(patch))
                .await?;
        }
    }
    ctx.part.metrics.nodes_ready(ready);
    Ok(())
}

/// The facts as JSON, when the node can take part: as a source at least, and as a target where it has a runtime handler or
/// its runtime restores checkpoint images.
async fn wanted(ctx: &Context, node: &str) -> Option<String> {
    match ctx.agents.facts(node).await {
        Ok(facts) => serde_json::to_string(&facts).ok(),
        Err(error) => {
            tracing::debug!(node, %error, "agent did not answer");
            None
        }
    }
}

fn difference(node: &Node, facts: Option<&str>) -> Option<serde_json::Value> {
    let empty = BTreeMap::new();
    let labels = node.metadata.labels.as_ref().unwrap_or(&empty);
    let annotations = node.metadata.annotations.as_ref().unwrap_or(&empty);
    let ready = facts.map(|_| "true");
    let same_label = labels.get(names::NODE_READY).map(String::as_str) == ready;
    let same_facts = facts.is_none() || annotations.get(names::NODE_FACTS).map(String::as_str) == facts;
    if same_label && same_facts {
        return None;
    }
    let mut metadata = json!({"labels": {names::NODE_READY: ready}});
    if let Some(facts) = facts {
        metadata["annotations"] = json!({names::NODE_FACTS: facts});
    }
    Some(json!({"metadata": metadata}))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(label: Option<&str>, facts: Option<&str>) -> Node {
        let mut node = Node::default();
        node.metadata.labels = label.map(|l| BTreeMap::from([(names::NODE_READY.to_owned(), l.to_owned())]));
        node.metadata.annotations =
            facts.map(|f| BTreeMap::from([(names::NODE_FACTS.to_owned(), f.to_owned())]));
        node
    }

    #[test]
    fn a_node_is_written_only_when_something_changed() {
        assert_eq!(difference(&node(Some("true"), Some("f")), Some("f")), None);
        assert_eq!(difference(&node(None, None), None), None);
        assert!(difference(&node(None, None), Some("f")).is_some());
        assert!(difference(&node(Some("true"), Some("f")), Some("g")).is_some());
    }

    #[test]
    fn a_node_whose_agent_is_silent_is_no_target() {
        let patch = difference(&node(Some("true"), Some("f")), None).unwrap();
        assert!(patch["metadata"]["labels"][names::NODE_READY].is_null());
    }
}
