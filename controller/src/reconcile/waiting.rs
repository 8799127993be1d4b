//! Migrations that have not begun and wait for it. One that goes on waiting is neither read nor written: many in line cost those under
//! way nothing.

use std::time::Duration;

use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;
use kube::runtime::controller::Action as Requeue;
use shadow_core::api::{MigrationStatus, StatefulMigration};
use shadow_core::aside::Standing;
use shadow_core::machine;
use shadow_core::names;
use shadow_core::pause::{self, Paused};
use shadow_core::waiting::{InLine, Obstacle, Waiting};

use super::telling::{in_line, is_said};
use crate::context::Context;
use crate::error::ControllerError;

/// Another move has to end first, which takes seconds.
pub(super) const QUEUED_LOOK: Duration = Duration::from_millis(500);
/// Nodes and budgets change slowly, and what waits for them is prepared at each look.
const HELD_UP_LOOK: Duration = Duration::from_secs(2);
/// The same of one whose broker has not answered for long.
const UNANSWERED_LOOK: Duration = Duration::from_secs(30);

/// What keeps it from beginning, as far as the objects show that are held already.
pub(super) async fn kept_back(
    ctx: &Context,
    migration: &StatefulMigration,
) -> Result<Option<InLine>, ControllerError> {
    if let Some(paused) = ctx.pauses.seen(&ctx.client).await? {
        return Ok(Some(during(ctx, migration, &paused)));
    }
    let standing = ctx.policies.standing(&ctx.client, migration).await?;
    Ok(ctx.line.wait(ctx.limits, &standing, migration))
}

/// When one that waits is looked at again, if nothing of it has changed; `None`: it has to be read.
///
/// `held` may be a moment old: then a change of it is on its way, and with it the next visit.
pub(super) async fn still_waits(
    ctx: &Context,
    held: &StatefulMigration,
) -> Result<Option<Requeue>, ControllerError> {
    let Some((status, waiting)) = waits(held) else {
        return Ok(None);
    };
    if ctx.notes.standing(held) != Standing::Free {
        return Ok(None);
    }
    let Some(place) = kept_back(ctx, held).await? else {
        return Ok(None);
    };
    let now = Timestamp::now();
    let reason = place.to_string();
    let is_as_written =
        place.waiting(Some(waiting), now) == *waiting && ctx.policies.priority(held) == waiting.priority;
    if !is_as_written || !is_said(status, &reason) {
        return Ok(None);
    }
    ctx.progress.waits(held, status, &reason, now);
    Ok(Some(Requeue::requeue(QUEUED_LOOK)))
}

/// The wait that is written in a migration of which nothing else is wanted.
fn waits(held: &StatefulMigration) -> Option<(&MigrationStatus, &Waiting)> {
    let status = held.status.as_ref()?;
    let is_ours = held.finalizers().iter().any(|name| name == names::FINALIZER);
    let is_wanted = !held.spec.cancel && held.metadata.deletion_timestamp.is_none();
    let has_begun =
        status.plan.is_some() || status.phase.is_terminal() || machine::unreadable(status).is_some();
    let only_waits = is_ours && is_wanted && !has_begun && !held.spec.plan_only;
    Some((status, status.waiting.as_ref().filter(|_| only_waits)?))
}

/// Its place in line while moves are paused.
pub(super) fn during(ctx: &Context, migration: &StatefulMigration, paused: &Paused) -> InLine {
    let words = pause::wait(paused);
    ctx.line.behind(migration, Obstacle::Pause { words })
}

/// The longer it was not answered, the later it is asked again; each question may take seconds.
pub(super) fn asked_again(migration: &StatefulMigration) -> Duration {
    let status = migration.status.as_ref();
    let since = status.and_then(|status| Some(status.waiting.as_ref()?.since.0));
    let waited = since.map(|since| Timestamp::now().duration_since(since).unsigned_abs());
    (waited.unwrap_or_default() / 4).clamp(QUEUED_LOOK, UNANSWERED_LOOK)
}

/// It waits for something that no turn brings.
pub(super) async fn held_up(
    ctx: &Context,
    migration: &StatefulMigration,
    obstacle: Obstacle,
) -> Result<Requeue, ControllerError> {
    let place = ctx.line.behind(migration, obstacle);
    in_line(ctx, migration, &place).await?;
    Ok(Requeue::requeue(HELD_UP_LOOK))
}

/// Nothing is touched yet; it says what it waits for and asks again.
pub(super) async fn queue_up(
    ctx: &Context,
    migration: &StatefulMigration,
    place: &InLine,
) -> Result<Requeue, ControllerError> {
    in_line(ctx, migration, place).await?;
    Ok(Requeue::requeue(QUEUED_LOOK))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// What is said of a change, and the change.
    type Case = (&'static str, fn(&mut Value));

    fn held(change: impl Fn(&mut Value)) -> StatefulMigration {
        let mut object = json!({
            "apiVersion": "migration.ms2m.io/v1alpha1", "kind": "StatefulMigration",
            "metadata": {"name": "m", "namespace": "shop", "uid": "u", "finalizers": [names::FINALIZER]},
            "spec": {"sourcePod": "orders-0", "targetNode": "node-b"},
            "status": {
                "phase": "Pending",
                "waiting": {"for": "MovesPerNode", "node": "node-b", "underWay": 1, "before": 3, "since": "2026-11-30T14:00:00.000000Z"},
            },
        });
        change(&mut object);
        serde_json::from_value(object).unwrap()
    }

    #[test]
    fn one_that_only_waits_is_not_read_again() {
        assert_eq!(waits(&held(|_| {})).unwrap().1.before, 3);
    }

    #[test]
    fn one_of_which_something_else_is_wanted_is_read() {
        let cases: [Case; 7] = [
            ("cancelled", |object| object["spec"]["cancel"] = json!(true)),
            ("deleted", |object| {
                object["metadata"]["deletionTimestamp"] = json!("2026-11-30T14:00:00Z");
            }),
            ("not ours yet", |object| {
                object["metadata"]["finalizers"] = json!([])
            }),
            ("a plan alone", |object| object["spec"]["planOnly"] = json!(true)),
            ("ended", |object| object["status"]["phase"] = json!("Failed")),
            ("says nothing yet", |object| {
                object["status"].as_object_mut().unwrap().remove("waiting");
            }),
            ("not visited yet", |object| {
                object.as_object_mut().unwrap().remove("status");
            }),
        ];
        for (name, change) in cases {
            assert!(waits(&held(change)).is_none(), "{name}");
        }
    }
}
