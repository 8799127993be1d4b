//! What an installation changes, before it does. Pure.

use std::collections::BTreeMap;

use kube::api::DynamicObject;

/// How many nodes are named.
const NAMED: usize = 5;

/// What the images are built for.
pub(super) const OURS: &str = "linux/amd64";

/// What is known of the cluster.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    /// Context, or address.
    pub(super) context: String,
    /// Names of the nodes; none if the user may not list them.
    pub(super) nodes: Option<Vec<String>>,
    /// Of them, those for which there is no agent: name, and system and architecture.
    pub(super) foreign: Vec<(String, String)>,
    /// Image of the agent that is installed now.
    pub(super) agent: Option<String>,
}

/// What is wanted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted<'a> {
    /// Objects.
    pub(super) objects: &'a [DynamicObject],
    /// Image of the agent.
    pub(super) agent: &'a str,
    /// Whether nodes get the runtime handler.
    pub(super) runtime_handler: bool,
    /// Whether images are pushed first.
    pub(super) pushes: bool,
}

/// Line by line.
pub(super) fn lines(seen: &Seen, wanted: &Wanted<'_>) -> Vec<String> {
    let mut lines = vec![format!("This changes cluster {}:", seen.context)];
    if wanted.pushes {
        lines.push("  registry  controller, webhook and agent are pushed, unless they are there".to_owned());
    }
    lines.push(match &seen.agent {
        Some(now) if now == wanted.agent => format!("  version   {now} is installed already; it stays"),
        Some(now) => format!("  version   {now} is installed; it becomes {}", wanted.agent),
        None => format!("  version   {}, and nothing is installed yet", wanted.agent),
    });
    lines.push(format!("  objects   {}", kinds(wanted.objects)));
    let is_foreign = |name: &String| seen.foreign.iter().any(|(foreign, _)| foreign == name);
    let ours = seen.nodes.clone().map(|mut names| {
        names.retain(|name| !is_foreign(name));
        names
    });
    let nodes = nodes(ours.as_deref());
    lines.push(if wanted.runtime_handler {
        format!(
            "  nodes     {nodes}: an agent runs as root, and containerd gets the runtime handler shadow. Where it has none yet, \
             containerd is restarted once; containers go on meanwhile"
        )
    } else {
        format!(
            "  nodes     {nodes}: an agent runs as root. The container runtimes get no runtime handler; where they have one, it is \
             taken away"
        )
    });
    lines.extend(seen.foreign.iter().map(|(name, platform)| {
        format!(
            "  no agent  {name} is {platform}, and images are built for {OURS} only: it takes no part, and no pod is moved from it or to it"
        )
    }));
    lines.push("To take all of it out again, type: kubectl shadow uninstall".to_owned());
    lines
}

/// `3 CustomResourceDefinitions, 1 Namespace`, in the order in which they come.
fn kinds(objects: &[DynamicObject]) -> String {
    let kind = |object: &DynamicObject| object.types.as_ref().map(|types| types.kind.clone());
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let mut order = Vec::new();
    for kind in objects.iter().filter_map(kind) {
        let count = counts.entry(kind.clone()).or_default();
        if *count == 0 {
            order.push(kind);
        }
        *count += 1;
    }
    let told = order.iter().map(|kind| match counts.get(kind) {
        Some(1) | None => format!("1 {kind}"),
        Some(several) => format!("{several} {}", plural(kind)),
    });
    told.collect::<Vec<_>>().join(", ")
}

fn plural(kind: &str) -> String {
    match kind.strip_suffix('y') {
        Some(stem) => format!("{stem}ies"),
        None if kind.ends_with('s') => format!("{kind}es"),
        None => format!("{kind}s"),
    }
}

fn nodes(names: Option<&[String]>) -> String {
    let Some(names) = names else {
        return "each node (you may not list them)".to_owned();
    };
    let shown: Vec<&str> = names.iter().take(NAMED).map(String::as_str).collect();
    let more = names.len().saturating_sub(NAMED);
    match more {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(kind: &str) -> DynamicObject {
        serde_json::from_value(json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": "x"}})).unwrap()
    }

    fn told(seen: &Seen, runtime_handler: bool) -> String {
        let objects = ["NetworkPolicy", "Namespace", "NetworkPolicy", "DaemonSet"].map(object);
        let wanted = Wanted {
            objects: &objects,
            agent: "r/agent:v2",
            runtime_handler,
            pushes: false,
        };
        lines(seen, &wanted).join("\n")
    }

    #[test]
    fn kinds_nodes_and_versions_are_told() {
        let seen = Seen {
            context: "prod".to_owned(),
            nodes: Some(["a", "b", "c", "d", "e", "f", "g"].map(str::to_owned).to_vec()),
            foreign: Vec::new(),
            agent: Some("r/agent:v1".to_owned()),
        };
        let told = told(&seen, true);
        for wanted in [
            "cluster prod",
            "2 NetworkPolicies, 1 Namespace, 1 DaemonSet",
            "a, b, c, d, e and 2 more: an agent",
            "containerd is restarted once",
            "r/agent:v1 is installed; it becomes r/agent:v2",
        ] {
            assert!(told.contains(wanted), "{told}");
        }
    }

    #[test]
    fn a_node_of_another_architecture_is_named_as_one_without_an_agent() {
        let seen = Seen {
            nodes: Some(["a", "b"].map(str::to_owned).to_vec()),
            foreign: vec![("b".to_owned(), "linux/arm64".to_owned())],
            ..Seen::default()
        };
        let told = told(&seen, true);
        assert!(told.contains("nodes     a: an agent"), "{told}");
        assert!(
            told.contains("b is linux/arm64, and images are built for linux/amd64 only"),
            "{told}"
        );
    }

    #[test]
    fn what_is_not_known_is_said_so() {
        let told = told(&Seen::default(), false);
        assert!(told.contains("each node (you may not list them)"), "{told}");
        assert!(told.contains("nothing is installed yet"), "{told}");
        assert!(!told.contains("restarted"), "{told}");
    }
}
