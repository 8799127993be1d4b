//! Every fault in every step, as tables: what the machine decides when the source, the copy or the target's agent is not
//! what it was. One file for each kind of fault; docs/faults.md names them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a failing step is a failing test"
)]

use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use shadow_core::api::{
    FreezeBound, FreezePlan, HoldKind, MigrationStatus, MigrationStrategy, Owner, OwnerKind, Plan, QueuePlan,
    RestoreBackend, StatefulMigrationSpec, Step, TransferMode,
};
use shadow_core::machine::{
    Decision, EvidenceSeen, KeySeen, LinkSeen, Observed, PodSeen, PodView, QueueSeen, Route, RuleSeen, Sight,
    next_step, record,
};
use shadow_core::premise::{self, Outcome, Premise, Source, Told};
use shadow_core::reason::Reason;
use shadow_core::unfenced::Unfenced;
use shadow_core::wire::{Archive, CheckpointBackend, Claim, PodRef};

mod backlog_unread;
mod broker_gone;
mod called_off;
mod consumer_appears;
mod control_queue;
mod copy_lost;
mod frozen;
mod max_pause;
mod messages_expire;
mod node_lost;
mod restore_hangs;
mod restore_unfinished;
mod source_lost;
mod stand_in_lost;

const UID: &str = "3f0c2a1e-1111-2222-3333-444455556666";

