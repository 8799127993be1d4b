//! Effects on nodes, through their agents.

use std::time::Instant;

use shadow_core::api::{Plan, TransferMode};
use shadow_core::machine::proof::Expendable;
use shadow_core::machine::{Outcome, Route, limits};
use shadow_core::names::Key;
use shadow_core::repository::Repository;
use shadow_core::wire::{
    Abort, Announcement, CheckpointRequest, Checkpointed, DiscardRequest, Discarded, Ending, KillRequest,
    PodRef, PullRequest, PushRequest, RegistryAccess, Transferred,
};

use super::Subject;
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
    };
    ctx.agents
        .checkpoint(&leg.from.node, &leg.key, &request)
        .await
        .map(Outcome::Checkpointed)
}

pub(super) async fn fetch(
    ctx: &Context,
    subject: Subject<'_>,
    checkpoint: &Checkpointed,
) -> Result<Outcome, ControllerError> {
    match subject.plan.transfer {
        TransferMode::Direct => fetch_directly(ctx, subject, checkpoint).await,
        TransferMode::Registry => fetch_through_registry(ctx, subject, checkpoint).await,
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

/// Brings the archive to the target through the registry of the spec: the source's agent pushes it, the target's pulls
/// it by digest. Done again, both tell what they did.
async fn fetch_through_registry(
    ctx: &Context,
    subject: Subject<'_>,
    checkpoint: &Checkpointed,
) -> Result<Outcome, ControllerError> {
    let leg = subject.leg;
    let begun = Instant::now();
    let (repository, access) = registry(ctx, subject).await?;
    let push = PushRequest {
        repository: repository.clone(),
        access: access.clone(),
    };
    let pushed = ctx.agents.push(&leg.from.node, &leg.key, &push).await?;
    tracing::info!(key = %leg.key, reference = pushed.reference, bytes = pushed.bytes, "archive is in the registry");
    let pull = PullRequest {
        repository,
        access,
        image: pushed.image,
        digest: checkpoint.digest.clone(),
        bytes: checkpoint.bytes,
    };
    let pulled = ctx.agents.pull(&leg.to.node, &leg.key, &pull).await?;
    Ok(Outcome::Transferred(Transferred {
        wire_bytes: pulled.wire_bytes,
        total_micros: u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX),
    }))
}

/// Deletes the images of all attempts from the registry, unless the spec asks to keep them. What stays there is said in
/// the notes, for the migration's verdict or events; it is no error, since nothing of the move depends on it.
///
/// The agent that pushed an image does it, since it finishes a push that is under way first; the target's does it if
/// that node is gone.
async fn discard_images(ctx: &Context, subject: Subject<'_>) -> Result<Vec<String>, ControllerError> {
    let Subject { plan, migration, .. } = subject;
    if migration.spec.keep_checkpoint_image == Some(true) {
        return Ok(Vec::new());
    }
    let (repository, access) = registry(ctx, subject).await?;
    let body = DiscardRequest {
        namespace: plan.source.namespace.clone(),
        repository,
        access,
    };
    let mut notes = Vec::new();
    for leg in migration.status.iter().flat_map(|status| &status.legs) {
        let discarded = match ctx.agents.discard(&leg.from.node, &leg.key, &body).await {
            Err(ControllerError::AgentUnreachable { .. }) => {
                ctx.agents.discard(&plan.target_node, &leg.key, &body).await
            }
            answered => answered,
        };
        match discarded {
            Ok(Discarded::Deleted | Discarded::Absent) => {}
            Ok(Discarded::Kept { why }) => notes.push(why),
            // The agent has tried for as long as makes sense.
            Err(error) => notes.push(error.to_string()),
        }
    }
    Ok(notes)
}

/// Where checkpoint images of this migration go, and how.
async fn registry(
    ctx: &Context,
    subject: Subject<'_>,
) -> Result<(Repository, RegistryAccess), ControllerError> {
    let spec = &subject.migration.spec;
    let text = spec.checkpoint_image_repository.as_deref().unwrap_or_default();
    let repository =
        Repository::parse(text).map_err(|error| ControllerError::Repository(error.to_string()))?;
    let namespace = &subject.plan.source.namespace;
    let secret = spec.checkpoint_image_secret_ref.as_deref();
    let access = crate::registry::access(&ctx.client, namespace, secret, &repository).await?;
    Ok((repository, access))
}

pub(super) async fn kill(
    ctx: &Context,
    subject: Subject<'_>,
    proof: &Expendable,
) -> Result<Outcome, ControllerError> {
    let Subject { plan, leg, .. } = subject;
    let body = KillRequest {
        pod: proof.pod().clone(),
        container: plan.container.clone(),
        quiet_millis: quiet_millis(plan),
    };
    match ctx.agents.kill(&leg.from.node, &leg.key, &body).await {
        Ok(Ending::Ended) => Ok(Outcome::Ended),
        Ok(Ending::InUse) => {
            tracing::info!(pod = body.pod.name, "still in use; its grace period goes on");
            Ok(Outcome::Done)
        }
        // Kubelet has tidied it up in the meantime; the next look shows that.
        Err(ControllerError::Agent {
            problem,
            transient: false,
            ..
        }) => {
            tracing::info!(
                reason = problem.reason,
                detail = problem.message,
                "nothing left to kill"
            );
            Ok(Outcome::Done)
        }
        Err(error) => Err(error),
    }
}

/// On the route on which the source goes first, there is nobody else to whom requests could go.
fn quiet_millis(plan: &Plan) -> u64 {
    match Route::of(plan) {
        Route::Twice | Route::Once | Route::Adopted => {
            u64::try_from(limits::QUIET.as_millis()).unwrap_or_default()
        }
        Route::InPlace => 0,
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

/// What may have stayed in the registry. A Secret that is gone or forbidden by now must not keep a move from its end.
async fn kept_images(ctx: &Context, subject: Subject<'_>) -> Result<Vec<String>, ControllerError> {
    match discard_images(ctx, subject).await {
        Err(error) if !error.is_transient() => Ok(vec![format!(
            "the checkpoint image could not be deleted and may still be in the registry; it holds the memory of the \
             process, delete it there: {error}"
        )]),
        other => other,
    }
}

/// Removes the keys of all attempts from both nodes, and that of the second handoff, which was announced early.
pub(super) async fn forget(ctx: &Context, subject: Subject<'_>) -> Result<(), ControllerError> {
    let Subject { plan, migration, .. } = subject;
    if plan.transfer == TransferMode::Registry {
        for note in kept_images(ctx, subject).await? {
            report::announce(ctx, migration, false, "ImageKept", &note).await;
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
        ctx.agents.forget(&plan.target_node, key).await?;
    }
    Ok(())
}
