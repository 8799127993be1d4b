//! What belongs to a migration that is there no more. A migration's finalizer keeps it until all of this is gone; who may do
//! anything in the cluster can take the finalizer off, and then no controller would look after these things. A pod that such a move holds
//! is led back, as long as this process knows the move.
//!
//! Guarantee: things are listed before migrations, so that what a new migration makes is never taken for an orphan.

use std::collections::{BTreeSet, HashSet};
use std::time::Duration;

use futures::{StreamExt, stream};
use k8s_openapi::api::admissionregistration::v1::MutatingWebhookConfiguration;
use kube::api::ListParams;
use kube::{Api, Resource, ResourceExt};
use serde::de::DeserializeOwned;
use shadow_core::api::StatefulMigration;
use shadow_core::machine::Route;
use shadow_core::names::{self, Key};

use crate::context::Context;
use crate::error::ControllerError;
use crate::{occupancy, reconcile, store};

const EVERY: Duration = Duration::from_secs(10);
/// Moves that are led back take two minutes each at most, some at a time.
const SILENT: Duration = Duration::from_mins(20);
/// Moves that are led back at the same time.
const AT_ONCE: usize = 4;

/// Looks for orphans as long as the process leads. Never returns.
pub async fn sweep(ctx: &Context) {
    loop {
        ctx.part.pulse.beat("the sweep of orphans", SILENT);
        tokio::time::sleep(EVERY).await;
        if let Err(error) = once(ctx).await {
            tracing::warn!(%error, "not known whether everything still belongs to a migration");
        }
    }
}

async fn once(ctx: &Context) -> Result<(), ControllerError> {
    ctx.notes.learn(&ctx.client).await?;
    let (keys, under_way) = (ctx.holds.keys(), ctx.under_way.uids());
    let rules: Api<MutatingWebhookConfiguration> = Api::all(ctx.client.clone());
    let rules_now = rules.list_metadata(&ListParams::default()).await?.items;
    let leases = occupancy::api(ctx);
    let leases_now = leases.list(&occupancy::ours()).await?.items;
    let migrations: Api<StatefulMigration> = Api::all(ctx.client.clone());
    let migrations = migrations.list_metadata(&ListParams::default()).await?.items;
    let mut living: HashSet<String> = migrations.iter().filter_map(ResourceExt::uid).collect();
    let (lost, left): (Vec<_>, Vec<_>) = ctx
        .under_way
        .lost(&under_way, &living)
        .into_iter()
        .partition(can_be_led);
    for lost in &left {
        give_up(ctx, lost);
    }
    // Those that are led back need what is theirs.
    living.extend(lost.iter().filter_map(ResourceExt::uid));
    for key in keys.iter().filter(|key| !living.contains(key.migration())) {
        let_go(ctx, key).await;
    }
    for rule in &rules_now {
        let name = rule.name_any();
        if names::migration_of_rule(&name).is_some_and(|uid| !living.contains(uid)) {
            delete(&rules, rule).await?;
        }
    }
    for lease in &leases_now {
        if occupancy::holder(lease).is_some_and(|uid| !living.contains(uid)) {
            delete(&leases, lease).await?;
        }
    }
    stream::iter(lost)
        .for_each_concurrent(AT_ONCE, |migration| reconcile::lead_back(ctx, migration))
        .await;
    Ok(())
}

/// Before its commit it is undone. After it, it goes on to its end where no pod has to be made anew: that one would be restored by the
/// object that is gone.
fn can_be_led(migration: &StatefulMigration) -> bool {
    let Some(status) = &migration.status else {
        return false;
    };
    let committed = status.legs.iter().any(|leg| leg.committed.is_some());
    let route = status.plan.as_ref().map(Route::of);
    !committed
        || match route {
            Some(Route::Once | Route::Adopted) => true,
            Some(Route::Twice | Route::InPlace) | None => false,
        }
}

/// What is left of it in the cluster goes as an orphan; the log says what a person has to look after.
fn give_up(ctx: &Context, migration: &StatefulMigration) {
    let legs = || migration.status.iter().flat_map(|status| &status.legs);
    let made = made(migration);
    let holds = legs().map(|leg| names::hold_queue(&leg.key));
    let controls = made.iter().map(|pod| names::control_queue(pod));
    let queues: Vec<String> = holds.chain(controls).collect();
    tracing::error!(
        migration = migration.name_any(),
        namespace = migration.namespace(),
        pods = made.into_iter().collect::<Vec<_>>().join(", "),
        queues = queues.join(", "),
        "its object was removed by another program after its commit. {}. At the broker, delete those of its queues that are left",
        where_the_memory_is(migration)
    );
    ctx.under_way.forget(&migration.uid().unwrap_or_default());
}

