//! What is in the way of a pod that a StatefulSet makes anew: the StatefulSet itself, or the node that it goes to.

use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{Node, Pod};
use kube::Api;
use kube::api::ListParams;
use shadow_core::api::{Leg, MigrationStatus, Plan, StatefulMigration};
use shadow_core::machine::{Closed, Look, Observed, Place, PodSeen, Sight};
use shadow_core::policy::Selected;
use shadow_core::recreation::{self, Recreation};
use shadow_core::validate::{self, Facts};
use shadow_core::workload::Workload;

use crate::context::Context;
use crate::error::ControllerError;
use crate::prepare;

/// After the pod: what is in the way of one that is there, or one that is not, differs.
pub(super) async fn look(
    ctx: &Context,
    migration: &StatefulMigration,
    plan: &Plan,
    leg: &Leg,
    sight: Sight,
    seen: &mut Observed,
) {
    if sight.has(Look::Recreation) {
        let recreation = recreation(ctx, plan, leg, &seen.to).await;
        seen.recreation = super::or_blind(recreation, &mut seen.blind);
    }
    if sight.has(Look::Place) {
        let place = place(ctx, migration, plan, leg, &seen.to).await;
        seen.place = super::or_blind(place, &mut seen.blind);
    }
}

/// Whether the StatefulSet makes the pod anew; not asked while it is there.
async fn recreation(
    ctx: &Context,
    plan: &Plan,
    leg: &Leg,
    to: &PodSeen,
) -> Result<Option<Recreation>, ControllerError> {
    let (Some(owner), PodSeen::Gone) = (&plan.owner, to) else {
        return Ok(None);
    };
    let namespace = &plan.source.namespace;
    let api: Api<StatefulSet> = Api::namespaced(ctx.client.clone(), namespace);
    let set = api.get_opt(&owner.name).await?.map(Workload::from);
    let pods = prepare::siblings(ctx, namespace, set.as_ref())
        .await?
        .unwrap_or_default();
    Ok(Some(recreation::of(&leg.to.pod, &owner.uid, set.as_ref(), &pods)))
}

/// Whether its node takes the pod; not asked while the scheduler finds a place.
async fn place(
    ctx: &Context,
    migration: &StatefulMigration,
    plan: &Plan,
    leg: &Leg,
    to: &PodSeen,
) -> Result<Option<Place>, ControllerError> {
    match to {
        PodSeen::Present(view) if view.unschedulable => {}
        PodSeen::Present(_) | PodSeen::Gone | PodSeen::Unseen => return Ok(None),
    }
    let nodes: Api<Node> = Api::all(ctx.client.clone());
    let nodes = nodes.list(&ListParams::default()).await?.items;
    let Some(why) = closed(&nodes, &leg.to.node) else {
        return Ok(Some(Place::Open));
    };
    let another = another(ctx, migration, plan, leg, nodes).await?;
    Ok(Some(Place::Closed { why, another }))
}

fn closed(nodes: &[Node], name: &str) -> Option<Closed> {
    let named = |node: &&Node| node.metadata.name.as_deref() == Some(name);
    match nodes.iter().find(named) {
        None => Some(Closed::Gone),
        Some(node) if !validate::is_up(node) => Some(Closed::NotReady),
        Some(node) => validate::is_cordoned(node).then_some(Closed::Cordoned),
    }
}

/// A node to which the stand-in could be moved as well, and which was not tried.
async fn another(
    ctx: &Context,
    migration: &StatefulMigration,
    plan: &Plan,
    leg: &Leg,
    nodes: Vec<Node>,
) -> Result<Option<String>, ControllerError> {
    let namespace = &plan.source.namespace;
    let api: Api<Pod> = Api::namespaced(ctx.client.clone(), namespace);
    let Some(stand_in) = api.get_opt(&leg.from.pod).await? else {
        return Ok(None);
    };
    let mut facts = Facts {
        nodes,
        policies: Selected::kept(plan),
        ..Facts::default()
    };
    prepare::mounted(ctx, namespace, &stand_in, &mut facts).await?;
    facts.pod = Some(stand_in);
    let tried = tried(migration.status.as_ref(), leg.number);
    Ok(validate::another_node(&migration.spec, &facts, plan, &tried))
}

/// The nodes that attempts of this handoff went to.
fn tried(status: Option<&MigrationStatus>, handoff: u8) -> Vec<String> {
    let legs = status.iter().flat_map(|status| &status.legs);
    legs.filter(|leg| leg.number == handoff)
        .map(|leg| leg.to.node.clone())
        .collect()
}
