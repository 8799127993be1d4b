//! Writes what was noted, beside the moves.

use std::time::{Duration, Instant};

use futures::StreamExt;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use k8s_openapi::jiff::Timestamp;
use kube::api::{ObjectMeta, Patch, PatchParams, PostParams};
use kube::{Api, Resource};
use serde_json::{Value, json};
use shadow_core::api::StatefulMigration;
use shadow_core::api::progress::{MigrationProgress, MigrationProgressSpec};
use tokio::time::timeout;

use super::{Progresses, Whose};
use crate::context::Context;

/// How often is looked what has to be written.
const TICK: Duration = Duration::from_millis(200);
/// One write; the next one has newer values.
const WITHIN: Duration = Duration::from_secs(2);
/// Hundreds of writes, each of which takes its whole time.
const SILENT: Duration = Duration::from_mins(10);
/// Writes at the same time.
const AT_ONCE: usize = 4;

/// Writes as long as the process leads. Never returns.
pub async fn write(ctx: &Context) {
    let beat = || ctx.part.pulse.beat("the writer of progress", SILENT);
    with(&ctx.progress, beat, async |whose, spec| {
        put(ctx, &whose, &spec).await
    })
    .await;
}

/// The same by any means.
pub(super) async fn with(
    progresses: &Progresses,
    beat: impl Fn(),
    put: impl AsyncFn(Whose, MigrationProgressSpec) -> Result<(), kube::Error>,
) {
    let mut clock = tokio::time::interval(TICK);
    clock.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        clock.tick().await;
        beat();
        let due = progresses.due(Instant::now(), Timestamp::now());
        futures::stream::iter(due)
            .for_each_concurrent(AT_ONCE, async |(whose, spec)| {
                let migration = whose.name.clone();
                match timeout(WITHIN, put(whose, spec)).await {
                    Ok(Ok(())) => {}
                    // A right or a definition that is missing stays so; all else passes, and the next write has newer values.
                    Ok(Err(error @ kube::Error::Api(_))) => {
                        tracing::warn!(migration, %error, "its progress was not written");
                    }
                    Ok(Err(error)) => tracing::debug!(migration, %error, "its progress was not written"),
                    Err(_) => tracing::debug!(migration, "its progress was not written within {WITHIN:?}"),
                }
            })
            .await;
    }
}

/// Changes the object, or creates it.
async fn put(ctx: &Context, whose: &Whose, spec: &MigrationProgressSpec) -> Result<(), kube::Error> {
    let api: Api<MigrationProgress> = Api::namespaced(ctx.client.clone(), &whose.namespace);
    let change = Patch::Merge(patch(spec).map_err(kube::Error::SerdeError)?);
    match api.patch(&whose.name, &PatchParams::default(), &change).await {
        Err(kube::Error::Api(status)) if status.code == 404 => {}
        other => return other.map(drop),
    }
    let mut object = MigrationProgress::new(&whose.name, spec.clone());
    object.metadata = ObjectMeta {
        owner_references: Some(vec![owner(whose)]),
        ..object.metadata
    };
    api.create(&PostParams::default(), &object).await.map(drop)
}

/// A merge patch changes what is named; what is absent now has to be named, too.
pub(super) fn patch(spec: &MigrationProgressSpec) -> serde_json::Result<Value> {
    let mut value = json!({"step": null, "since": null, "waits": null, "line": null, "frozenSince": null, "archive": null,
        "rates": null, "samples": null});
    merge(&mut value, serde_json::to_value(spec)?);
    if let Some(Value::Object(line)) = value.get_mut("line") {
        line.entry("node").or_insert(Value::Null);
    }
    Ok(json!({"spec": value}))
}

fn merge(into: &mut Value, from: Value) {
    if let (Value::Object(into), Value::Object(from)) = (into, from) {
        into.extend(from);
    }
}

/// The object goes with its migration.
fn owner(whose: &Whose) -> OwnerReference {
    OwnerReference {
        api_version: StatefulMigration::api_version(&()).into_owned(),
        kind: StatefulMigration::kind(&()).into_owned(),
        name: whose.name.clone(),
        uid: whose.uid.clone(),
        ..OwnerReference::default()
    }
}
