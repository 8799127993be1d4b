//! Waits until the nodes are targets: an installation is ready when a move would be accepted, and admission takes only nodes that the
//! controller has labelled.

use std::collections::BTreeSet;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Node, Pod};
use kube::api::ListParams;
use kube::{Api, Client, ResourceExt};
use shadow_core::names::{NODE_READY, SYSTEM_NAMESPACE};
use tokio::time::Instant;

use crate::cluster::ClusterError;

const LOOK: Duration = Duration::from_millis(300);

/// Waits until each node with an agent is labelled.
pub(crate) async fn wait(client: &Client, until: Instant, within: Duration) -> Result<(), ClusterError> {
    loop {
        let missing = missing(client).await?;
        if missing.is_empty() {
            return Ok(());
        }
        if Instant::now() > until {
            let nodes: Vec<&str> = missing.iter().map(String::as_str).collect();
            return Err(ClusterError::NotReady {
                object: format!("label {NODE_READY}=true of {}", nodes.join(", ")),
                seconds: within.as_secs(),
            });
        }
        tokio::time::sleep(LOOK).await;
    }
}

async fn missing(client: &Client) -> Result<BTreeSet<String>, ClusterError> {
    let pods: Api<Pod> = Api::namespaced(client.clone(), SYSTEM_NAMESPACE);
    let agents = ListParams::default().labels("app.kubernetes.io/name=shadow-agent");
    let agents = pods.list(&agents).await.map_err(failed("list", "pods"))?.items;
    let nodes: Api<Node> = Api::all(client.clone());
    let nodes = nodes
        .list_metadata(&ListParams::default())
        .await
        .map_err(failed("list", "nodes"))?;
    let labelled = |name: &str| {
        let mut nodes = nodes.items.iter();
        nodes.any(|node| {
            node.name_any() == name && node.labels().get(NODE_READY).is_some_and(|value| value == "true")
        })
    };
    Ok(without(&agents, labelled))
}

/// Nodes that an agent runs on and that are not labelled.
fn without(agents: &[Pod], is_labelled: impl Fn(&str) -> bool) -> BTreeSet<String> {
    let on = agents
        .iter()
        .filter(|pod| pod.metadata.deletion_timestamp.is_none());
    on.filter_map(|pod| pod.spec.as_ref()?.node_name.clone())
        .filter(|node| !is_labelled(node))
        .collect()
}

fn failed(doing: &'static str, object: &'static str) -> impl FnOnce(kube::Error) -> ClusterError {
    move |source| ClusterError::Api {
        doing,
        object: object.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_node_is_waited_for_where_an_agent_runs() {
        let pod = |node: &str| -> Pod {
            serde_json::from_value(
                json!({"metadata": {"name": node}, "spec": {"nodeName": node, "containers": []}}),
            )
            .unwrap()
        };
        let agents = [pod("a"), pod("b")];
        assert!(without(&agents, |_| true).is_empty());
        assert_eq!(
            without(&agents, |node| node == "a"),
            BTreeSet::from(["b".to_owned()])
        );
    }
}
