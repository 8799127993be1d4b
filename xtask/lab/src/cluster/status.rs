//! What runs, for a person, with the way on.

use std::io::{self, Write as _};
use std::process::Stdio;

use anyhow::Context;

use super::layout::{Layout, NODES};
use super::{Cluster, cache, processes, progress, teardown};

const NODE_SERVICES: [(&str, &str); 3] = [
    ("containerd", "/usr/bin/containerd"),
    ("kubelet", "/opt/kubernetes/kubelet"),
    ("kube-proxy", "/opt/kubernetes/kube-proxy"),
];

/// Prints what runs.
pub(super) fn print(layout: &Layout) -> anyhow::Result<()> {
    let Some(init) = processes::box_init(layout)? else {
        return say(&nothing_runs(layout)?);
    };
    let cluster = Cluster::sole(layout.clone());
    let ready = is_ready(&cluster)?;
    let api = if ready { "API ready" } else { "API NOT ready" };
    let mut lines = vec![format!("box          process {}, {api}", init.pid)];
    for node in NODES {
        lines.push(match processes::node_init(layout, node)? {
            Some(init) => {
                format!(
                    "{:<12} process {}, {}, {}",
                    node.name,
                    init.pid,
                    node.address,
                    services(layout, node)?
                )
            }
            None => format!(
                "{:<12} DEAD; its log is {}",
                node.name,
                layout.log(node.name).display()
            ),
        });
    }
    lines.push(format!("kubeconfig   {}", layout.kubeconfig().display()));
    lines.push(format!(
        "registry     {} (inside: {})",
        cluster.registry()?,
        super::layout::REGISTRY
    ));
    lines.push(format!("logs         {}", layout.run.join("logs").display()));
    lines.push(format!(
        "disk         {} in {}",
        progress::size(cache::size_of(&layout.run)?),
        layout.run.display()
    ));
    if !ready {
        lines.push(format!(
            "`cargo xtask cluster up` starts it anew; to see why first, look at {}",
            layout.log("kube-apiserver").display()
        ));
        return say(&lines);
    }
    lines.push("`cargo xtask cluster shell` opens a shell with kubectl".to_owned());
    say(&lines)?;
    let mut list = cluster.kubectl(["get", "nodes,pods", "--all-namespaces", "--output", "wide"]);
    list.status().context("starting kubectl").map(drop)
}

fn nothing_runs(layout: &Layout) -> anyhow::Result<Vec<String>> {
    let mut lines = vec!["no cluster runs; `cargo xtask cluster up` starts one".to_owned()];
    let left = teardown::leftovers(layout)?;
    lines.extend(left.iter().map(|line| format!("  left over: {line}")));
    if !left.is_empty() {
        lines.push("`cargo xtask cluster down` removes what is left over".to_owned());
    }
    Ok(lines)
}

/// Whoever pipes this into `head` has seen enough, which is no error.
fn say(lines: &[String]) -> anyhow::Result<()> {
    match io::stdout().write_all(format!("{}\n", lines.join("\n")).as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error).context("printing the status"),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Whether the API server answers and both nodes have their first process.
pub(super) fn is_ready(cluster: &Cluster) -> anyhow::Result<bool> {
    for node in NODES {
        if processes::node_init(&cluster.layout, node)?.is_none() {
            return Ok(false);
        }
    }
    let mut ask = cluster.kubectl(["get", "--raw", "/readyz", "--request-timeout=5s"]);
    ask.stdout(Stdio::null()).stderr(Stdio::null());
    Ok(ask.status().context("starting kubectl")?.success())
}

fn services(layout: &Layout, node: super::layout::Node) -> anyhow::Result<String> {
    let mut words = Vec::new();
    for (name, program) in NODE_SERVICES {
        let runs = processes::on_node(layout, node, program.as_ref())?.is_some();
        words.push(format!("{name} {}", if runs { "runs" } else { "DOWN" }));
    }
    Ok(words.join(", "))
}
