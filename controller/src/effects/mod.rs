//! Performs what the machine decided, one file for each outside system. Every effect is idempotent: done twice it is
//! done once, found done it is adopted.

mod image;
mod link;
mod node;
mod pods;
mod port;
mod rule;
mod stream;

use kube::ResourceExt;
use shadow_core::api::{Leg, Plan, StatefulMigration, TransferMode};
use shadow_core::machine::{Action, Outcome};
use shadow_core::wire::FreezeOrder;

use crate::context::Context;
use crate::error::ControllerError;

/// A migration with its plan and present handoff.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    /// The object.
    pub migration: &'a StatefulMigration,
    /// Its plan.
    pub plan: &'a Plan,
    /// Its present handoff.
    pub leg: &'a Leg,
}

impl Subject<'_> {
    fn uid(&self) -> String {
        self.migration.uid().unwrap_or_default()
    }
}

/// Performs one action.
///
/// # Errors
/// [`ControllerError::NotLeading`] by a process that was stopped for so long that another one may have acted since it
/// decided; else what the outside system says.
pub async fn perform(
    ctx: &Context,
    subject: Subject<'_>,
    action: Action,
) -> Result<Outcome, ControllerError> {
    ctx.leadership.check()?;
    let done = |()| Outcome::Done;
    match action {
        Action::Announce { key, pod } => node::announce(ctx, subject, &key, &pod).await.map(done),
        Action::InstallRule => rule::install(ctx, subject).await.map(done),
        Action::ProveRule => rule::prove(ctx, subject).await,
        Action::RemoveRule => rule::remove(ctx, subject).await.map(done),
        Action::CreateTarget => pods::create_target(ctx, subject).await.map(done),
        Action::Adopt { from, to } => pods::adopt(ctx, &from, &to).await.map(done),
        Action::DeletePod(proof) => pods::delete(ctx, &proof).await.map(done),
        Action::Kill { pod, quiet } => node::kill(ctx, subject, &pod, quiet).await,
        Action::DropPod(dead) => pods::drop_dead(ctx, &dead).await.map(done),
        Action::Park { pod } => stream::park(ctx, subject, &pod).await,
        Action::Unpark { pod } => stream::unpark(ctx, subject, &pod).await,
        Action::AttachLink { pod } => link::attach(ctx, subject, &pod).await,
        Action::DetachLink => link::detach(ctx, subject).await,
        Action::Port { change, served } => port::make(ctx, subject, change, served).await,
        Action::Tell { pod, reading, served } => port::tell(ctx, subject, &pod, reading, served).await,
        Action::Doubt(doubt) => Ok(Outcome::Doubted(doubt)),
        Action::WithdrawControl { pod } => stream::withdraw(ctx, subject, &pod).await.map(done),
        Action::DropHold(proof) => stream::drop_hold(ctx, subject, &proof).await.map(done),
        Action::DropControl { pod } => stream::drop_control(ctx, subject, &pod).await.map(done),
        Action::RefuseControl(orphaned) => stream::refuse_control(ctx, subject, &orphaned).await.map(done),
        Action::Checkpoint { pod } => node::checkpoint(ctx, subject, pod).await,
        Action::Promise => node::freeze(ctx, subject, FreezeOrder::Promise).await,
        Action::Thaw => node::freeze(ctx, subject, FreezeOrder::Thaw).await,
        Action::Fetch { checkpoint } => node::fetch(ctx, subject, &checkpoint).await,
        Action::WithdrawImage => image::withdraw(ctx, subject).await,
        Action::RetryRestore { key, pod } => node::announce(ctx, subject, &key, &pod)
            .await
            .map(|()| Outcome::RestoreRetried),
        Action::AbortKey { reason } => node::abort(ctx, subject, reason).await.map(done),
        Action::ForgetKeys => node::forget(ctx, subject).await.map(done),
    }
}

/// Images of a move that ends which are still in the registry, for people. Deletes those that its agents did not delete, since
/// the target's was gone when the keys were forgotten.
pub async fn images_kept(
    ctx: &Context,
    migration: &StatefulMigration,
    plan: &Plan,
) -> Result<Vec<String>, ControllerError> {
    let leg = migration.status.as_ref().and_then(|status| status.legs.last());
    match (plan.transfer, leg) {
        (TransferMode::Registry, Some(leg)) => image::kept(ctx, Subject { migration, plan, leg }).await,
        (TransferMode::Registry, None) | (TransferMode::Direct, _) => Ok(Vec::new()),
    }
}
