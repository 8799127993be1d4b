//! What stands in the cluster when a test takes too long: the first thing that whoever reads it asks for.

use xtask_lab::cluster::Cluster;
use xtask_lab::stage::capture;

/// Patience with an API server that may be what everything waits for.
const PATIENCE: &str = "--request-timeout=20s";

const LOOKS: &[&[&str]] = &[
    &["get", "statefulmigrations", "--all-namespaces", "--output=yaml"],
    &["get", "pods", "--all-namespaces", "--output=wide"],
    &[
        "logs",
        "--namespace=shadow-system",
        "deployment/shadow-controller",
        "--tail=60",
    ],
    &[
        "logs",
        "--namespace=shadow-system",
        "--selector=app.kubernetes.io/name=shadow-agent",
        "--all-containers",
        "--tail=30",
        "--prefix",
    ],
];

/// Migrations, pods, and the last words of the controller and the agents.
pub(super) fn told(cluster: &Cluster) -> String {
    let looks = LOOKS.iter().map(|look| {
        let mut kubectl = cluster.kubectl(look.iter());
        kubectl.arg(PATIENCE);
        let seen = capture(kubectl).unwrap_or_else(|error| format!("{error:#}"));
        format!("--- kubectl {}\n{seen}", look.join(" "))
    });
    looks.collect::<Vec<_>>().join("\n")
}
