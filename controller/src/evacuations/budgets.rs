//! What the disruption budgets say against a move that an eviction caused, looked up live.

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::api::ListParams;
use kube::{Api, ResourceExt};
use shadow_core::api::{Evacuation, Plan, StatefulMigration};
use shadow_core::eviction::budget;
use shadow_core::names;

use crate::context::Context;
use crate::error::ControllerError;

/// Which moves that evictions caused take places of a budget.
#[derive(Clone, Copy)]
pub(super) enum Counted {
    /// All that were ordered: for one that is to be ordered.
    Ordered,
    /// Those that have begun: for one that is to begin. If those in line counted, too, each would wait for the others.
    Begun,
}

/// What is said against the beginning of this migration, if an eviction caused it.
pub async fn against_begin(
    ctx: &Context,
    migration: &StatefulMigration,
    plan: &Plan,
) -> Result<Option<String>, ControllerError> {
    if !migration.annotations().contains_key(names::EVACUATION) {
        return Ok(None);
    }
    let pods: Api<Pod> = Api::namespaced(ctx.client.clone(), &plan.source.namespace);
    match pods.get_opt(&plan.source.name).await? {
        Some(pod) => against(ctx, &plan.source.namespace, &pod, Counted::Begun).await,
        None => Ok(None),
    }
}

/// What is said against a move of `pod`, others counted.
pub(super) async fn against(
    ctx: &Context,
    namespace: &str,
    pod: &Pod,
    counted: Counted,
) -> Result<Option<String>, ControllerError> {
    let all = ListParams::default();
    let budgets: Api<PodDisruptionBudget> = Api::namespaced(ctx.client.clone(), namespace);
    let budgets = budgets.list(&all).await?.items;
    if budgets.is_empty() {
        return Ok(None);
    }
    let evacuations: Api<Evacuation> = Api::namespaced(ctx.client.clone(), namespace);
    let evacuations = evacuations.list(&all).await?.items;
    let migrations: Api<StatefulMigration> = Api::namespaced(ctx.client.clone(), namespace);
    let migrations = migrations.list(&all).await?.items;
    let pods: Api<Pod> = Api::namespaced(ctx.client.clone(), namespace);
    let pods = pods.list(&all).await?.items;
    let places = |migration: &StatefulMigration| budget::counted(migration, &pods);
    let moving: Vec<Pod> = match counted {
        Counted::Ordered => budget::ordered(&evacuations, &migrations)
            .filter_map(places)
            .collect(),
        Counted::Begun => budget::begun(&evacuations, &migrations)
            .filter_map(places)
            .collect(),
    };
    Ok(budget::against(pod, &budgets, &moving))
}
