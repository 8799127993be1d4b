//! What the decision about an Evacuation rests on, looked up live.

use k8s_openapi::api::core::v1::{Node, Pod};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::jiff::Timestamp;
use kube::api::ListParams;
use kube::{Api, ResourceExt};
use shadow_core::api::{Evacuation, StatefulMigration};
use shadow_core::eviction::{Course, budget, course, migration_of, next};

use crate::context::Context;
use crate::error::ControllerError;
use crate::{pause, store};

/// What was seen.
#[derive(Default)]
pub(super) struct Sight {
    pod: Option<Pod>,
    node: Option<Node>,
    migration: Option<StatefulMigration>,
    waits_for: Option<String>,
}

impl Sight {
    pub(super) fn seen<'a>(&'a self, evacuation: &'a Evacuation) -> next::Seen<'a> {
        next::Seen {
            evacuation,
            pod: self.pod.as_ref(),
            node: self.node.as_ref(),
            migration: self.migration.as_ref(),
            waits_for: self.waits_for.as_deref(),
            now: Timestamp::now(),
        }
    }
}

/// Looks at what matters for this Evacuation, and at no more.
pub(super) async fn at(ctx: &Context, evacuation: &Evacuation) -> Result<Sight, ControllerError> {
    let has_ended = evacuation
        .status
        .as_ref()
        .is_some_and(|status| status.ended.is_some());
    if has_ended || evacuation.spec.let_go.is_some() {
        return Ok(Sight::default());
    }
    let namespace = evacuation.namespace().unwrap_or_default();
    let nodes: Api<Node> = Api::all(ctx.client.clone());
    let node = nodes.get_opt(&evacuation.spec.node).await?;
    let name = migration_of(evacuation).unwrap_or_default();
    let migration = store::read(ctx, &namespace, &name).await?;
    if migration.is_some() {
        return Ok(Sight {
            node,
            migration,
            ..Sight::default()
        });
    }
    let pods: Api<Pod> = Api::namespaced(ctx.client.clone(), &namespace);
    let pod = pods.get_opt(&evacuation.spec.pod).await?;
    let paused = pause::look(&ctx.client).await?;
    let waits_for = match (paused, &pod) {
        (Some(paused), _) => Some(shadow_core::pause::wait(&paused)),
        (None, Some(pod)) => budgets(ctx, &namespace, pod).await?,
        (None, None) => None,
    };
    Ok(Sight {
        pod,
        node,
        migration,
        waits_for,
    })
}

/// What the disruption budgets say against a move, those that are under way counted.
async fn budgets(ctx: &Context, namespace: &str, pod: &Pod) -> Result<Option<String>, ControllerError> {
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
    let is_moving = |evacuation: &&Evacuation| course(evacuation, &migrations) == Course::Moves;
    let moving: Vec<&str> = evacuations
        .iter()
        .filter(is_moving)
        .map(|evacuation| evacuation.spec.pod.as_str())
        .collect();
    let pods: Api<Pod> = Api::namespaced(ctx.client.clone(), namespace);
    let mut pods = pods.list(&all).await?.items;
    pods.retain(|other| moving.contains(&other.name_any().as_str()));
    Ok(budget::against(pod, &budgets, &pods))
}
