//! Writes the migration object: the only writer of its status. Every write carries the resourceVersion that the
//! decision was based on, so that two controllers can never both act on the same state.

use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, ResourceExt};
use serde_json::json;
use shadow_core::api::{MigrationStatus, StatefulMigration};
use shadow_core::names;

use crate::context::Context;
use crate::error::ControllerError;

fn api(ctx: &Context, migration: &StatefulMigration) -> Api<StatefulMigration> {
    Api::namespaced(ctx.client.clone(), &migration.namespace().unwrap_or_default())
}

/// Reads it live.
pub async fn read(
    ctx: &Context,
    namespace: &str,
    name: &str,
) -> Result<Option<StatefulMigration>, ControllerError> {
    let api: Api<StatefulMigration> = Api::namespaced(ctx.client.clone(), namespace);
    Ok(api.get_opt(name).await?)
}

/// Writes the status, if nobody changed the object since it was read.
pub async fn write(
    ctx: &Context,
    migration: &StatefulMigration,
    status: MigrationStatus,
) -> Result<StatefulMigration, ControllerError> {
    let mut changed = migration.clone();
    changed.metadata.managed_fields = None;
    changed.status = Some(status);
    Ok(api(ctx, migration)
        .replace_status(&migration.name_any(), &PostParams::default(), &changed)
        .await?)
}

/// Makes sure that the object stays until we are done with it.
pub async fn hold(ctx: &Context, migration: StatefulMigration) -> Result<StatefulMigration, ControllerError> {
    if migration.finalizers().iter().any(|f| f == names::FINALIZER) {
        return Ok(migration);
    }
    let mut finalizers = migration.finalizers().to_vec();
    finalizers.push(names::FINALIZER.to_owned());
    finalize(ctx, &migration, &finalizers).await
}

/// Lets the object go.
pub async fn release(ctx: &Context, migration: &StatefulMigration) -> Result<(), ControllerError> {
    if !migration.finalizers().iter().any(|f| f == names::FINALIZER) {
        return Ok(());
    }
    let finalizers: Vec<String> = migration
        .finalizers()
        .iter()
        .filter(|f| *f != names::FINALIZER)
        .cloned()
        .collect();
    finalize(ctx, migration, &finalizers).await.map(drop)
}

async fn finalize(
    ctx: &Context,
    migration: &StatefulMigration,
    finalizers: &[String],
) -> Result<StatefulMigration, ControllerError> {
    let patch =
        json!({"metadata": {"finalizers": finalizers, "resourceVersion": migration.resource_version()}});
    Ok(api(ctx, migration)
        .patch(
            &migration.name_any(),
            &PatchParams::default(),
            &Patch::Merge(patch),
        )
        .await?)
}
