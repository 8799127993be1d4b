//! What speaks against a move by nodes alone: the source's leaves too soon, or no other one can take the pod.

use k8s_openapi::api::core::v1::Node;
use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;
use shadow_core::api::{Plan, StatefulMigration};
use shadow_core::eviction::leaving;
use shadow_core::forecast::{self, Way};
use shadow_core::validate;

use super::gather;
use crate::context::Context;
use crate::error::ControllerError;

/// Why a move that takes so long, milliseconds, cannot end before this node leaves.
pub(crate) fn too_late(node: &Node, takes: impl FnOnce() -> u64) -> Option<String> {
    match leaving::leaves_at(node) {
        Ok(None) => None,
        Ok(Some(_)) => leaving::too_late(node, takes(), Timestamp::now()),
        Err(unreadable) => {
            tracing::warn!(%unreadable, "a node may leave, and it is not known when");
            None
        }
    }
}

/// The same of a plan, for processes with so many bytes of memory.
pub(super) fn too_late_for(
    ctx: &Context,
    plan: &Plan,
    nodes: &[Node],
    memory: Option<u64>,
) -> Option<String> {
    let node = nodes.iter().find(|node| node.name_any() == plan.source_node)?;
    too_late(node, || {
        let application = forecast::application(plan);
        let past = ctx.line.finished();
        forecast::of(Way::of(plan), &application, memory.unwrap_or(0), &past).total()
    })
}

/// What speaks against all nodes, if nothing else speaks against this migration.
pub(crate) async fn lacking(
    ctx: &Context,
    migration: &StatefulMigration,
) -> Result<Option<String>, ControllerError> {
    // What cannot be read is told when the move is prepared.
    let Ok(facts) = gather(ctx, migration).await? else {
        return Ok(None);
    };
    let namespace = migration.namespace().unwrap_or_default();
    let report = validate::check(&migration.name_any(), &namespace, &migration.spec, &facts);
    Ok(report.lacks_only_a_node().then(|| report.reasons()))
}
