//! One look at a single-active queue that we hold: our consumer, the source's, and whether the copy is there.

use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use shadow_core::api::{Leg, Plan, StatefulMigration};
use shadow_core::machine::{LinkSeen, Look, Sight};

use crate::broker::{Broker, HoldProof, HoldState};
use crate::context::Context;
use crate::error::ControllerError;

/// The broker tells of a new consumer when it next gathers statistics.
const LISTED_AGAIN: Duration = Duration::from_millis(50);

/// What was seen.
#[derive(Default)]
pub(super) struct Link {
    pub(super) link: LinkSeen,
    pub(super) copy_connected: Option<bool>,
    pub(super) copy_consumes: Option<bool>,
    pub(super) source_gone: Option<bool>,
    /// Why something of it could not be read.
    pub(super) blind: Vec<String>,
}

/// Nothing, where the queue is held otherwise. Whoever cannot say whether the copy is there takes nothing away from what is
/// known of the link: a queue that is held has to be let go, also while the management API is away.
pub(super) async fn look(
    ctx: &Context,
    migration: &StatefulMigration,
    plan: &Plan,
    leg: &Leg,
    sight: Sight,
) -> Result<Link, ControllerError> {
    let mut found = Link::default();
    if !(sight.has(Look::Link) || sight.has(Look::LinkProof)) {
        return Ok(found);
    }
    let broker = ctx.broker(migration, plan.queue.secret.as_deref()).await;
    if !sight.has(Look::LinkProof) {
        found.link = state(ctx, leg);
    }
    let broker = match broker {
        // A hold that has to be let go is known without the broker.
        Err(error) if !sight.has(Look::LinkProof) => {
            found.blind.push(error.to_string());
            return Ok(found);
        }
        broker => broker?,
    };
    if sight.has(Look::LinkProof) {
        found.link = proof(ctx, &broker, leg).await?;
    }
    if sight.has(Look::CopyConnected) {
        let connected = copy(ctx, &broker, plan, leg).await;
        found.copy_connected = super::or_blind(connected, &mut found.blind);
    }
    if sight.has(Look::CopyConsumes) {
        let consumes = consumes(ctx, &broker, plan, leg).await;
        found.copy_consumes = super::or_blind(consumes.map(Some), &mut found.blind);
    }
    if let (true, Some(witness)) = (sight.has(Look::SourceGone), &leg.witness) {
        let gone = broker.source_is_gone(&plan.queue.queue, witness).await;
        found.source_gone = super::or_blind(gone.map(Some).map_err(Into::into), &mut found.blind);
    }
    Ok(found)
}

/// As the link's own task knows it: asks nobody.
fn state(ctx: &Context, leg: &Leg) -> LinkSeen {
    match ctx.holds.get(&leg.key).map(|hold| hold.state()) {
        None => LinkSeen::Absent,
        Some(HoldState::Waiting) => {
            LinkSeen::Waiting("the application has not acknowledged all its messages".to_owned())
        }
        Some(HoldState::Active) => LinkSeen::Proven,
        Some(HoldState::Lost(why)) => LinkSeen::Lost(why),
    }
}

async fn proof(ctx: &Context, broker: &Broker, leg: &Leg) -> Result<LinkSeen, ControllerError> {
    let Some(hold) = ctx.holds.get(&leg.key) else {
        return Ok(LinkSeen::Absent);
    };
    // Attached, and the note of who was served then was not written down: nothing could be proven. It is attached anew.
    let Some(witness) = &leg.witness else {
        return Ok(LinkSeen::Absent);
    };
    Ok(match broker.prove_settled(&hold, witness).await? {
        HoldProof::NotYet(what) => LinkSeen::Waiting(what),
        HoldProof::Proven(_) => LinkSeen::Proven,
        HoldProof::Lost(why) => LinkSeen::Lost(why),
        HoldProof::Trapped(why) => LinkSeen::Trapped(why),
    })
}

/// Whether the pod that takes over has a connection to the broker. Its node knows that at once; the broker lists it up
/// to 5 s later, and is asked in case the application reaches it at another port than we do, or its node is silent. `None`:
/// the node is silent, and the broker does not list it (yet).
async fn copy(
    ctx: &Context,
    broker: &Broker,
    plan: &Plan,
    leg: &Leg,
) -> Result<Option<bool>, ControllerError> {
    let (address, connections) = tokio::join!(
        address(ctx, plan, leg),
        ctx.agents.connections(&leg.to.node, &leg.key, broker.port())
    );
    let Some(address) = address? else {
        return Ok(Some(false));
    };
    Ok(match connections {
        Ok(open) if open > 0 => Some(true),
        Ok(_) => Some(broker.is_connected_from(&address).await?),
        Err(silent) => {
            tracing::debug!(node = leg.to.node, error = %silent, "the broker alone is asked for the copy's connection");
            broker.is_connected_from(&address).await?.then_some(true)
        }
    })
}

/// Whether the broker lists the pod that takes over as a consumer of the queue. A connection that is open is no proof: it may be
/// refused the login, and nobody could go back to a source that was given up for it. Asked again after a moment if not.
async fn consumes(ctx: &Context, broker: &Broker, plan: &Plan, leg: &Leg) -> Result<bool, ControllerError> {
    let found = match address(ctx, plan, leg).await? {
        Some(address) => {
            let listed = broker
                .single_active_consumers(&plan.queue.queue)
                .await?
                .application;
            listed.iter().any(|consumer| consumer.peer_host == address)
        }
        None => false,
    };
    if !found {
        tokio::time::sleep(LISTED_AGAIN).await;
    }
    Ok(found)
}

/// Address of the pod that takes over; `None` while there is none.
pub(super) async fn address(
    ctx: &Context,
    plan: &Plan,
    leg: &Leg,
) -> Result<Option<String>, ControllerError> {
    let api: Api<Pod> = Api::namespaced(ctx.client.clone(), &plan.source.namespace);
    let Some(pod) = api.get_opt(&leg.to.pod).await? else {
        return Ok(None);
    };
    let named = leg
        .to
        .uid
        .as_ref()
        .is_none_or(|uid| pod.metadata.uid.as_ref() == Some(uid));
    let another = pod.metadata.uid == leg.from.uid;
    let address = pod.status.and_then(|status| status.pod_ip);
    Ok(address.filter(|_| named && !another))
}
