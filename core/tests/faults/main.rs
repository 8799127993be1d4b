//! Every fault in every step, as tables: what the machine decides when the source, the copy or the target's agent is not
//! what it was.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a failing step is a failing test"
)]

use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use shadow_core::api::{
    HoldKind, MigrationStatus, MigrationStrategy, Owner, OwnerKind, Plan, QueuePlan, RestoreBackend,
    StatefulMigrationSpec, Step, TransferMode,
};
use shadow_core::machine::steps::guard;
use shadow_core::machine::{
    Decision, KeySeen, LinkSeen, Observed, PodSeen, PodView, QueueSeen, Route, RuleSeen, Sight, limits,
    next_step, record,
};
use shadow_core::premise::{self, Outcome, Premise, Source, Told};
use shadow_core::reason::Reason;
use shadow_core::wire::{Archive, CheckpointBackend, Claim, PodRef};

mod after_commit;
mod expiry;
mod fenced;
mod park;
mod second;
mod target;

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
        }),
        queue: QueuePlan {
            queue: "orders.orders-0".into(),
            quorum: false,
            hold: kind.hold,
            stream: "broker/%2F/orders.orders-0".into(),
            unfenced: (kind.hold != HoldKind::Exchange).then(|| "nothing is bound to it".into()),
            inexact: None,
            ttl_millis: None,
            secret: None,
        },
        checkpoint_backend: CheckpointBackend::Runtime,
        transfer: TransferMode::Direct,
        restore: RestoreBackend::RuntimeClass,
        revision: None,
        premises: seen(),
        origin: None,
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

#[test]
fn whatever_becomes_of_the_source_before_the_commit_undoes_the_move() {
    let restarted = PodSeen::Present(PodView {
        restarts: 1,
        ..source()
    });
    let fates: Vec<_> = fates(&source())
        .into_iter()
        .chain([(restarted, "restarted")])
        .collect();
    for kind in kinds() {
        for step in REVERSIBLE {
            for (fate, word) in &fates {
                let mut case = at(kind, step);
                case.seen.from = fate.clone();
                undone(
                    &case.after(1),
                    Reason::SourceChanged,
                    word,
                    &format!("{kind:?} {step:?} {fate:?}"),
                );
            }
        }
    }
}

/// What it had in hand may be with a consumer that is dead and first in line.
#[test]
fn a_consumer_that_ended_while_its_queue_was_held_undoes_the_move_and_is_named() {
    let trap = "nobody lists consumer app; transfer_leadership";
    for kind in kinds() {
        if kind.hold != HoldKind::SingleActive {
            continue;
        }
        for step in [Step::Hold, Step::Commit] {
            let mut case = at(kind, step);
            case.seen.link = LinkSeen::Trapped(trap.into());
            undone(
                &case.after(1),
                Reason::ConsumerEnded,
                trap,
                &format!("{kind:?} {step:?}"),
            );
        }
    }
}

#[test]
fn a_wish_to_cancel_and_the_deadline_undo_the_move_in_every_step_before_the_commit() {
    for kind in kinds() {
        for step in REVERSIBLE {
            let mut case = at(kind, step);
            let late = case.after(i64::from(limits::DEADLINE_SECONDS) + 1);
            undone(
                &late,
                Reason::DeadlineExceeded,
                "spec.deadlineSeconds",
                &format!("{kind:?} {step:?}"),
            );
            case.seen.cancel = true;
            undone(
                &case.after(1),
                Reason::Cancelled,
                "source goes on",
                &format!("{kind:?} {step:?}"),
            );
        }
    }
}

#[test]
fn after_the_commit_nothing_is_undone_whatever_becomes_of_source_copy_and_agent() {
    let steps = |kind| {
        let restored_last = Route::of(&plan(kind)) == Route::InPlace;
        FORWARD.into_iter().chain(restored_last.then_some(Step::Restore))
    };
    for kind in kinds() {
        for step in steps(kind) {
            let mut case = at(kind, step);
            case.commit();
            case.seen.cancel = true;
            case.goes_forward(&format!("{kind:?} {step:?} cancelled"));
            for (fate, _) in fates(&source()) {
                let mut case = at(kind, step);
                case.commit();
                case.seen.from = fate.clone();
                case.goes_forward(&format!("{kind:?} {step:?} source {fate:?}"));
                case.seen.to = fate;
                case.seen.key = KeySeen::Unseen;
                case.goes_forward(&format!("{kind:?} {step:?} both"));
            }
        }
    }
}

#[test]
fn failing_effects_are_given_up_only_while_messages_wait_for_them() {
    let patience = limits::PATIENCE.as_secs();
    for kind in kinds() {
        for step in REVERSIBLE.into_iter().chain(FORWARD).chain([Step::Abandon]) {
            let case = at(kind, step);
            let after = |seconds| {
                guard::is_out_of_patience(&case.status, began() + SignedDuration::from_secs(seconds))
            };
            let held = matches!(step, Step::Checkpoint | Step::Transfer);
            assert!(!after(patience), "{kind:?} {step:?}");
            assert_eq!(after(patience + 1), held, "{kind:?} {step:?}");
        }
    }
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
