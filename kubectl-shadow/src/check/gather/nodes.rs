//! The nodes, and the agents on them.

use k8s_openapi::api::core::v1::{Node, Pod};
use kube::{Api, Client};
use shadow_core::names::SYSTEM_NAMESPACE;

use super::{Got, all};
use crate::problem::Problem;

/// Label of the agents' pods.
const AGENTS: &str = "app.kubernetes.io/name=shadow-agent";

/// What is known of them.
#[derive(Clone, Debug)]
pub struct Facts {
    /// All nodes: what one can restore depends on the others.
    pub nodes: Got<Vec<Node>>,
    /// The agents' pods.
    pub agents: Got<Vec<Pod>>,
}

/// Looks at all of them.
pub async fn look(client: &Client) -> Result<Facts, Problem> {
    let (nodes, agents) = tokio::try_join!(
        all(Api::all(client.clone()), ""),
        all(Api::namespaced(client.clone(), SYSTEM_NAMESPACE), AGENTS),
    )?;
    Ok(Facts { nodes, agents })
}
