//! Effects on nodes, through their agents.

use k8s_openapi::jiff::SignedDuration;
use shadow_core::api::{RestoreBackend, TransferMode};
use shadow_core::machine::proof::Expendable;
use shadow_core::machine::{Outcome, Route};
use shadow_core::names::Key;
use shadow_core::reason::Reason;
use shadow_core::wire::{
    Abort, Announcement, CheckpointRequest, Checkpointed, Ending, FreezeOrder, Frozen, KillRequest, PodRef,
};

use super::{Subject, image};
use crate::context::Context;
use crate::error::ControllerError;
use crate::report;

/// Announces the key of this handoff; in the first one also that of the second, since the StatefulSet may re-create
/// its pod at any time after the source went.
pub(super) async fn announce(
    ctx: &Context,
    subject: Subject<'_>,
    key: &Key,
    pod: &str,
) -> Result<(), ControllerError> {
    let Subject { plan, leg, .. } = subject;
    let to = |pod: &str| Announcement {
        namespace: plan.source.namespace.clone(),
        migration: kube::ResourceExt::name_any(subject.migration),
        pod: pod.to_owned(),
        container: plan.container.clone(),
    };
    if let Some(second) = recreated(subject)?.filter(|second| second != key) {
        ctx.agents
            .announce(&leg.to.node, &second, &to(&plan.source.name))
            .await?;
    }
    ctx.agents.announce(&leg.to.node, key, &to(pod)).await.map(drop)
}

/// Key of the pod that the StatefulSet re-creates, if it does so on this route.
fn recreated(subject: Subject<'_>) -> Result<Option<Key>, ControllerError> {
    let status = subject.migration.status.clone().unwrap_or_default();
    Route::of(subject.plan)
        .key_of_recreated(&status, &subject.uid())
        .map_err(|e| ControllerError::Malformed(e.to_string()))
}

pub(super) async fn checkpoint(
    ctx: &Context,
    subject: Subject<'_>,
    pod: PodRef,
) -> Result<Outcome, ControllerError> {
    let Subject { plan, leg, .. } = subject;
    let request = CheckpointRequest {
        pod,
        container: plan.container.clone(),
        backend: plan.checkpoint_backend,
        target: Some(leg.to.node.clone()),
        stay_frozen_millis: plan.freeze.as_ref().map(|freeze| freeze.limit_millis),
    };
    match ctx.agents.checkpoint(&leg.from.node, &leg.key, &request).await {
        Ok(made) => Ok(Outcome::Checkpointed(made)),
        Err(ControllerError::Agent { problem, .. }) if problem.reason == Reason::Thawed => {
            Ok(Outcome::Thawed)
        }
        Err(error) => Err(error),
    }
}

/// Promise or Thaw: how the source's node has it then.
pub(super) async fn freeze(
    ctx: &Context,
    subject: Subject<'_>,
    order: FreezeOrder,
) -> Result<Outcome, ControllerError> {
    let leg = subject.leg;
    match ctx.agents.freeze(&leg.from.node, &leg.key, order).await? {
        Frozen::Promised => Ok(Outcome::Promised),
        Frozen::Held => Ok(Outcome::Done),
        Frozen::Thawed => Ok(Outcome::Thawed),
    }
}

pub(super) async fn fetch(
    ctx: &Context,
    subject: Subject<'_>,
    checkpoint: &Checkpointed,
) -> Result<Outcome, ControllerError> {
    match (subject.plan.restore, subject.plan.transfer) {
        (RestoreBackend::Image, _) => image::offer(ctx, subject).await,
        (RestoreBackend::RuntimeClass, TransferMode::Direct) => {
            fetch_directly(ctx, subject, checkpoint).await
        }
        (RestoreBackend::RuntimeClass, TransferMode::Registry) => {
            image::fetch(ctx, subject, checkpoint).await
        }
    }
}

