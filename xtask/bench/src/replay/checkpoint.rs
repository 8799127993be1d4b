//! A checkpoint by kubelet, and what containerd needs to restore it in the local cluster.

use std::io::Read as _;
use std::process::{Child, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use xtask_lab::cluster::{self, Cluster, wait_for};
use xtask_lab::stage::capture;

/// Where containerd says what a container was made of.
const CONFIG: &str = "config.dump";
/// The registry as containerd reaches it in plain HTTP when it restores: it reads no settings for registries then, and
/// speaks plain HTTP only to the node itself.
const LOCAL: &str = "127.0.0.1:5000";

/// Checkpoints a container that goes on, and returns kubelet's archive.
pub(super) fn take(cluster: &Cluster, node: &str, pod: &str, container: &str) -> Result<Vec<u8>> {
    let path = format!("/api/v1/nodes/{node}/proxy/checkpoint/default/{pod}/{container}");
    let printed = capture(cluster.kubectl(["create", "--raw", &path, "--filename", "/dev/null"]))?;
    let answer: Value = serde_json::from_str(&printed).context("kubelet printed no JSON")?;
    let file = answer["items"][0]
        .as_str()
        .context("kubelet names no checkpoint")?;
    let mut cat = cluster.run_on_node(node, "cat")?;
    let output = cat.arg(file).output().context("read the checkpoint")?;
    ensure!(output.status.success(), "cannot read {file} on {node}");
    let mut remove = cluster.run_on_node(node, "rm")?;
    remove.arg(file);
    capture(remove)?;
    Ok(output.stdout)
}

/// Lets the runtime of a node fetch the image on which a checkpoint is based, which it does at every restore.
pub(super) struct BaseImages {
    forwarder: Child,
}

impl BaseImages {
    /// Until it is dropped.
    pub(super) fn reachable_on(cluster: &Cluster, node: &str) -> Result<Self> {
        let mut socat = cluster.run_on_node(node, "socat")?;
        socat.arg("TCP-LISTEN:5000,bind=127.0.0.1,fork,reuseaddr");
        socat.arg(format!("TCP:{}", cluster::REGISTRY));
        let forwarder = socat.stdin(Stdio::null()).spawn().context("start socat")?;
        let forwarding = Self { forwarder };
        wait_for("socat to listen", Duration::from_secs(10), || {
            let mut curl = cluster.run_on_node(node, "curl")?;
            curl.args([
                "--silent",
                "--fail",
                "--max-time",
                "2",
                &format!("http://{LOCAL}/v2/"),
            ]);
            // It may not listen yet.
            Ok(capture(curl).is_ok().then_some(()))
        })?;
        Ok(forwarding)
    }

    /// The archive, with the image named as the runtime reaches it.
    pub(super) fn named_in(&self, archive: &[u8]) -> Result<Vec<u8>> {
        let mut renamed = tar::Builder::new(Vec::new());
        for entry in tar::Archive::new(archive)
            .entries()
            .context("read the checkpoint")?
        {
            let mut entry = entry.context("read the checkpoint")?;
            let mut header = entry.header().clone();
            let path = entry
                .path()
                .context("read a name of the checkpoint")?
                .into_owned();
            let mut content = Vec::new();
            entry
                .read_to_end(&mut content)
                .context("read a file of the checkpoint")?;
            if path.as_os_str() == CONFIG {
                content = with_local_base(&content)?;
                header.set_size(content.len() as u64);
            }
            let appended = renamed.append_data(&mut header, &path, content.as_slice());
            appended.context("write a file of the checkpoint")?;
        }
        renamed.into_inner().context("write the checkpoint")
    }
}

impl Drop for BaseImages {
    fn drop(&mut self) {
        if let Err(error) = self.forwarder.kill().and_then(|()| self.forwarder.wait()) {
            eprintln!("cannot end socat (process {}): {error}", self.forwarder.id());
        }
    }
}

fn with_local_base(config: &[u8]) -> Result<Vec<u8>> {
    let mut config: Value = serde_json::from_slice(config).context("read config.dump")?;
    let base = config["rootfsImageRef"]
        .as_str()
        .context("config.dump names no image")?;
    let (_, path) = base.split_once('/').context("the image has no registry")?;
    config["rootfsImageRef"] = Value::from(format!("{LOCAL}/{path}"));
    Ok(config.to_string().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_base_image_is_fetched_from_the_node_itself() {
        let config = br#"{"id":"1","rootfsImageRef":"10.100.0.1:5000/samples/orders@sha256:ab"}"#;
        let renamed: Value = serde_json::from_slice(&with_local_base(config).unwrap()).unwrap();
        assert_eq!(
            renamed["rootfsImageRef"],
            "127.0.0.1:5000/samples/orders@sha256:ab"
        );
        assert_eq!(renamed["id"], "1");
    }
}
