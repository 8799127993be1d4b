//! `kubectl shadow check`: whether cluster, nodes and pods are as a move needs them. Nothing is changed.

use crate::check::gather::{self, Unseen};
use crate::check::judge;
use crate::check::render::{self, Group};
use crate::cli::{Check, CheckFormat};
use crate::connection::Connection;
use crate::ending::Ending;
use crate::problem::Problem;
use crate::say;

/// What is to be looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
enum What {
    Everything,
    Before,
    Cluster,
    Nodes,
    Node(String),
    Pod(String),
}

impl What {
    fn of(args: &Check) -> Result<Self, Problem> {
        if args.pre {
            return Ok(Self::Before);
        }
        let Some(what) = args.what.as_deref() else {
            return Ok(Self::Everything);
        };
        match what.split_once('/') {
            None => Ok(match what {
                "cluster" => Self::Cluster,
                "nodes" | "node" => Self::Nodes,
                name => Self::Pod(name.to_owned()),
            }),
            Some(("node" | "nodes" | "no", name)) if !name.is_empty() => Ok(Self::Node(name.to_owned())),
            Some(("pod" | "pods" | "po", name)) if !name.is_empty() => Ok(Self::Pod(name.to_owned())),
            Some(_) => Err(Problem::Refused(format!(
                "{what:?} cannot be checked. Give cluster, nodes, node/NAME, pod/NAME or the name of a pod"
            ))),
        }
    }
}

/// Runs the command.
pub(super) async fn run(connection: &Connection, args: &Check) -> Result<Ending, Problem> {
    let groups = groups(connection, &What::of(args)?).await?;
    write(&groups, args.output)?;
    Ok(ending(&groups))
}

/// The checks of these pods, for a command that has just set them up.
pub(super) async fn of_pods(connection: &Connection, pods: &[String]) -> Result<Ending, Problem> {
    let mut groups = Vec::new();
    for pod in pods {
        groups.push(pod_group(connection, pod).await?);
    }
    write(&groups, CheckFormat::Text)?;
    Ok(ending(&groups))
}

/// The checks of cluster and nodes, as text, for a bug report.
pub(super) async fn told(connection: &Connection) -> Result<String, Problem> {
    let groups = groups(connection, &What::Everything).await?;
    let lines = render::text(&groups);
    Ok(lines
        .iter()
        .map(|line| format!("{}\n", say::printable(line)))
        .collect())
}

fn ending(groups: &[Group]) -> Ending {
    if render::is_well(groups) {
        Ending::Done
    } else {
        Ending::Refused
    }
}

async fn groups(connection: &Connection, what: &What) -> Result<Vec<Group>, Problem> {
    Ok(match what {
        What::Everything => {
            let cluster = cluster_group(connection).await?;
            // Without an installation there is nothing to be said of its nodes.
            let nodes = if is_installed(&cluster) {
                Some(nodes_group(connection, None).await?)
            } else {
                None
            };
            [cluster].into_iter().chain(nodes).collect()
        }
        What::Before => {
            let facts = gather::before::look(&connection.client).await?;
            vec![Group {
                title: "before an installation".to_owned(),
                findings: judge::before::findings(&facts),
                note: None,
            }]
        }
        What::Cluster => vec![cluster_group(connection).await?],
        What::Nodes => vec![nodes_group(connection, None).await?],
        What::Node(name) => vec![nodes_group(connection, Some(name)).await?],
        What::Pod(name) => vec![pod_group(connection, name).await?],
    })
}

async fn cluster_group(connection: &Connection) -> Result<Group, Problem> {
    let facts = gather::cluster::look(&connection.client).await?;
    Ok(Group {
        title: format!("cluster of context {}", connection.context),
        findings: judge::cluster::findings(&facts),
        note: None,
    })
}

fn is_installed(cluster: &Group) -> bool {
    cluster
        .findings
        .iter()
        .any(|finding| finding.code == crate::check::codes::CONTROLLER)
}

async fn nodes_group(connection: &Connection, only: Option<&str>) -> Result<Group, Problem> {
    let facts = gather::nodes::look(&connection.client).await?;
    Ok(Group {
        title: "nodes".to_owned(),
        findings: judge::nodes::findings(&facts, only),
        note: None,
    })
}

async fn pod_group(connection: &Connection, name: &str) -> Result<Group, Problem> {
    let namespace = &connection.namespace;
    let facts = gather::pod::look(&connection.client, namespace, name).await?;
    let note = facts.seen.pod.as_ref().map(|_| {
        format!(
            "not looked at: the broker and the process, which only controller and agents may ask. To ask them, type: kubectl \
             shadow plan {name} -n {namespace}"
        )
    });
    Ok(Group {
        title: format!("pod {namespace}/{name}"),
        findings: judge::pod::findings(&facts),
        note,
    })
}

fn write(groups: &[Group], format: CheckFormat) -> Result<(), Problem> {
    let lines = match format {
        CheckFormat::Text => render::text(groups),
        CheckFormat::Short => render::short(groups),
        CheckFormat::Json => {
            let text = serde_json::to_string_pretty(&render::json(groups))
                .map_err(|error| Problem::Unknown(Unseen(error.to_string()).to_string()))?;
            text.lines().map(str::to_owned).collect()
        }
    };
    lines.iter().for_each(|line| say::line(line));
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::{Cli, Command};

    fn asked(typed: &[&str]) -> Result<What, Problem> {
        let fixed = ["kubectl-shadow", "check"];
        let cli = Cli::try_parse_from(fixed.iter().chain(typed)).unwrap();
        let Command::Check(args) = cli.command else {
            panic!("{typed:?}")
        };
        What::of(&args)
    }

    #[test]
    fn what_is_typed_names_what_is_looked_at() {
        let node = || What::Node("a".to_owned());
        let pod = || What::Pod("orders-0".to_owned());
        for (typed, what) in [
            (&[][..], What::Everything),
            (&["--pre"], What::Before),
            (&["cluster"], What::Cluster),
            (&["nodes"], What::Nodes),
            (&["node/a"], node()),
            (&["pod/orders-0"], pod()),
            (&["orders-0"], pod()),
        ] {
            assert_eq!(asked(typed).unwrap(), what, "{typed:?}");
        }
        for bad in ["sts/orders", "node/", "pod/"] {
            assert!(
                asked(&[bad])
                    .unwrap_err()
                    .to_string()
                    .contains("cannot be checked"),
                "{bad}"
            );
        }
    }
}
