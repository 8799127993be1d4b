//! Looks at the cluster, the broker and the agents: the only reader. Every look is live; a cache never decides. What
//! can never be taken back may have been seen earlier ([`Stopping`]).
//! What a step does not need is not looked at; what cannot be read stays `Unseen`, and the reason is kept.

mod afterlife;
mod endpoints;
mod link;
mod pods;
mod port;
mod queues;
mod stopping;

use k8s_openapi::api::admissionregistration::v1::MutatingWebhookConfiguration;
use kube::{Api, ResourceExt};
use shadow_core::api::{Leg, Plan, StatefulMigration, Step};
use shadow_core::machine::{KeySeen, Observed, PodSeen, Route, RuleSeen};
use shadow_core::names;

use crate::context::Context;

pub(crate) use pods::view as pod_view;
pub(crate) use port::names as branch_names;
pub use stopping::Stopping;

/// One thing to look at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Look {
    From,
    To,
    Primary,
    Consumers,
    Hold,
    FromControl,
    ToControl,
    Key,
    Rule,
    Traffic,
    Connection,
    Leftovers,
    Afterlife,
    /// The port before the primary queue, and the queues beside it.
    Port,
    /// Who reads the queues beside the primary one.
    Beside,
}

/// What a step looks at.
#[derive(Clone, Copy)]
struct Needs {
    always: &'static [Look],
    /// Where the stream may be fenced.
    fenced: &'static [Look],
}

impl Needs {
    fn of(step: Step, leg: u8, plan: &Plan, fenced: bool) -> Self {
        Self {
            always: Self::always(step, leg, Route::of(plan)),
            fenced: if fenced { Self::fenced(step) } else { &[] },
        }
    }

    fn fenced(step: Step) -> &'static [Look] {
        use Look::{Beside, Hold, Port, Primary, To, ToControl};
        match step {
            Step::Fence | Step::Hold | Step::Abandon => &[Port],
            Step::Follow | Step::Commit | Step::Switch | Step::Exclude => &[Beside],
            Step::Release | Step::Clean => &[To, Primary, Hold, ToControl, Port],
            Step::Prepare
            | Step::Stage
            | Step::Checkpoint
            | Step::Transfer
            | Step::Restore
            | Step::Retire => &[],
        }
    }

    fn always(step: Step, leg: u8, route: Route) -> &'static [Look] {
        use Look::{
            Afterlife, Connection, Consumers, From, FromControl, Hold, Key, Leftovers, Primary, Rule, To,
            ToControl, Traffic,
        };
        match (step, leg) {
            (Step::Prepare, _) => &[],
            (Step::Stage, 1) => &[From, To, Key, Rule],
            (Step::Stage, _) => &[From, To, Key],
            (Step::Fence, _) => &[From, Primary, Hold, FromControl],
            (Step::Follow, _) => &[From, Hold, FromControl],
            (Step::Hold, _) => &[From, Primary, Hold, FromControl, Connection],
            (Step::Checkpoint | Step::Transfer, _) => &[From],
            (Step::Restore, _) => &[From, To, Hold, Key],
            (Step::Commit, _) if route == Route::InPlace => &[From, Consumers, Hold],
            (Step::Commit, _) => &[From, To, Consumers, Hold],
            (Step::Exclude, _) if route == Route::Adopted => &[From, To, Consumers, Afterlife],
            (Step::Exclude, _) => &[From, Consumers, Rule],
            (Step::Release, _) => &[To, Consumers],
            (Step::Switch, _) => &[From, To, Consumers, Traffic, Afterlife],
            (Step::Retire, _) => &[From, To, Hold, FromControl],
            (Step::Clean, 1) => &[From, Key, Rule, Leftovers],
            (Step::Clean, _) => &[From, To, FromControl, Key, Rule, Leftovers],
            (Step::Abandon, _) => &[
                From,
                To,
                Primary,
                Hold,
                FromControl,
                ToControl,
                Key,
                Rule,
                Leftovers,
            ],
        }
    }

    fn has(self, look: Look) -> bool {
        self.always.contains(&look) || self.fenced.contains(&look)
    }
}

/// Looks at everything that the present step of this migration needs.
pub async fn observe(
    ctx: &Context,
    migration: &StatefulMigration,
    plan: &Plan,
    leg: &Leg,
    step: Step,
) -> Observed {
    let fenced = migration
        .status
        .as_ref()
        .is_some_and(|status| status.fence.is_some());
    let needs = Needs::of(step, leg.number, plan, fenced);
    let cancel = migration.spec.cancel || migration.metadata.deletion_timestamp.is_some();
    let mut seen = Observed {
        cancel,
        ..Observed::default()
    };
    let namespace = &plan.source.namespace;
    let (from, to, queues, link, key, rule, traffic) = tokio::join!(
        pods::look(
            ctx,
            namespace,
            &leg.from.pod,
            &plan.container,
            needs.has(Look::From)
        ),
        pods::look(ctx, namespace, &leg.to.pod, &plan.container, needs.has(Look::To)),
        queues::look(ctx, migration, needs),
        link::look(ctx, migration, plan, leg, step),
        key(ctx, migration, leg, step, needs),
        rule(ctx, migration, needs.has(Look::Rule)),
        endpoints::look(ctx, namespace, leg, needs.has(Look::Traffic)),
    );
    seen.from = or_blind(from, &mut seen.blind);
    if let PodSeen::Present(view) = &seen.from {
        ctx.stopping.expect(&ctx.client, namespace, &view.uid);
    }
    if needs.has(Look::Afterlife) {
        let restarted = afterlife::look(ctx, plan, leg, &seen.from).await;
        seen.restarted = or_blind(restarted, &mut seen.blind);
    }
    seen.to = or_blind(to, &mut seen.blind);
    let link = or_blind(link, &mut seen.blind);
    seen.link = link.link;
    seen.copy_connected = link.copy_connected;
    seen.source_gone = link.source_gone;
    seen.blind.extend(link.blind);
    seen.key = or_blind(key, &mut seen.blind);
    seen.rule = or_blind(rule, &mut seen.blind);
    seen.traffic = or_blind(traffic, &mut seen.blind);
    if let Some(queues) = or_blind(queues.map(Some), &mut seen.blind) {
        queues.into_observed(&mut seen);
    } else if needs.has(Look::Leftovers) {
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
    needs: Needs,
) -> Result<KeySeen, crate::error::ControllerError> {
    if !needs.has(Look::Key) {
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
