//! Before an installation.

use k8s_openapi::api::core::v1::Node;
use kube::ResourceExt;
use shadow_core::names::SYSTEM_NAMESPACE;

use super::cluster::server;
use super::nodes::platform;
use crate::check::codes::{INSTALL_RIGHTS, INSTALLED, NODE_UP, RUNTIME};
use crate::check::gather::Got;
use crate::check::gather::before::Facts;
use crate::check::gather::rights::{Action, ESCALATE};
use crate::check::{Finding, Grade};

/// The lines.
pub fn findings(facts: &Facts) -> Vec<Finding> {
    let mut found = vec![server(&facts.version)];
    found.push(match &facts.namespace {
        Ok(None) => Finding::pass(INSTALLED, "", "nothing is installed yet"),
        Ok(Some(_)) => Finding::warn(
            INSTALLED,
            "",
            format!("namespace {SYSTEM_NAMESPACE} is there: install would update what is in it"),
        )
        .typed("kubectl shadow check"),
        Err(why) => Finding::unseen(INSTALLED, format!("namespace {SYSTEM_NAMESPACE}"), why),
    });
    found.extend(rights(&facts.rights));
    match &facts.nodes {
        Ok(nodes) => {
            let mut nodes: Vec<&Node> = nodes.iter().collect();
            nodes.sort_by_key(|node| node.name_any());
            found.extend(nodes.into_iter().flat_map(of_node));
        }
        Err(why) => found.push(Finding::unseen(NODE_UP, "the nodes", why)),
    }
    found
}

/// One line for all that is allowed, and one for each action that is not.
fn rights(all: &[(Action, Got<bool>)]) -> Vec<Finding> {
    let lacking: Vec<Finding> = all.iter().filter_map(right).collect();
    if lacking.is_empty() {
        vec![Finding::pass(
            INSTALL_RIGHTS,
            "",
            "you may create what an installation creates",
        )]
    } else {
        lacking
    }
}

fn right((action, allowed): &(Action, Got<bool>)) -> Option<Finding> {
    let resource = match action.group.as_str() {
        "" => action.resource.clone(),
        group => format!("{}.{group}", action.resource),
    };
    let place = |word: &str| {
        let namespace = action.namespace.as_ref();
        namespace.map_or_else(String::new, |namespace| format!(" {word} {namespace}"))
    };
    let about = format!("{} {resource}{}", action.verb, place("in namespace"));
    let command = format!("kubectl auth can-i {} {resource}{}", action.verb, place("-n"));
    match allowed {
        Ok(true) => None,
        Ok(false) if action.verb == ESCALATE => Some(
            Finding::warn(
                INSTALL_RIGHTS,
                about,
                "you may not; then you need each right that these roles give",
            )
            .typed(command),
        ),
        Ok(false) => Some(Finding::fail(INSTALL_RIGHTS, about, "you may not").typed(command)),
        Err(why) => Some(Finding::unseen(INSTALL_RIGHTS, about, why)),
    }
}

fn of_node(node: &Node) -> Vec<Finding> {
    let platform = platform(node);
    if platform.grade == Grade::Pass {
        vec![platform, runtime(node)]
    } else {
        vec![platform]
    }
}

fn runtime(node: &Node) -> Finding {
    let name = node.name_any();
    let info = node.status.as_ref().and_then(|status| status.node_info.as_ref());
    let runtime = info.map_or("", |info| info.container_runtime_version.as_str());
    let (kind, version) = runtime.split_once("://").unwrap_or((runtime, ""));
    let major: Option<u32> = version.split('.').next().and_then(|major| major.parse().ok());
    match (kind, major) {
        ("containerd", Some(2..)) => Finding::pass(RUNTIME, name, format!("{kind} {version}")),
        ("containerd", _) => Finding::fail(
            RUNTIME,
            &name,
            format!("{kind} {version} is too old: the runtime handler needs containerd 2.0 or newer"),
        )
        .typed(format!("kubectl get node {name} -o wide")),
        ("cri-o", _) => Finding::warn(
            RUNTIME,
            name,
            format!("{kind} {version}: there is code for it that was not run"),
        ),
        (_, _) => Finding::fail(
            RUNTIME,
            &name,
            format!("{runtime:?} is not known: the runtime handler needs containerd 2.0 or newer, or CRI-O"),
        )
        .typed(format!("kubectl get node {name} -o wide")),
    }
}
