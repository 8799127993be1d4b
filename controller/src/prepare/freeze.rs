//! How long a source that ends before its copy starts may stand still: asked of its pod, its broker and its node.

use k8s_openapi::api::core::v1::{Pod, Probe};
use shadow_core::api::{
    FreezePlan, MigrationStrategy, QueuePlan, RestoreBackend, StatefulMigration, TransferMode,
};
use shadow_core::freeze::{self, Circumstances};
use shadow_core::machine::{Cause, limits};
use shadow_core::reason::Reason;
use shadow_core::wire::{CheckpointBackend, Preflight};

use crate::context::Context;
use crate::error::ControllerError;
use crate::evidence;

/// `None` where the source goes on after its dump.
pub(super) async fn plan(
    ctx: &Context,
    migration: &StatefulMigration,
    pod: &Pod,
    container: &str,
    strategy: MigrationStrategy,
    queue: &QueuePlan,
    preflight: Option<&Preflight>,
) -> Result<Result<Option<FreezePlan>, Cause>, ControllerError> {
    match strategy {
        MigrationStrategy::Sequential => {}
        MigrationStrategy::ShadowPod => return Ok(Ok(None)),
    }
    let spec = &migration.spec;
    if spec.checkpoint_backend == Some(CheckpointBackend::Kubelet) {
        return Ok(Err(Cause::new(
            Reason::Refused,
            "spec.checkpointBackend: kubelet lets a process go on after its dump, and in a Sequential move it has to stand still until \
             the copy takes over; leave checkpointBackend out",
        )));
    }
    let broker = ctx.broker(migration, queue.secret.as_deref()).await?;
    let heartbeats = broker.heartbeats_at(&evidence::addresses(pod)).await?;
    let transfer = match spec.restore_backend {
        Some(RestoreBackend::Image) => TransferMode::Registry,
        Some(RestoreBackend::RuntimeClass) | None => spec.transfer_mode.unwrap_or_default(),
    };
    let planned = freeze::plan(&Circumstances {
        liveness: liveness(pod, container),
        heartbeats: &heartbeats,
        deadline_seconds: spec.deadline_seconds.unwrap_or(limits::DEADLINE_SECONDS),
        memory_bytes: preflight.map_or(0, |found| found.memory_bytes),
        transfer,
    });
    Ok(planned
        .map(Some)
        .map_err(|refused| Cause::new(Reason::FreezeTooLong, format!("spec.sourcePod: {refused}"))))
}

fn liveness<'a>(pod: &'a Pod, container: &str) -> Option<&'a Probe> {
    let containers = &pod.spec.as_ref()?.containers;
    let found = containers.iter().find(|one| one.name == container)?;
    found.liveness_probe.as_ref()
}
