//! The process of a container, as the host numbers it.

use std::fs;

use anyhow::{Context, Result};

use super::get;
use crate::cluster::Cluster;

/// First process of a container: the lowest id among those in its cgroup.
pub fn container_pid(cluster: &Cluster, namespace: &str, pod: &str, container: &str) -> Result<i32> {
    let object = get(cluster, &["pod", "--namespace", namespace, pod])?;
    let statuses = object["status"]["containerStatuses"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let status = statuses
        .iter()
        .find(|s| s["name"] == container)
        .context("the pod has no such container")?;
    let id = status["containerID"]
        .as_str()
        .context("the container does not run")?;
    let id = id.rsplit('/').next().unwrap_or(id);
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").context("read /proc")? {
        let name = entry.context("read /proc")?.file_name();
        let Some(pid) = name.to_str().and_then(|n| n.parse::<i32>().ok()) else {
            continue;
        };
        // A process that has gone meanwhile is not the one.
        if fs::read_to_string(format!("/proc/{pid}/cgroup")).is_ok_and(|cgroup| cgroup.contains(id)) {
            found.push(pid);
        }
    }
    found
        .into_iter()
        .min()
        .with_context(|| format!("no process is in the cgroup of {namespace}/{pod}/{container}"))
}