/// Pods of other names than the source's.
fn made(migration: &StatefulMigration) -> BTreeSet<&str> {
    let legs = migration.status.iter().flat_map(|status| &status.legs);
    let pods = legs.map(|leg| leg.to.pod.as_str());
    pods.filter(|pod| *pod != migration.spec.source_pod).collect()
}

/// And what to type. The copy of the handoff that was committed last has it.
fn where_the_memory_is(migration: &StatefulMigration) -> String {
    let source = &migration.spec.source_pod;
    let mut legs = migration
        .status
        .iter()
        .flat_map(|status| status.legs.iter().rev());
    let holder = legs.find(|leg| leg.committed.is_some()).map(|leg| &leg.to.pod);
    let namespace = migration.namespace().unwrap_or_default();
    let others = made(migration).into_iter().collect::<Vec<_>>().join(" ");
    let delete = format!("type: kubectl delete pod --namespace {namespace} {others}");
    match (holder.filter(|holder| *holder != source), others.is_empty()) {
        (Some(holder), _) => format!(
            "Pod {source} starts from its image, and pod {holder} has the memory. To delete it and lose that, {delete}"
        ),
        (None, false) => {
            format!("Pod {source} got the memory, if it had started. To delete what the move made, {delete}")
        }
        (None, true) => {
            format!("Pod {source} got the memory, if it had started; else it starts from its image")
        }
    }
}

async fn let_go(ctx: &Context, key: &Key) {
    let held = ctx.holds.is_held(key);
    let Some(hold) = ctx.holds.take(key) else { return };
    if held {
        tracing::warn!(%key, "its migration was removed by hand; the queue is let go");
    }
    if let Err(error) = hold.release().await {
        tracing::info!(%key, %error, "the hold had ended before");
    }
}

async fn delete<T>(api: &Api<T>, seen: &impl ResourceExt) -> Result<(), ControllerError>
where
    T: Resource + Clone + DeserializeOwned + std::fmt::Debug,
{
    if store::delete(api, seen).await? {
        tracing::warn!(
            name = seen.name_any(),
            "its migration was deleted by hand; deleted"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn removed(legs: &[(&str, bool)]) -> StatefulMigration {
        let leg = |(number, (to, committed)): (usize, &(&str, bool))| {
            let mut leg = json!({"number": number + 1, "attempt": 0,
                "key": format!("11111111-1111-1111-1111-111111111111-{}-0", number + 1),
                "from": {"pod": "orders-0", "uid": "source", "node": "node-a"}, "to": {"pod": to, "node": "node-b"}});
            if *committed {
                leg["committed"] = json!("2026-11-30T20:00:00.000000Z");
            }
            leg
        };
        let legs: Vec<_> = legs.iter().enumerate().map(leg).collect();
        serde_json::from_value(json!({
            "apiVersion": "migration.ms2m.io/v1alpha1", "kind": "StatefulMigration",
            "metadata": {"name": "move", "namespace": "shop"}, "spec": {"sourcePod": "orders-0"},
            "status": {"phase": "Finalizing", "legs": legs},
        }))
        .unwrap()
    }

    #[test]
    fn the_memory_is_where_the_last_commit_put_it() {
        let stand_in = "orders-0-shadow";
        for (legs, says) in [
            (&[(stand_in, true)][..], "pod orders-0-shadow has the memory"),
            (
                &[(stand_in, true), ("orders-0", false)][..],
                "pod orders-0-shadow has the memory",
            ),
            (
                &[(stand_in, true), ("orders-0", true)][..],
                "Pod orders-0 got the memory",
            ),
            (&[("orders-0", true)][..], "Pod orders-0 got the memory"),
        ] {
            let migration = removed(legs);
            let told = where_the_memory_is(&migration);
            assert!(told.contains(says), "{told}");
            let deletes = told.contains("kubectl delete pod --namespace shop orders-0-shadow");
            assert_eq!(deletes, !made(&migration).is_empty(), "{told}");
        }
    }
}
