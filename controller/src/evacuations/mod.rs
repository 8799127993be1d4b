//! Evictions become moves: looks at each Evacuation, decides ([`shadow_core::eviction::next`]), and acts. One at a time, so that two
//! moves never take the same place of a disruption budget.
//!
//! Guarantee: each write names the version that was looked at. A controller that dies in between finds the migration by its name, which
//! follows from the Evacuation's UID.

mod acts;
mod budgets;
mod look;

pub use budgets::against_begin;

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use kube::runtime::controller::{Action as Requeue, Config, Controller};
use kube::runtime::watcher;
use kube::{Api, ResourceExt};
use shadow_core::api::{Evacuation, StatefulMigration};
use shadow_core::eviction::migration_of;
use shadow_core::eviction::next::{Next, next};
use shadow_core::names;

use crate::context::Context;
use crate::error::ControllerError;

/// Nodes come slowly, and a look at all of them costs.
const NODE_LOOK: Duration = Duration::from_secs(2);
/// How often one that has not ended is looked at.
const LOOK: Duration = Duration::from_millis(500);
/// After an error.
const AGAIN: Duration = Duration::from_secs(2);

/// Works as long as the process leads. Never returns.
pub async fn answer(ctx: &Arc<Context>) {
    let api: Api<Evacuation> = Api::all(ctx.watching.clone());
    Controller::new(api, watcher::Config::default())
        .with_config(Config::default().concurrency(1))
        .run(reconcile, on_error, Arc::clone(ctx))
        .for_each(|result| async move {
            if let Err(error) = result {
                tracing::debug!(%error, "an evacuation was not looked at");
            }
        })
        .await;
    tracing::error!("evictions are not answered by moves any more");
    std::future::pending::<()>().await
}

/// Whether an eviction caused this migration and still waits for it: then it goes on waiting for a node that can take its pod. The
/// Evacuation says for how long.
pub async fn waits_for_node(ctx: &Context, migration: &StatefulMigration) -> Result<bool, ControllerError> {
    let Some(name) = migration.annotations().get(names::EVACUATION) else {
        return Ok(false);
    };
    let namespace = migration.namespace().unwrap_or_default();
    let api: Api<Evacuation> = Api::namespaced(ctx.client.clone(), &namespace);
    let found = api.get_opt(name).await?;
    let is_its = |found: &Evacuation| migration_of(found) == Some(migration.name_any());
    let goes_on = |found: &Evacuation| found.status.as_ref().is_none_or(|status| status.ended.is_none());
    Ok(found.is_some_and(|found| is_its(&found) && goes_on(&found)))
}

async fn reconcile(cached: Arc<Evacuation>, ctx: Arc<Context>) -> Result<Requeue, ControllerError> {
    let (namespace, name) = (cached.namespace().unwrap_or_default(), cached.name_any());
    let api: Api<Evacuation> = Api::namespaced(ctx.client.clone(), &namespace);
    let Some(live) = api.get_opt(&name).await? else {
        return Ok(Requeue::await_change());
    };
    if live.metadata.deletion_timestamp.is_some() {
        return Ok(Requeue::await_change());
    }
    let sight = look::at(&ctx, &live).await?;
    let decided = next(sight.seen(&live));
    ctx.leadership.check()?;
    if !matches!(decided, Next::Follow { .. } | Next::Keep(_)) {
        tracing::debug!(namespace, pod = live.spec.pod, ?decided, "evacuation");
    }
    acts::act(&ctx, &api, &live, decided).await
}

fn on_error(evacuation: Arc<Evacuation>, error: &ControllerError, _: Arc<Context>) -> Requeue {
    if error.is_conflict() {
        return Requeue::requeue(Duration::from_millis(50));
    }
    let pod = &evacuation.spec.pod;
    tracing::warn!(pod, %error, "an eviction waits for its move");
    Requeue::requeue(AGAIN)
}
