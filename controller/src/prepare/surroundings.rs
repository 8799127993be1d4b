//! What around the pod would keep its copy from the broker or from its clients: proxies of meshes, policies of the network.

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::networking::v1::NetworkPolicy;
use kube::api::ListParams;
use kube::{Api, ResourceExt};
use shadow_core::api::Plan;
use shadow_core::machine::{Cause, Route};
use shadow_core::reason::Reason;
use shadow_core::restore_pod;
use shadow_core::validate::{mesh, network};

use crate::context::Context;

/// Why the copy would not get to the broker, which has this port, or its clients not to it.
pub(super) async fn obstacle(
    ctx: &Context,
    uid: &str,
    plan: &Plan,
    pod: &Pod,
    port: u16,
) -> Result<Option<Cause>, kube::Error> {
    let refused = |why: String| Some(Cause::new(Reason::Refused, format!("spec.sourcePod: {why}")));
    if let Some(why) = mesh::intercepted(pod, port) {
        return Ok(refused(why));
    }
    let policies: Api<NetworkPolicy> = Api::namespaced(ctx.client.clone(), &plan.source.namespace);
    let policies = policies.list(&ListParams::default()).await?.items;
    let copy = restore_pod::labels_of_copy(pod, Route::of(plan), uid);
    let source = pod.labels();
    Ok(network::cut_off(&policies, source, &copy, port).and_then(refused))
}
