//! Room on the nodes that a pod fits on, where its migration names none.

use k8s_openapi::api::core::v1::{Node, Pod};
use kube::api::ListParams;
use kube::{Api, ResourceExt};
use shadow_core::validate::{self, Asked, Room};

use crate::context::Context;
use crate::error::ControllerError;

/// Nodes whose pods are counted; a cluster may have thousands.
const LOOKED_AT: usize = 16;

/// The node with the most room for the pod, and why; or why there is none.
pub(super) async fn roomiest(
    ctx: &Context,
    pod: &Pod,
    nodes: &[Node],
    fitting: &[String],
) -> Result<Result<(String, String), String>, ControllerError> {
    let pods: Api<Pod> = Api::all(ctx.client.clone());
    let mut rooms = Vec::new();
    let named = |node: &&Node| fitting.contains(&node.name_any());
    for node in nodes.iter().filter(named).take(LOOKED_AT) {
        let on_it = ListParams::default().fields(&format!("spec.nodeName={}", node.name_any()));
        let given = Asked::by_all(pods.list(&on_it).await?.items.iter());
        rooms.push(Room::of(node, given));
    }
    Ok(validate::roomiest(&rooms, Asked::by(pod)))
}
