//! The pod in which the runtime restores the checkpoint.

use anyhow::Result;
use serde_json::{Value, json};

use xtask_lab::cluster::Cluster;
use xtask_lab::stage::{self, get};

/// Creates a pod like the source on another node, from the image of the checkpoint. No Service knows it yet.
pub(super) fn create(cluster: &Cluster, source: &str, copy: &str, node: &str, image: &str) -> Result<()> {
    let source = get(cluster, &["pod", source])?;
    stage::apply(cluster, &manifest(&source, copy, node, image).to_string())
}

/// `()` when it is.
pub(super) fn is_ready(cluster: &Cluster, copy: &str) -> Result<Option<()>> {
    let pod = get(cluster, &["pod", copy])?;
    let status = &pod["status"]["containerStatuses"][0];
    let waits = &status["state"]["waiting"];
    if let (Some("CreateContainerError" | "RunContainerError"), Some(why)) =
        (waits["reason"].as_str(), waits["message"].as_str())
    {
        anyhow::bail!("the runtime cannot restore the checkpoint: {why}");
    }
    Ok((status["ready"] == true).then_some(()))
}

fn manifest(source: &Value, copy: &str, node: &str, image: &str) -> Value {
    let mut spec = source["spec"].clone();
    spec["nodeName"] = json!(node);
    spec["containers"][0]["image"] = json!(image);
    // Admission adds the token of the service account anew.
    if let Some(spec) = spec.as_object_mut() {
        spec.remove("volumes");
    }
    if let Some(container) = spec["containers"][0].as_object_mut() {
        container.remove("volumeMounts");
    }
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": copy, "namespace": "default", "labels": {"app": copy}},
        "spec": spec,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_copy_is_like_the_source_but_for_node_image_and_token() {
        let source = json!({"spec": {
            "nodeName": "node-a", "dnsConfig": {"x": 1}, "volumes": [{"name": "kube-api-access-1"}],
            "containers": [{"name": "orders", "image": "orders:dev", "args": ["--work", "1ms"],
                            "volumeMounts": [{"name": "kube-api-access-1"}]}],
        }});
        let copy = manifest(&source, "lone-replayed", "node-b", "checkpoint:1");
        let container = json!({"name": "orders", "image": "checkpoint:1", "args": ["--work", "1ms"]});
        let wanted = json!({"nodeName": "node-b", "dnsConfig": {"x": 1}, "containers": [container]});
        assert_eq!(copy["spec"], wanted);
        assert_eq!(copy["metadata"]["labels"]["app"], "lone-replayed");
    }
}
