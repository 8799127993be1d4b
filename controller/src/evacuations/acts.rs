//! What is done about an Evacuation.

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use k8s_openapi::jiff::Timestamp;
use kube::api::{Patch, PatchParams, PostParams};
use kube::runtime::controller::Action as Requeue;
use kube::{Api, ResourceExt};
use serde_json::json;
use shadow_core::api::{
    Evacuation, EvacuationState, EvacuationStatus, EvacuationWait, EvacuationWaitsFor, StatefulMigration,
    StatefulMigrationSpec, evacuation,
};
use shadow_core::eviction::next::{KEPT, Next};
use shadow_core::eviction::{migration_of, words};
use shadow_core::names;

use super::{LOOK, NODE_LOOK};
use crate::context::Context;
use crate::error::ControllerError;
use crate::{pause, report, store};

/// Acts, and says when to look again.
pub(super) async fn act(
    ctx: &Context,
    api: &Api<Evacuation>,
    seen: &Evacuation,
    decided: Next,
) -> Result<Requeue, ControllerError> {
    match decided {
        Next::Keep(left) => Ok(Requeue::requeue(left)),
        Next::Forget => {
            store::delete(api, seen).await?;
            Ok(Requeue::await_change())
        }
        Next::CallOff(why) => {
            if why.is_some() {
                // Before it is cancelled: the end is told in these words.
                write(api, seen, moving(seen, why.as_deref())).await?;
            }
            call_off(ctx, seen).await?;
            Ok(Requeue::requeue(LOOK))
        }
        Next::Wait(wait, why) => {
            let again = pace(&wait);
            written(api, seen, waiting(&why, Some(wait)), again).await
        }
        Next::Follow {
            waiting: wait,
            called_off,
        } => {
            let status = EvacuationStatus {
                waiting: wait,
                ..moving(seen, called_off.as_deref())
            };
            written(api, seen, status, LOOK).await
        }
        Next::Begin => match begun(ctx, seen).await? {
            Begun::Moves => written(api, seen, moving(seen, None), LOOK).await,
            // It waits, as it does from the next look on.
            Begun::Paused(why) => written(api, seen, waiting(&why, None), LOOK).await,
            Begun::Refused(why) => let_go(ctx, api, seen, None, why).await,
        },
        Next::LetGo(why) => {
            let tried = seen.status.as_ref().and_then(|status| status.migration.clone());
            let_go(ctx, api, seen, tried, why).await
        }
        Next::Arrived(at) => {
            let status = EvacuationStatus {
                state: EvacuationState::Moved,
                ended: Some(MicroTime(at)),
                ..moving(seen, None)
            };
            written(api, seen, status, KEPT).await
        }
    }
}

/// Its migration is there; why it was called off, if it was.
fn moving(seen: &Evacuation, called_off: Option<&str>) -> EvacuationStatus {
    EvacuationStatus {
        state: EvacuationState::Moving,
        migration: migration_of(seen),
        reason: called_off.map(cut),
        ..EvacuationStatus::default()
    }
}

fn waiting(why: &str, wait: Option<EvacuationWait>) -> EvacuationStatus {
    EvacuationStatus {
        state: EvacuationState::Waiting,
        reason: Some(cut(why)),
        waiting: wait,
        ..EvacuationStatus::default()
    }
}

fn pace(wait: &EvacuationWait) -> Duration {
    match wait.r#for {
        EvacuationWaitsFor::Node => NODE_LOOK,
        EvacuationWaitsFor::Budget
        | EvacuationWaitsFor::Pause
        | EvacuationWaitsFor::AnotherMove
        | EvacuationWaitsFor::Turn => LOOK,
    }
}

/// Writes the status, and looks again after this time.
async fn written(
    api: &Api<Evacuation>,
    seen: &Evacuation,
    status: EvacuationStatus,
    again: Duration,
) -> Result<Requeue, ControllerError> {
    write(api, seen, status).await?;
    Ok(Requeue::requeue(again))
}

async fn let_go(
    ctx: &Context,
    api: &Api<Evacuation>,
    seen: &Evacuation,
    migration: Option<String>,
    why: String,
) -> Result<Requeue, ControllerError> {
    let why = cut(&why);
    let (reason, note) = words::not_moved(&why);
    let moved = match &migration {
        Some(name) => store::read(ctx, &seen.namespace().unwrap_or_default(), name).await?,
        None => None,
    };
    let status = EvacuationStatus {
        state: EvacuationState::LetGo,
        migration,
        reason: Some(why),
        waiting: None,
        ended: Some(MicroTime(Timestamp::now())),
    };
    write(api, seen, status).await?;
    ctx.events.tell(the_pod(seen), false, reason, &note);
    // The pod is about to go, and what is said of it goes out of sight with it.
    if let Some(migration) = moved {
        report::announce(ctx, &migration, false, reason, &note);
    }
    Ok(Requeue::requeue(KEPT))
}

