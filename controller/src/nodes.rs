//! Publishes on each node what its agent says of it: the label that makes it a target, and the facts that are
//! compared before anything is frozen. The agents themselves may not write nodes.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use futures::{StreamExt, stream};
use k8s_openapi::api::core::v1::Node;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Api;
use kube::api::{ListParams, Patch, PatchParams};
use serde_json::json;
use shadow_core::names;

use crate::context::Context;
use crate::error::ControllerError;

/// How long a change of an agent may go unnoticed.
const ROUND: Duration = Duration::from_secs(2);

/// Nodes that are listed at a time.
const PAGE: u32 = 500;
/// Nodes that are asked at the same time.
const AT_ONCE: usize = 16;
/// Bytes of the facts of a node.
const LONGEST: usize = 64 << 10;

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

/// Learns which addresses are nodes', which no user's host may have. Before anything is dialled, and again in each round.
pub async fn learn(ctx: &Context) -> Result<(), ControllerError> {
    listed(ctx).await.map(drop)
}

/// Page after page: the objects of many nodes are large, and little of them is kept.
async fn listed(ctx: &Context) -> Result<Vec<ObjectMeta>, ControllerError> {
    let api: Api<Node> = Api::all(ctx.client.clone());
    let (mut known, mut nodes) = (Vec::new(), Vec::new());
    let mut page = ListParams::default().limit(PAGE);
    loop {
        let listed = api.list(&page).await?;
        for node in listed.items {
            known.extend(addresses(&node));
            nodes.push(node.metadata);
        }
        match listed.metadata.continue_.filter(|next| !next.is_empty()) {
            Some(next) => page = page.continue_token(&next),
            None => break,
        }
    }
    ctx.dialling.nodes_are(known);
    Ok(nodes)
}

/// Inside and outside the cluster.
fn addresses(node: &Node) -> Vec<IpAddr> {
    let listed = node.status.as_ref().and_then(|status| status.addresses.as_ref());
    let parsed = listed.into_iter().flatten().map(|one| one.address.parse());
    parsed.filter_map(Result::ok).collect()
}

/// One node that is silent, or cannot be written, keeps no other waiting.
async fn round(ctx: &Context) -> Result<(), ControllerError> {
    let nodes = listed(ctx).await?;
    let api: Api<Node> = Api::all(ctx.client.clone());
    let api = &api;
    let published = stream::iter(nodes)
        .map(|node| async move {
            ctx.part.pulse.beat("the round of the nodes", SILENT);
            publish_one(ctx, api, &node).await
        })
        .buffer_unordered(AT_ONCE);
    let ready = published.filter(|ready| std::future::ready(*ready)).count().await;
    ctx.part.metrics.nodes_ready(ready);
    Ok(())
}

/// Whether it can take part.
async fn publish_one(ctx: &Context, api: &Api<Node>, node: &ObjectMeta) -> bool {
    let name = node.name.as_deref().unwrap_or_default();
    let wanted = wanted(ctx, name).await;
    let ready = wanted.is_some();
    if let Some(patch) = difference(node, wanted.as_deref()) {
        tracing::info!(node = name, ready, "publishing node");
        let patched = api
            .patch_metadata(name, &PatchParams::default(), &Patch::Merge(patch))
            .await;
        if let Err(error) = patched {
            tracing::warn!(node = name, %error, "node not published");
        }
    }
    ready
}

/// The facts as JSON, when the node can take part: as a source at least, and as a target where it has a runtime handler or
/// its runtime restores checkpoint images.
async fn wanted(ctx: &Context, node: &str) -> Option<String> {
    match ctx.agents.facts(node).await {
        Ok(facts) => serde_json::to_string(&facts)
            .inspect_err(|error| tracing::warn!(node, %error, "facts that cannot be written"))
            .ok()
            .filter(|facts| is_short(node, facts)),
        Err(error) => {
            tracing::debug!(node, %error, "agent did not answer");
            None
        }
    }
}

/// An annotation may have 256 kB, all of a node's together.
fn is_short(node: &str, facts: &str) -> bool {
    let short = facts.len() <= LONGEST;
    if !short {
        tracing::warn!(
            node,
            bytes = facts.len(),
            "its agent says more of it than can be published; it takes no part"
        );
    }
    short
}

fn difference(node: &ObjectMeta, facts: Option<&str>) -> Option<serde_json::Value> {
    let empty = BTreeMap::new();
    let labels = node.labels.as_ref().unwrap_or(&empty);
    let annotations = node.annotations.as_ref().unwrap_or(&empty);
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

    fn node(label: Option<&str>, facts: Option<&str>) -> ObjectMeta {
        let one = |name: &str, value: &str| BTreeMap::from([(name.to_owned(), value.to_owned())]);
        ObjectMeta {
            labels: label.map(|label| one(names::NODE_READY, label)),
            annotations: facts.map(|facts| one(names::NODE_FACTS, facts)),
            ..ObjectMeta::default()
        }
    }

    #[test]
    fn a_node_is_written_only_when_something_changed() {
        assert_eq!(difference(&node(Some("true"), Some("f")), Some("f")), None);
        assert_eq!(difference(&node(None, None), None), None);
        assert!(difference(&node(None, None), Some("f")).is_some());
        assert!(difference(&node(Some("true"), Some("f")), Some("g")).is_some());
    }

    #[test]
    fn facts_that_no_annotation_holds_are_not_published() {
        assert!(is_short("node-a", "{}"));
        assert!(!is_short("node-a", &"f".repeat(300_000)));
    }

    #[test]
    fn a_nodes_addresses_are_those_of_its_status_and_no_names() {
        let node: Node = serde_json::from_value(json!({"status": {"addresses": [
            {"type": "InternalIP", "address": "10.100.0.11"}, {"type": "ExternalIP", "address": "2001:db8::1"},
            {"type": "Hostname", "address": "node-a"}]}}))
        .unwrap();
        let expected: Vec<IpAddr> = ["10.100.0.11", "2001:db8::1"]
            .map(|ip| ip.parse().unwrap())
            .to_vec();
        assert_eq!(addresses(&node), expected);
        assert_eq!(addresses(&Node::default()), Vec::<IpAddr>::new());
    }

    #[test]
    fn a_node_whose_agent_is_silent_is_no_target() {
        let patch = difference(&node(Some("true"), Some("f")), None).unwrap();
        assert!(patch["metadata"]["labels"][names::NODE_READY].is_null());
    }
}
