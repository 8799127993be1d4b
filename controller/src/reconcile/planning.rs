//! A migration that is not to move anything (`spec.planOnly`): the plan is made as for a move, and that is the end.
//!
//! Guarantee: it takes no turn of a move and no Lease, and is prepared in a place of its own; its object is deleted some minutes
//! after its end (`crate::keeping`).

use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;
use kube::runtime::controller::Action as Requeue;
use shadow_core::api::{MigrationStatus, StatefulMigration};
use shadow_core::machine::record;
use shadow_core::waiting::Obstacle;

use super::{queue_up, refuse, rehearsing};
use crate::context::Context;
use crate::error::ControllerError;
use crate::prepare::{self, Draft, Prepared};
use crate::{report, store};

/// Makes the plan and writes it down, or the refusal.
pub(super) async fn plan(
    ctx: &Context,
    migration: &StatefulMigration,
    mut status: MigrationStatus,
) -> Result<Requeue, ControllerError> {
    let Some(place) = ctx.line.plan_place() else {
        let place = ctx.line.behind(migration, Obstacle::Plans);
        return queue_up(ctx, migration, &place).await;
    };
    let prepared = prepare::prepare(ctx, migration).await?;
    match prepared {
        Prepared::Planned(mut draft) if migration.spec.rehearse => {
            // It keeps its place: few processes stand still for plans at the same time.
            let written = rehearsing::rehearse(ctx, migration, status, &mut draft).await?;
            drop(place);
            let status = written.status.clone().unwrap_or_default();
            planned(ctx, &written, status, *draft).await
        }
        Prepared::Planned(draft) => planned(ctx, migration, status, *draft).await,
        Prepared::Refused(refusal) => {
            // Of a dump that an earlier process of the controller ordered; its node throws it away.
            status.outlook = None;
            let reason = refusal.cause.reason.to_string();
            let (why, now) = (&refusal.cause.message, Timestamp::now());
            report::set_condition(&mut status, report::PLANNED, Some(false), &reason, why, now);
            refuse(ctx, migration, status, refusal).await
        }
    }
}

async fn planned(
    ctx: &Context,
    migration: &StatefulMigration,
    mut status: MigrationStatus,
    draft: Draft,
) -> Result<Requeue, ControllerError> {
    let Draft { plan, outlook, .. } = draft;
    let Some(outlook) = outlook else {
        return Err(ControllerError::Blind(
            "the plan was made without an outlook".to_owned(),
        ));
    };
    let now = Timestamp::now();
    record::planned(&mut status, plan, outlook, now);
    report::conclude(&mut status, now);
    let written = store::write(ctx, migration, status).await?;
    ctx.progress.ended(migration);
    tracing::info!(migration = migration.name_any(), "planned");
    store::release(ctx, &written).await?;
    Ok(Requeue::await_change())
}
