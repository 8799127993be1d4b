//! What the decision about an Evacuation rests on, looked up live.

use k8s_openapi::api::core::v1::{Node, Pod};
use k8s_openapi::jiff::Timestamp;
use kube::api::ListParams;
use kube::{Api, ResourceExt};
use shadow_core::api::{Evacuation, EvacuationWaitsFor, StatefulMigration};
use shadow_core::eviction::next::{self, Obstacle};
use shadow_core::eviction::{is_to_move, leaving, migration_of};

use super::acts::wanted;
use super::budgets::{self, Counted};
use crate::context::Context;
use crate::error::ControllerError;
use crate::prepare::nodes;
use crate::{pause, store};

/// What was seen.
#[derive(Default)]
pub(super) struct Sight {
    pod: Option<Pod>,
    node: Option<Node>,
    migration: Option<StatefulMigration>,
    obstacle: Option<Obstacle>,
    too_late: Option<String>,
}

impl Sight {
    pub(super) fn seen<'a>(&'a self, evacuation: &'a Evacuation) -> next::Seen<'a> {
        next::Seen {
            evacuation,
            pod: self.pod.as_ref(),
            node: self.node.as_ref(),
            migration: self.migration.as_ref(),
            obstacle: self.obstacle.as_ref(),
            too_late: self.too_late.as_deref(),
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
    let all: Api<Node> = Api::all(ctx.client.clone());
    let node = all.get_opt(&evacuation.spec.node).await?;
    let name = migration_of(evacuation).unwrap_or_default();
    let migration = store::read(ctx, &namespace, &name).await?;
    let pods: Api<Pod> = Api::namespaced(ctx.client.clone(), &namespace);
    let pod = pods.get_opt(&evacuation.spec.pod).await?;
    let too_late = match (&node, &pod) {
        // As far as that is known without a plan.
        (Some(node), Some(pod)) => nodes::too_late(node, || leaving::least(pod, &ctx.line.finished())),
        (None, _) | (_, None) => None,
    };
    let obstacle = match (&migration, &pod) {
        (None, Some(pod)) => obstacle(ctx, evacuation, pod).await?,
        (Some(_), _) | (None, None) => None,
    };
    Ok(Sight {
        pod,
        node,
        migration,
        obstacle,
        too_late,
    })
}

/// What speaks against ordering a move now.
async fn obstacle(
    ctx: &Context,
    evacuation: &Evacuation,
    pod: &Pod,
) -> Result<Option<Obstacle>, ControllerError> {
    let namespace = evacuation.namespace().unwrap_or_default();
    let waits = |waits_for, why| Ok(Some(Obstacle { waits_for, why }));
    if let Some(why) = another_move(ctx, &namespace, &evacuation.spec.pod).await? {
        return waits(EvacuationWaitsFor::AnotherMove, why);
    }
    if let Some(paused) = pause::look(&ctx.client).await? {
        return waits(EvacuationWaitsFor::Pause, shadow_core::pause::wait(&paused));
    }
    if let Some(why) = budgets::against(ctx, &namespace, pod, Counted::Ordered).await? {
        return waits(EvacuationWaitsFor::Budget, why);
    }
    let name = migration_of(evacuation).unwrap_or_default();
    let mut wanted = wanted(evacuation, &name);
    wanted.metadata.namespace = Some(namespace);
    match nodes::lacking(ctx, &wanted).await? {
        Some(why) => waits(EvacuationWaitsFor::Node, why),
        None => Ok(None),
    }
}

/// The migration of this pod that a user ordered, as a sentence.
async fn another_move(ctx: &Context, namespace: &str, pod: &str) -> Result<Option<String>, ControllerError> {
    let migrations: Api<StatefulMigration> = Api::namespaced(ctx.client.clone(), namespace);
    let all = migrations.list(&ListParams::default()).await?.items;
    let another = all
        .iter()
        .find(|one| one.spec.source_pod == pod && is_to_move(one));
    Ok(another.map(|one| {
        let name = one.name_any();
        format!(
            "StatefulMigration {name} moves the pod already. To see it, type: kubectl shadow status {name} -n {namespace}"
        )
    }))
}
