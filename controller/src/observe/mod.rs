//! Looks at the cluster, the broker and the agents: the only reader. Every look is live; a cache never decides. What
//! can never be taken back may have been seen earlier ([`Stopping`]).
//! What a step looks at says [`Sight`]; what cannot be read stays `Unseen`, and the reason is kept.

mod afterlife;
mod endpoints;
mod evidence;
mod link;
mod made_anew;
mod pods;
mod port;
mod queues;
mod stopping;
mod world;

use k8s_openapi::api::admissionregistration::v1::MutatingWebhookConfiguration;
use kube::{Api, ResourceExt};
use shadow_core::api::{Leg, Plan, StatefulMigration, Step};
use shadow_core::machine::{KeySeen, Look, Observed, PodSeen, RuleSeen, Sight};
use shadow_core::names;

use crate::context::Context;

pub use evidence::Looks;
pub(crate) use pods::view as pod_view;
pub(crate) use port::names as branch_names;
pub use stopping::Stopping;
pub use world::Worlds;

/// Looks at everything that the present step of this migration needs.
pub async fn observe(
    ctx: &Context,
    migration: &StatefulMigration,
    plan: &Plan,
    leg: &Leg,
    step: Step,
) -> Observed {
    let status = migration.status.as_ref();
    let fenced = status.is_some_and(|status| status.fence.is_some());
    let sight = Sight::of(step, leg.number, plan, fenced);
    let deleted = migration.metadata.deletion_timestamp.is_some();
    let cancel = migration.spec.cancel || deleted;
    let give_memory_up = migration.spec.give_memory_up || deleted;
    let mut seen = Observed {
        cancel,
        give_memory_up,
        ..Observed::default()
    };
    let namespace = &plan.source.namespace;
    let (from, to, queues, link, key, rule, traffic, evidence) = tokio::join!(
        pods::look(
            ctx,
            namespace,
            &leg.from.pod,
            &plan.container,
            sight.has(Look::From)
        ),
        pods::look(ctx, namespace, &leg.to.pod, &plan.container, sight.has(Look::To)),
        queues::look(ctx, migration, sight),
        link::look(ctx, migration, plan, leg, sight),
        key(ctx, migration, leg, step, sight),
        rule(ctx, migration, sight.has(Look::Rule)),
        endpoints::look(ctx, namespace, leg, sight.has(Look::Traffic)),
        evidence::look(ctx, migration, plan, leg, sight),
    );
    seen.from = or_blind(from, &mut seen.blind);
    if let PodSeen::Present(view) = &seen.from {
        ctx.stopping.expect(&ctx.watching, namespace, &view.uid);
    }
    if sight.has(Look::Afterlife) {
        let restarted = afterlife::look(ctx, plan, leg, &seen.from).await;
        seen.restarted = or_blind(restarted, &mut seen.blind);
    }
    seen.to = or_blind(to, &mut seen.blind);
    made_anew::look(ctx, migration, plan, leg, sight, &mut seen).await;
    let link = or_blind(link, &mut seen.blind);
    seen.link = link.link;
    seen.copy_connected = link.copy_connected;
    seen.copy_consumes = link.copy_consumes;
    seen.source_gone = link.source_gone;
    seen.blind.extend(link.blind);
    seen.key = or_blind(key, &mut seen.blind);
    seen.rule = or_blind(rule, &mut seen.blind);
    seen.traffic = or_blind(traffic, &mut seen.blind);
    seen.evidence = or_blind(evidence, &mut seen.blind);
    seen.world = world::look(ctx, migration, plan, sight, &queues).await;
    if let Some(queues) = or_blind(queues.map(Some), &mut seen.blind) {
        queues.into_observed(&mut seen);
    } else if sight.has(Look::Leftovers) {
        seen.leftovers = queues::hold_queues(migration)
            .into_iter()
            .map(|q| (q, Default::default()))
            .collect();
    }
    seen
}

fn or_blind<T: Default>(looked: Result<T, crate::error::ControllerError>, blind: &mut Vec<String>) -> T {
    looked.unwrap_or_else(|error| {
        blind.push(error.to_string());
        T::default()
    })
}

async fn key(
    ctx: &Context,
    migration: &StatefulMigration,
    leg: &Leg,
    step: Step,
    sight: Sight,
) -> Result<KeySeen, crate::error::ControllerError> {
    if !sight.has(Look::Key) {
        return Ok(KeySeen::Unseen);
    }
    // At the end nothing may be left of any handoff, and the last one may have ended before it was announced.
    let status = migration.status.as_ref().filter(|_| step == Step::Clean);
    let earlier = status.into_iter().flat_map(|status| status.legs.iter().rev());
    for leg in std::iter::once(leg).chain(earlier.filter(|other| other.key != leg.key)) {
        if let Some(report) = ctx.agents.report(&leg.to.node, &leg.key).await? {
            return Ok(KeySeen::Known {
                claim: report.claim,
                archive: report.archive,
            });
        }
    }
    Ok(KeySeen::Unknown)
}

async fn rule(
    ctx: &Context,
    migration: &StatefulMigration,
    needed: bool,
) -> Result<RuleSeen, crate::error::ControllerError> {
    if !needed {
        return Ok(RuleSeen::Unseen);
    }
    let uid = migration.uid().unwrap_or_default();
    let api: Api<MutatingWebhookConfiguration> = Api::all(ctx.client.clone());
    Ok(match api.get_metadata_opt(&names::rewrite_rule(&uid)).await? {
        None => RuleSeen::Absent,
        Some(_) if ctx.is_rule_proven(&uid) => RuleSeen::Proven,
        Some(_) => RuleSeen::Unproven,
    })
}
