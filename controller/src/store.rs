//! Writes the migration object: the only writer of its status. Every write carries the resourceVersion that the
//! decision was based on, so that two controllers can never both act on the same state.
//!
//! What is derived from the status for scripts of the reference system is filled in here, and each write says of which spec it
//! speaks: `kubectl wait` believes no condition that is older than the spec.
//!
//! Guarantee: a status is never too large to be written, however long what was seen is: a broker's consumer tags, CRIU's paths.

use std::fmt::Debug;

use kube::api::{DeleteParams, Patch, PatchParams, PostParams, Preconditions};
use kube::{Api, Resource, ResourceExt};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use shadow_core::api::{MigrationStatus, StatefulMigration};
use shadow_core::{names, reference};

use crate::context::Context;
use crate::error::ControllerError;

/// Bytes of one text of a status. Longer ones were made by others and are for people.
const LONGEST: usize = 4_096;

/// Where the migrations of its namespace are.
pub fn api(ctx: &Context, migration: &StatefulMigration) -> Api<StatefulMigration> {
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
    changed.status = Some(bounded(&complete(migration, status))?);
    let written = api(ctx, migration)
        .replace_status(&migration.name_any(), &PostParams::default(), &changed)
        .await?;
    ctx.under_way.note(&written);
    let counts = ctx.meter.wrote(&written);
    ctx.part.metrics.count(&counts, written.spec.plan_only);
    Ok(written)
}

/// The status with what follows from it and from the object that it was decided on.
fn complete(migration: &StatefulMigration, mut status: MigrationStatus) -> MigrationStatus {
    let generation = migration.metadata.generation;
    status.observed_generation = generation;
    for condition in &mut status.conditions {
        condition.observed_generation = generation;
    }
    reference::fill(&migration.spec, &mut status);
    status
}

/// The status with each text cut to what can be written.
fn bounded(status: &MigrationStatus) -> Result<MigrationStatus, ControllerError> {
    let malformed = |error: serde_json::Error| ControllerError::Malformed(error.to_string());
    let mut value = serde_json::to_value(status).map_err(malformed)?;
    cut(&mut value);
    serde_json::from_value(value).map_err(malformed)
}

fn cut(value: &mut Value) {
    match value {
        Value::String(text) if text.len() > LONGEST => {
            text.truncate(text.floor_char_boundary(LONGEST - "…".len()));
            text.push('…');
        }
        Value::Array(values) => values.iter_mut().for_each(cut),
        Value::Object(fields) => fields.values_mut().for_each(cut),
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
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

/// Deletes the object as it was read, and no later one of its name; whether it did. One that was changed since is left for the next
/// look.
pub async fn delete<K>(api: &Api<K>, seen: &impl ResourceExt) -> Result<bool, kube::Error>
where
    K: Resource + Clone + DeserializeOwned + Debug,
{
    let params = DeleteParams {
        preconditions: Some(Preconditions {
            uid: seen.uid(),
            resource_version: seen.resource_version(),
        }),
        ..DeleteParams::default()
    };
    match api.delete(&seen.name_any(), &params).await {
        Ok(_) => Ok(true),
        Err(kube::Error::Api(status)) if status.code == 404 || status.code == 409 => Ok(false),
        Err(error) => Err(error),
    }
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

#[cfg(test)]
mod tests {
    use k8s_openapi::jiff::Timestamp;
    use shadow_core::api::StatefulMigrationSpec;

    use super::*;
    use crate::report;

    #[test]
    fn every_condition_speaks_of_the_spec_as_it_is_now() {
        let spec = StatefulMigrationSpec {
            target_node: Some("node-b".to_owned()),
            ..StatefulMigrationSpec::default()
        };
        let mut migration = StatefulMigration::new("move", spec);
        migration.metadata.generation = Some(1);
        let mut status = MigrationStatus::default();
        report::set_condition(
            &mut status,
            "Progressing",
            Some(true),
            "Planned",
            "",
            Timestamp::UNIX_EPOCH,
        );
        let status = complete(&migration, status);
        // The user has asked to cancel since.
        migration.metadata.generation = Some(2);
        let status = complete(&migration, status);
        assert_eq!(
            (
                status.observed_generation,
                status.conditions[0].observed_generation
            ),
            (Some(2), Some(2))
        );
        assert_eq!(status.target_node.as_deref(), Some("node-b"));
    }

    #[test]
    fn a_text_is_cut_to_what_can_be_written_and_a_short_one_is_kept() {
        let mut status = MigrationStatus::default();
        for (kind, message) in [("Long", "ü".repeat(350_000)), ("Short", "ü".to_owned())] {
            report::set_condition(
                &mut status,
                kind,
                None,
                "Waiting",
                &message,
                Timestamp::UNIX_EPOCH,
            );
        }
        let written = bounded(&status).unwrap().conditions;
        assert!(written[0].message.len() <= LONGEST && written[0].message.ends_with("ü…"));
        assert_eq!(written[1], status.conditions[1]);
    }
}