async fn fetch_directly(
    ctx: &Context,
    subject: Subject<'_>,
    checkpoint: &Checkpointed,
) -> Result<Outcome, ControllerError> {
    let leg = subject.leg;
    ctx.agents
        .fetch(&leg.to.node, &leg.from.node, &leg.key, checkpoint)
        .await
        .map(Outcome::Transferred)
}

pub(super) async fn kill(
    ctx: &Context,
    subject: Subject<'_>,
    proof: &Expendable,
    quiet: SignedDuration,
) -> Result<Outcome, ControllerError> {
    let Subject { plan, leg, .. } = subject;
    let body = KillRequest {
        pod: proof.pod().clone(),
        container: plan.container.clone(),
        quiet_millis: u64::try_from(quiet.as_millis()).unwrap_or_default(),
    };
    match ctx.agents.kill(&leg.from.node, &leg.key, &body).await {
        Ok(Ending::Ended) => Ok(Outcome::Ended),
        Ok(Ending::InUse) => {
            tracing::info!(pod = body.pod.name, "still in use");
            Ok(Outcome::Done)
        }
        // Kubelet has tidied it up in the meantime; the next look shows that.
        Err(ControllerError::Agent {
            problem,
            transient: false,
            ..
        }) => {
            tracing::info!(
                reason = %problem.reason,
                detail = problem.message,
                "nothing left to kill"
            );
            Ok(Outcome::Done)
        }
        Err(error) => Err(error),
    }
}

pub(super) async fn abort(
    ctx: &Context,
    subject: Subject<'_>,
    reason: String,
) -> Result<(), ControllerError> {
    let leg = subject.leg;
    ctx.agents
        .abort(&leg.to.node, &leg.key, &Abort { reason })
        .await
        .map(drop)
}

/// Removes the keys of all attempts from both nodes, and that of the second handoff, which was announced early.
pub(super) async fn forget(ctx: &Context, subject: Subject<'_>) -> Result<(), ControllerError> {
    let Subject { plan, migration, .. } = subject;
    let targets = targets(subject);
    if plan.transfer == TransferMode::Registry {
        for note in image::kept(ctx, subject).await? {
            report::announce(ctx, migration, false, "ImageKept", &note);
        }
    }
    let legs = migration
        .status
        .iter()
        .flat_map(|s| &s.legs)
        .map(|leg| leg.key.clone());
    let mut keys: Vec<Key> = legs.chain(recreated(subject)?).collect();
    keys.sort();
    keys.dedup();
    // The present key goes last: while the target's agent knows it, this step is not over.
    keys.sort_by_key(|key| *key == subject.leg.key);
    for key in &keys {
        if let Err(error) = ctx.agents.forget(&plan.source_node, key).await {
            // The source node may be gone for good; its agent sweeps what belongs to ended migrations.
            tracing::warn!(node = plan.source_node, %key, %error, "key left to the agent's sweep");
        }
        for node in &targets {
            forget_at(ctx, subject, node, key).await?;
        }
    }
    Ok(())
}

/// All nodes that handoffs went to; the present one comes last, as its agent is the one that is asked.
fn targets(subject: Subject<'_>) -> Vec<String> {
    let present = &subject.leg.to.node;
    let legs = subject.migration.status.iter().flat_map(|status| &status.legs);
    let all = legs.map(|leg| leg.to.node.clone());
    let mut nodes: Vec<String> = all.chain([subject.plan.target_node.clone()]).collect();
    nodes.sort();
    nodes.dedup();
    nodes.sort_by_key(|node| node == present);
    nodes
}

/// One that a handoff went to in vain may be gone for good, too.
async fn forget_at(
    ctx: &Context,
    subject: Subject<'_>,
    node: &str,
    key: &Key,
) -> Result<(), ControllerError> {
    match ctx.agents.forget(node, key).await {
        Err(error) if node != subject.leg.to.node => {
            tracing::warn!(node, %key, %error, "key left to the agent's sweep");
            Ok(())
        }
        answered => answered,
    }
}
