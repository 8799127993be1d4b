//! Says what will change, and asks where a person can answer. A script is not asked: it said what it wants by the command.

use std::io::{BufRead, IsTerminal};

use k8s_openapi::api::apps::v1::DaemonSet;
use k8s_openapi::api::core::v1::Node;
use kube::api::{DynamicObject, ListParams};
use kube::{Api, ResourceExt};
use shadow_core::names::SYSTEM_NAMESPACE;

use super::shown::{Seen, Wanted, lines};
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
    let is_asked = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    if args.yes || !is_asked {
        return Ok(());
    }
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
    let nodes = match nodes.list_metadata(&ListParams::default()).await {
        Ok(nodes) => Some(nodes.items.iter().map(ResourceExt::name_any).collect()),
        Err(kube::Error::Api(status)) if status.code == 403 => None,
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
        agent,
    })
}

fn image(daemon: DaemonSet) -> Option<String> {
    let pod = daemon.spec?.template.spec?;
    pod.containers.into_iter().find_map(|container| container.image)
}

#[cfg(test)]
mod tests {
    use super::*;

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