/// Everything before the commit, in the order of most routes.
const REVERSIBLE: [Step; 8] = [
    Step::Stage,
    Step::Fence,
    Step::Hold,
    Step::Checkpoint,
    Step::Follow,
    Step::Transfer,
    Step::Restore,
    Step::Commit,
];
/// Everything after it.
const FORWARD: [Step; 5] = [
    Step::Exclude,
    Step::Release,
    Step::Switch,
    Step::Retire,
    Step::Clean,
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Kind {
    owner: Option<OwnerKind>,
    strategy: MigrationStrategy,
    hold: HoldKind,
}

/// Every route with every hold.
fn kinds() -> Vec<Kind> {
    use MigrationStrategy::{Sequential, ShadowPod};
    let routes = [
        (Some(OwnerKind::StatefulSet), ShadowPod),
        (Some(OwnerKind::StatefulSet), Sequential),
        (Some(OwnerKind::ReplicaSet), ShadowPod),
        (None, ShadowPod),
    ];
    let with = |hold| {
        move |(owner, strategy)| Kind {
            owner,
            strategy,
            hold,
        }
    };
    let all = |hold| routes.into_iter().map(with(hold));
    // A source that goes on until its copy has caught up cannot end first.
    let live = all(HoldKind::Exchange).filter(|kind| kind.strategy != Sequential);
    all(HoldKind::Park)
        .chain(all(HoldKind::SingleActive))
        .chain(live)
        .collect()
}

fn plan(kind: Kind) -> Plan {
    Plan {
        strategy: kind.strategy,
        because: "test".into(),
        source: PodRef {
            namespace: "default".into(),
            name: "orders-0".into(),
            uid: "source".into(),
        },
        container: "orders".into(),
        source_node: "node-a".into(),
        target_node: "node-b".into(),
        owner: kind.owner.map(|kind| Owner {
            kind,
            name: "orders".into(),
            uid: "owner".into(),
            deployment: None,
            replicas: None,
        }),
        queue: QueuePlan {
            queue: "orders.orders-0".into(),
            quorum: false,
            hold: kind.hold,
            stream: "broker/%2F/orders.orders-0".into(),
            unfenced: (kind.hold != HoldKind::Exchange).then_some(Unfenced::NotBound),
            inexact: None,
            ttl_millis: None,
            secret: None,
        },
        checkpoint_backend: CheckpointBackend::Runtime,
        transfer: TransferMode::Direct,
        restore: RestoreBackend::RuntimeClass,
        revision: None,
        premises: seen(),
        policies: Vec::new(),
        freeze: (kind.strategy == MigrationStrategy::Sequential).then_some(FreezePlan {
            limit_millis: 20_000,
            bound: FreezeBound::LivenessProbe,
            forecast_millis: 2_000,
        }),
        max_pause: None,
        origin: None,
        image: None,
    }
}

/// A migration that has just come to a step, and what is seen of it while nothing is wrong.
struct Case {
    status: MigrationStatus,
    seen: Observed,
    route: Route,
}

fn began() -> Timestamp {
    Timestamp::from_second(1_700_000_000).unwrap()
}

fn at(kind: Kind, step: Step) -> Case {
    let (plan, now) = (plan(kind), began());
    let route = Route::of(&plan);
    let mut status = MigrationStatus::default();
    record::begin(&mut status, plan, UID, 0, now).unwrap();
    let leg = status.legs.last_mut().unwrap();
    if route != Route::InPlace {
        leg.to.uid = Some("copy".into());
    }
    leg.park_sent = Some(MicroTime(now));
    let (to, key) = (leg.to.uid.clone(), leg.key.to_string());
    record::enter(&mut status, step, now);
    let copy = PodSeen::Present(PodView {
        uid: "copy".into(),
        key: Some(key),
        ..PodView::default()
    });
    let queue = |consumers| QueueSeen::Present {
        ready: 0,
        consumers,
        unacked: Some(0),
    };
    let seen = Observed {
        from: PodSeen::Present(source()),
        to: if to.is_some() { copy } else { PodSeen::Gone },
        primary: queue(0),
        hold: queue(2),
        from_control: queue(1),
        key: KeySeen::Known {
            claim: Claim::Waiting {
                pod_uid: "copy".into(),
            },
            archive: Archive::Absent,
        },
        rule: RuleSeen::Proven,
        link: LinkSeen::Proven,
        copy_connected: Some(true),
        copy_consumes: Some(true),
        evidence: EvidenceSeen::Holds,
        ..Observed::default()
    };
    Case { status, seen, route }
}

impl Case {
    fn after(&self, seconds: i64) -> Decision {
        self.after_with(seconds, None)
    }

    /// The same with this `spec.deadlineSeconds`.
    fn after_with(&self, seconds: i64, deadline_seconds: Option<u32>) -> Decision {
        let spec = StatefulMigrationSpec {
            source_pod: "orders-0".into(),
            deadline_seconds,
            ..StatefulMigrationSpec::default()
        };
        let now = began() + SignedDuration::from_secs(seconds);
        // What this step does not look at, the controller would not know either.
        let sight = Sight::in_status(&self.status).unwrap();
        next_step(&spec, &self.status, &sight.blank(self.seen.clone()), now)
    }

    fn commit(&mut self) {
        self.status.legs.last_mut().unwrap().committed = Some(MicroTime(began()));
    }

    /// Nothing that this can decide undoes anything.
    fn goes_forward(&self, what: &str) {
        let decision = self.after(1);
        assert!(!matches!(decision, Decision::RollBack(_)), "{what}: {decision:?}");
    }
}

fn source() -> PodView {
    PodView {
        uid: "source".into(),
        ..PodView::default()
    }
}

/// Everything that can become of a pod that was as in `view`, and a word that the message has to say.
fn fates(view: &PodView) -> Vec<(PodSeen, &'static str)> {
    let evicted = "it has to make way (EvictionByEvictionAPI: Eviction API: evicting)";
    let changed = |change: fn(&mut PodView)| {
        let mut view = view.clone();
        change(&mut view);
        view
    };
    let mut by_eviction = changed(|view| view.terminating = true);
    by_eviction.trouble = Some(evicted.into());
    vec![
        (PodSeen::Gone, "deleted"),
        (
            PodSeen::Present(changed(|view| view.uid = "another".into())),
            "replaced",
        ),
        (
            PodSeen::Present(changed(|view| view.terminating = true)),
            "deleted",
        ),
        (PodSeen::Present(changed(|view| view.ended = true)), "ended"),
        (PodSeen::Present(by_eviction), "Eviction"),
    ]
}

fn undone(decision: &Decision, reason: Reason, word: &str, what: &str) {
    let Decision::RollBack(cause) = decision else {
        panic!("{what}: {decision:?}");
    };
    assert_eq!(cause.reason, reason, "{what}");
    assert!(cause.message.contains(word), "{what}: {}", cause.message);
}

/// Everything was weighed and found so.
fn seen() -> Vec<Told> {
    let told = |premise: &Premise| Told {
        premise: *premise,
        outcome: Outcome::Seen,
        source: Source::ManagementApi,
        what: String::new(),
    };
    premise::ALL.iter().map(told).collect()
}
