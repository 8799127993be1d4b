//! Says what will change, and asks where a person can answer. A script reads it and is not asked: its command said what is wanted.

use std::io::{BufRead, IsTerminal};

use k8s_openapi::api::apps::v1::DaemonSet;
use k8s_openapi::api::core::v1::Node;
use kube::api::{DynamicObject, ListParams};
use kube::{Api, ResourceExt};
use shadow_core::names::SYSTEM_NAMESPACE;

use super::shown::{OURS, Seen, Wanted, lines};
use crate::cli::Install;
use crate::connection::Connection;
use crate::problem::Problem;
use crate::say;

/// Returns if it may go on.
pub(super) async fn ask(
    connection: &Connection,
    args: &Install,
    objects: &[DynamicObject],
    pushes: bool,
) -> Result<(), Problem> {
    let agent = format!("{}/agent:{}", args.registry.trim_end_matches('/'), args.tag);
    let wanted = Wanted {
        objects,
        agent: &agent,
        runtime_handler: !args.no_runtime_handler,
        pushes,
    };
    lines(&seen(connection).await?, &wanted)
        .iter()
        .for_each(|line| say::line(line));
    let can_answer = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    if args.yes || !can_answer {
        return Ok(());
    }
    say::own("Go on? [y/N] ");
    if is_yes(&mut std::io::stdin().lock())? {
        Ok(())
    } else {
        Err(Problem::Refused("nothing was changed".to_owned()))
    }
}

fn is_yes(answer: &mut impl BufRead) -> Result<bool, Problem> {
    let mut line = String::new();
    answer.read_line(&mut line).map_err(|error| {
        Problem::Refused(format!(
            "your answer cannot be read: {error}. Nothing was changed"
        ))
    })?;
    Ok(matches!(line.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}

async fn seen(connection: &Connection) -> Result<Seen, Problem> {
    let nodes: Api<Node> = Api::all(connection.client.clone());
    let (nodes, foreign) = match nodes.list_metadata(&ListParams::default()).await {
        Ok(nodes) => (
            Some(nodes.items.iter().map(ResourceExt::name_any).collect()),
            nodes.items.iter().filter_map(foreign).collect(),
        ),
        Err(kube::Error::Api(status)) if status.code == 403 => (None, Vec::new()),
        Err(error) => return Err(error.into()),
    };
    let daemons: Api<DaemonSet> = Api::namespaced(connection.client.clone(), SYSTEM_NAMESPACE);
    let agent = match daemons.get_opt("shadow-agent").await {
        Ok(daemon) => daemon.and_then(image),
        Err(kube::Error::Api(status)) if status.code == 403 => None,
        Err(error) => return Err(error.into()),
    };
    Ok(Seen {
        context: connection.context.clone(),
        nodes,
        foreign,
        agent,
    })
}

/// A node that its labels say to be of another system or architecture. Kubelet sets them; without them nothing is known.
fn foreign(node: &impl ResourceExt) -> Option<(String, String)> {
    let label = |name: &str| node.labels().get(name).map(String::as_str);
    let platform = format!("{}/{}", label("kubernetes.io/os")?, label("kubernetes.io/arch")?);
    (platform != OURS).then(|| (node.name_any(), platform))
}

fn image(daemon: DaemonSet) -> Option<String> {
    let pod = daemon.spec?.template.spec?;
    pod.containers.into_iter().find_map(|container| container.image)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_foreign_by_what_kubelet_says_of_it() {
        let told = |labels: serde_json::Value| {
            let node: Node =
                serde_json::from_value(serde_json::json!({"metadata": {"name": "n", "labels": labels}}))
                    .unwrap();
            foreign(&node).map(|(_, platform)| platform)
        };
        let labels =
            |os: &str, arch: &str| serde_json::json!({"kubernetes.io/os": os, "kubernetes.io/arch": arch});
        assert_eq!(told(labels("linux", "amd64")), None);
        assert_eq!(told(labels("linux", "arm64")).as_deref(), Some("linux/arm64"));
        assert_eq!(told(labels("windows", "amd64")).as_deref(), Some("windows/amd64"));
        assert_eq!(told(serde_json::json!({})), None);
    }

    #[test]
    fn only_a_clear_yes_goes_on() {
        for (typed, wanted) in [
            ("y\n", true),
            ("Yes\n", true),
            ("\n", false),
            ("", false),
            ("n\n", false),
            ("yesterday\n", false),
        ] {
            assert_eq!(is_yes(&mut typed.as_bytes()).unwrap(), wanted, "{typed:?}");
        }
    }
}
