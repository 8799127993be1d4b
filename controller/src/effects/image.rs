//! Checkpoint images: archives on their way through a registry, and what a container runtime restores from.

use std::time::Instant;

use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::json;
use shadow_core::api::Leg;
use shadow_core::image_pod::{self, Awaited};
use shadow_core::machine::Outcome;
use shadow_core::names;
use shadow_core::repository::Repository;
use shadow_core::wire::{
    Checkpointed, DiscardRequest, Discarded, PullRequest, PushRequest, Pushed, RegistryAccess, Transferred,
};

use super::Subject;
use super::pods::patched;
use crate::context::Context;
use crate::error::ControllerError;

/// Brings the archive to the target through the registry of the spec: the source's agent pushes it, the target's pulls
/// it by digest. Done again, both tell what they did.
pub(super) async fn fetch(
    ctx: &Context,
    subject: Subject<'_>,
    checkpoint: &Checkpointed,
) -> Result<Outcome, ControllerError> {
    let leg = subject.leg;
    let begun = Instant::now();
    let (repository, access) = registry(ctx, subject).await?;
    let pushed = push(ctx, leg, &repository, &access).await?;
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

async fn push(
    ctx: &Context,
    leg: &Leg,
    repository: &Repository,
    access: &RegistryAccess,
) -> Result<Pushed, ControllerError> {
    let push = PushRequest {
        repository: repository.clone(),
        access: access.clone(),
    };
    let pushed = ctx.agents.push(&leg.from.node, &leg.key, &push).await?;
    tracing::info!(key = %leg.key, reference = pushed.reference, bytes = pushed.bytes, "archive is in the registry");
    Ok(pushed)
}

/// Brings the archive to the registry, from which the target's container runtime restores, and names it to the pod that
/// waits for it. The digest makes sure that it is this archive and no other.
pub(super) async fn offer(ctx: &Context, subject: Subject<'_>) -> Result<Outcome, ControllerError> {
    let Subject { plan, leg, .. } = subject;
    let begun = Instant::now();
    let (repository, access) = registry(ctx, subject).await?;
    let pushed = push(ctx, leg, &repository, &access).await?;
    let image = format!("{repository}@{}", pushed.image);
    let named = json!({
        "metadata": {"uid": leg.to.uid},
        "spec": {"containers": [{"name": plan.container, "image": image}]},
    });
    let api: Api<Pod> = Api::namespaced(ctx.client.clone(), &plan.source.namespace);
    let params = PatchParams::default();
    patched(api.patch(&leg.to.pod, &params, &Patch::Strategic(&named)).await)?;
    Ok(Outcome::Transferred(Transferred {
        wire_bytes: pushed.bytes,
        total_micros: u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX),
    }))
}

/// Deletes the image of this handoff, from which its copy has been restored.
pub(super) async fn withdraw(ctx: &Context, subject: Subject<'_>) -> Result<Outcome, ControllerError> {
    let (body, leg) = (discard_request(ctx, subject).await?, subject.leg);
    Ok(match ctx.agents.discard(&leg.from.node, &leg.key, &body).await? {
        Discarded::Deleted | Discarded::Absent => Outcome::ImageWithdrawn,
        Discarded::Kept { why } => Outcome::ImageKept(why),
    })
}

/// Lets `target` wait for its checkpoint image, which [`offer`] is going to name.
pub(super) fn await_image(target: &mut Pod, subject: Subject<'_>) -> Result<(), ControllerError> {
    let awaited = names::awaited_image(&crate::registry::repository(subject.migration)?, &subject.leg.key);
    let secret = subject.migration.spec.checkpoint_image_secret_ref.as_deref();
    let awaited = Awaited {
        container: &subject.plan.container,
        image: &awaited,
        secret,
        origin: subject.plan.origin.as_ref(),
    };
    image_pod::await_image(target, &awaited);
    Ok(())
}

/// What may have stayed in the registry. A Secret that is gone or forbidden by now must not keep a move from its end.
pub(super) async fn kept(ctx: &Context, subject: Subject<'_>) -> Result<Vec<String>, ControllerError> {
    match discard_images(ctx, subject).await {
        Err(error) if !error.is_transient() => Ok(vec![format!(
            "the checkpoint image could not be deleted and may still be in the registry. It contains the memory of the \
             process. Delete it there: {error}"
        )]),
        other => other,
    }
}

/// Deletes the images of all attempts from the registry, unless the spec asks to keep them. What stays there is said in
/// the notes, for the migration's verdict or events; it is no error, since nothing of the move depends on it.
///
/// The agent that pushed an image does it, since it finishes a push that is under way first; the target's does it if
/// that node is gone.
async fn discard_images(ctx: &Context, subject: Subject<'_>) -> Result<Vec<String>, ControllerError> {
    let migration = subject.migration;
    if migration.spec.keep_checkpoint_image == Some(true) {
        return Ok(Vec::new());
    }
    let body = discard_request(ctx, subject).await?;
    let mut notes = Vec::new();
    for leg in migration.status.iter().flat_map(|status| &status.legs) {
        let discarded = match ctx.agents.discard(&leg.from.node, &leg.key, &body).await {
            Err(ControllerError::AgentUnreachable { .. }) => {
                ctx.agents.discard(&leg.to.node, &leg.key, &body).await
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

async fn discard_request(ctx: &Context, subject: Subject<'_>) -> Result<DiscardRequest, ControllerError> {
    let (repository, access) = registry(ctx, subject).await?;
    Ok(DiscardRequest {
        namespace: subject.plan.source.namespace.clone(),
        repository,
        access,
    })
}

/// Where checkpoint images of this migration go, and how.
async fn registry(
    ctx: &Context,
    subject: Subject<'_>,
) -> Result<(Repository, RegistryAccess), ControllerError> {
    crate::registry::of(&ctx.client, subject.migration, &subject.plan.source.namespace).await
}
