//! What is needed to look at a group that was not as it should be.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::Value;

use xtask_lab::cluster::Cluster;
use xtask_lab::stage::{broker_queues, capture};

const PATIENCE: &str = "--request-timeout=20s";

/// Files and the calls of kubectl that fill them.
const LOOKS: &[(&str, &[&str])] = &[
    (
        "migrations.yaml",
        &["get", "statefulmigrations", "--all-namespaces", "--output=yaml"],
    ),
    ("pods.yaml", &["get", "pods", "--all-namespaces", "--output=yaml"]),
    ("pods.txt", &["get", "pods", "--all-namespaces", "--output=wide"]),
    (
        "workloads.yaml",
        &["get", "statefulsets,deployments,replicasets", "--output=yaml"],
    ),
    ("nodes.yaml", &["get", "nodes", "--output=yaml"]),
    (
        "events.txt",
        &[
            "get",
            "events",
            "--all-namespaces",
            "--sort-by=.metadata.creationTimestamp",
        ],
    ),
    (
        "leases.yaml",
        &["get", "leases", "--namespace=shadow-system", "--output=yaml"],
    ),
    (
        "controller.log",
        &[
            "logs",
            "--namespace=shadow-system",
            "--selector=app.kubernetes.io/name=shadow-controller",
            "--tail=-1",
            "--prefix",
            "--timestamps",
        ],
    ),
    (
        "agents.log",
        &[
            "logs",
            "--namespace=shadow-system",
            "--selector=app.kubernetes.io/name=shadow-agent",
            "--all-containers",
            "--tail=-1",
            "--prefix",
            "--timestamps",
        ],
    ),
    (
        "agents-before.log",
        &[
            "logs",
            "--namespace=shadow-system",
            "--selector=app.kubernetes.io/name=shadow-agent",
            "--all-containers",
            "--tail=-1",
            "--prefix",
            "--timestamps",
            "--previous",
        ],
    ),
    (
        "webhook.log",
        &[
            "logs",
            "--namespace=shadow-system",
            "--selector=app.kubernetes.io/name=shadow-webhook",
            "--tail=-1",
            "--prefix",
            "--timestamps",
        ],
    ),
    (
        "applications.log",
        &[
            "logs",
            "--selector=app in (orders, single, lone, plain)",
            "--all-containers",
            "--tail=-1",
            "--prefix",
            "--timestamps",
        ],
    ),
];

/// Writes it all into a folder of its own below this one; a look that failed is a file that says so.
pub(crate) fn keep(cluster: &Cluster, below: &Path, name: &str, report: Option<&Value>) -> Result<PathBuf> {
    let folder = below.join(name);
    fs::create_dir_all(&folder).with_context(|| format!("make {}", folder.display()))?;
    for (file, look) in LOOKS {
        let mut kubectl = cluster.kubectl(look.iter());
        kubectl.arg(PATIENCE);
        write(&folder, file, capture(kubectl))?;
    }
    write(
        &folder,
        "queues.txt",
        broker_queues(cluster).map(|names| names.join("\n")),
    )?;
    if let Some(report) = report {
        write(&folder, "oracle.json", Ok(format!("{report:#}")))?;
    }
    Ok(folder)
}

fn write(folder: &Path, file: &str, seen: Result<String>) -> Result<()> {
    let text = seen.unwrap_or_else(|error| format!("could not be looked at: {error:#}\n"));
    let path = folder.join(file);
    fs::write(&path, text).with_context(|| format!("write {}", path.display()))
}
