//! Undoes a move whose object is gone: its state is in memory alone, and nothing is written.

use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;
use shadow_core::api::StatefulMigration;
use shadow_core::machine::{self, Decision, record};
use tokio::time::timeout;

use super::acting::{Acted, act};
use super::driving::look;
use super::pace::{self, pace};
use super::telling::say_left;
use crate::context::Context;
use crate::error::ControllerError;
use crate::occupancy;

/// An undo takes some seconds; one that waits for an application or a node that is gone is left.
const WITHIN: Duration = Duration::from_secs(120);

const WAY_OUT: &str =
    "if the pod does not consume its queue, delete it: it starts from its image, and no message is lost";

/// Leads the pod back to its queue and takes away what the move has made, as if the user had deleted the object.
pub async fn lead_back(ctx: &Context, migration: StatefulMigration) {
    let (name, pod) = (migration.name_any(), migration.spec.source_pod.clone());
    tracing::warn!(
        migration = name,
        "its object was removed by another program; its move is undone"
    );
    let uid = migration.uid().unwrap_or_default();
    match timeout(WITHIN, undo(ctx, migration)).await {
        Ok(Ok(())) => tracing::info!(migration = name, "undone without its object"),
        Ok(Err(error)) => tracing::error!(migration = name, pod, %error, "not undone; {WAY_OUT}"),
        Err(_) => tracing::error!(migration = name, pod, "not undone within {WITHIN:?}; {WAY_OUT}"),
    }
    ctx.under_way.forget(&uid);
}

async fn undo(ctx: &Context, mut migration: StatefulMigration) -> Result<(), ControllerError> {
    migration.spec.cancel = true;
    migration.metadata.deletion_timestamp = Some(Time(Timestamp::now()));
    let uid = migration.uid().unwrap_or_default();
    loop {
        let mut status = migration.status.clone().unwrap_or_default();
        let seen = look(ctx, &migration, &status).await;
        let now = Timestamp::now();
        match machine::next_step(&migration.spec, &status, &seen, now) {
            Decision::Wait { .. } => {
                tokio::time::sleep(pace(&status, &seen, now)).await;
                continue;
            }
            Decision::Run(action) => match act(ctx, &migration, action).await {
                Ok(Acted::Done(outcome)) => {
                    record::absorb(&mut status, outcome, now);
                }
                Ok(Acted::CalledOff | Acted::Spent) => {}
                Err(error) => {
                    tracing::warn!(migration = migration.name_any(), %error, "effect failed, will be tried again");
                    tokio::time::sleep(pace::after_error(&status, now)).await;
                }
            },
            Decision::Advance(next) => {
                record::advance(&mut status, &next, &uid, now).map_err(super::malformed)?
            }
            Decision::RollBack(cause) => record::roll_back(&mut status, &cause, now),
            Decision::Finish(_) => {
                say_left(&migration);
                ctx.worlds.forget(&uid);
                return occupancy::vacate(ctx, &migration).await;
            }
            Decision::Stuck(cause) => return Err(ControllerError::Blind(cause.message)),
        }
        migration.status = Some(status);
    }
}