/// To what is recorded of a reason.
fn cut(why: &str) -> String {
    why.chars().take(evacuation::REASON).collect()
}

/// The pod that was evicted, and no later one of its name.
fn the_pod(seen: &Evacuation) -> ObjectReference {
    ObjectReference {
        api_version: Some("v1".to_owned()),
        kind: Some("Pod".to_owned()),
        namespace: seen.namespace(),
        name: Some(seen.spec.pod.clone()),
        uid: Some(seen.spec.uid.clone()),
        ..ObjectReference::default()
    }
}

/// Writes the status where it changes, if the object was not changed since.
async fn write(
    api: &Api<Evacuation>,
    seen: &Evacuation,
    status: EvacuationStatus,
) -> Result<(), ControllerError> {
    if seen.status.as_ref() == Some(&status) {
        return Ok(());
    }
    tracing::info!(pod = seen.spec.pod, state = %status.state, reason = status.reason, "evacuation");
    let mut changed = seen.clone();
    changed.metadata.managed_fields = None;
    changed.status = Some(status);
    api.replace_status(&seen.name_any(), &PostParams::default(), &changed)
        .await?;
    Ok(())
}

/// What came of the order to move the pod.
enum Begun {
    /// Its migration is there.
    Moves,
    /// Moves are paused since the look at the Evacuation.
    Paused(String),
    /// For good.
    Refused(String),
}

/// Orders the move. What is refused while moves are paused waits for the end of the pause, and may be refused again then.
async fn begun(ctx: &Context, seen: &Evacuation) -> Result<Begun, ControllerError> {
    let mut refused = String::new();
    // Twice: the pause that refused it may have ended before the look at the pause.
    for _ in 0..2 {
        match begin(ctx, seen).await? {
            Ok(()) => return Ok(Begun::Moves),
            Err(why) => refused = why,
        }
        if let Some(paused) = pause::look(&ctx.client).await? {
            return Ok(Begun::Paused(shadow_core::pause::wait(&paused)));
        }
    }
    Ok(Begun::Refused(refused))
}

/// Creates the migration; what its admission says against it is for a person.
async fn begin(ctx: &Context, seen: &Evacuation) -> Result<Result<(), String>, ControllerError> {
    let name = migration_of(seen).unwrap_or_default();
    let namespace = seen.namespace().unwrap_or_default();
    let api: Api<StatefulMigration> = Api::namespaced(ctx.client.clone(), &namespace);
    match api.create(&PostParams::default(), &wanted(seen, &name)).await {
        Ok(_) => {
            let by = &seen.spec.evicted_by.user;
            tracing::info!(
                namespace,
                pod = seen.spec.pod,
                migration = name,
                by,
                "an eviction becomes a move"
            );
            Ok(Ok(()))
        }
        Err(kube::Error::Api(status)) if status.code == 409 => {
            let found = api.get(&name).await?;
            let ours = found.annotations().get(names::EVACUATION) == Some(&seen.name_any());
            Ok(if ours {
                Ok(())
            } else {
                Err(format!(
                    "StatefulMigration {name} is there already, and no eviction created it. To make room for the move, type: kubectl -n \
                     {namespace} delete statefulmigration {name}"
                ))
            })
        }
        Err(kube::Error::Api(status)) if matches!(status.code, 400 | 403 | 422) => {
            Ok(Err(status.message.clone()))
        }
        Err(error) => Err(error.into()),
    }
}

/// The migration of this Evacuation.
pub(super) fn wanted(seen: &Evacuation, name: &str) -> StatefulMigration {
    let spec = StatefulMigrationSpec {
        source_pod: seen.spec.pod.clone(),
        requested_by: Some(seen.spec.evicted_by.user.clone()),
        ..StatefulMigrationSpec::default()
    };
    let mut wanted = StatefulMigration::new(name, spec);
    wanted.metadata.annotations = Some(BTreeMap::from([
        (names::EVACUATION.to_owned(), seen.name_any()),
        (names::EVICTED_BY.to_owned(), seen.spec.evicted_by.user.clone()),
    ]));
    wanted
}

/// Asks for the migration to be cancelled, as a user would.
async fn call_off(ctx: &Context, seen: &Evacuation) -> Result<(), ControllerError> {
    let name = migration_of(seen).unwrap_or_default();
    let namespace = seen.namespace().unwrap_or_default();
    tracing::info!(namespace, migration = name, "its drain was given up; cancelled");
    let api: Api<StatefulMigration> = Api::namespaced(ctx.client.clone(), &namespace);
    let cancel = Patch::Merge(json!({"spec": {"cancel": true}}));
    api.patch(&name, &PatchParams::default(), &cancel).await?;
    Ok(())
}
