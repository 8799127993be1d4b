//! The target's node or its agent falls silent, or does not do what it is asked.

use k8s_openapi::jiff::SignedDuration;
use shadow_core::api::{HoldKind, Step};
use shadow_core::machine::steps::guard;
use shadow_core::machine::{
    Action, Cause, Decision, KeySeen, LinkSeen, Observed, PodSeen, QueueSeen, Route, RuleSeen, limits, record,
};
use shadow_core::reason::Reason;
use shadow_core::wire::Transferred;

use super::{FORWARD, REVERSIBLE, at, began, fates, kinds, plan, source, undone};

#[test]
fn a_target_whose_agent_is_silent_is_given_up_before_anything_is_held() {
    for kind in kinds() {
        let mut case = at(kind, Step::Stage);
        case.seen.key = KeySeen::Unseen;
        case.seen.to = PodSeen::Gone;
        case.seen.blind = vec!["the agent on node-b does not answer (no route to host)".into()];
        assert!(
            matches!(case.after(1), Decision::Wait { .. }),
            "{:?}",
            case.after(1)
        );
        let later = case.after(limits::STAGE.as_secs() + 1);
        undone(
            &later,
            Reason::TargetNotReady,
            "no route to host",
            &format!("{kind:?}"),
        );
    }
}

#[test]
fn no_end_waits_for_a_target_that_is_gone() {
    for kind in kinds() {
        for step in [Step::Abandon, Step::Clean] {
            let mut case = at(kind, step);
            let leg = case.status.legs.last_mut().unwrap();
            leg.unpark_sent.clone_from(&leg.park_sent);
            leg.thawed.clone_from(&leg.park_sent);
            case.seen.key = KeySeen::Unseen;
            case.seen.hold = QueueSeen::Absent;
            case.seen.link = LinkSeen::Absent;
            case.seen.copy_connected = Some(false);
            case.seen.copy_consumes = Some(false);
            case.seen.rule = RuleSeen::Absent;
            case.seen.primary = QueueSeen::Present {
                ready: 0,
                consumers: 1,
                unacked: None,
            };
            case.seen.from_control = QueueSeen::Present {
                ready: 0,
                consumers: 1,
                unacked: None,
            };
            if let PodSeen::Present(copy) = &mut case.seen.to {
                copy.terminating = true;
            }
            let what = format!("{kind:?} {step:?} on route {:?}", case.route);
            assert!(
                matches!(case.after(1), Decision::Wait { .. }),
                "{what}: {:?}",
                case.after(1)
            );
            let later = case.after(limits::SILENCE.as_secs() + 1);
            assert!(matches!(later, Decision::Finish(_)), "{what}: {later:?}");
            // What somebody still consumes may hold messages.
            case.seen.leftovers = vec![(
                "ms2m.hold".into(),
                QueueSeen::Present {
                    ready: 0,
                    consumers: 1,
                    unacked: None,
                },
            )];
            let later = case.after(limits::SILENCE.as_secs() + 1);
            assert!(matches!(later, Decision::Wait { .. }), "{what}: {later:?}");
        }
    }
}

/// Neither the node nor the broker tells that the copy is gone, since it is the node that is gone.
#[test]
fn a_queue_that_we_hold_is_let_go_when_the_target_is_gone() {
    for kind in kinds() {
        if kind.hold != HoldKind::SingleActive {
            continue;
        }
        let mut case = at(kind, Step::Abandon);
        case.seen.key = KeySeen::Unseen;
        case.seen.copy_connected = None;
        case.seen.copy_consumes = None;
        let leg = case.status.legs.last_mut().unwrap();
        leg.transfer = Some(Transferred {
            wire_bytes: 1,
            total_micros: 1,
        });
        if let PodSeen::Present(copy) = &mut case.seen.to {
            copy.terminating = true;
        }
        let later = case.after(limits::SILENCE.as_secs() + 1);
        assert_eq!(later, Decision::Run(Action::DetachLink), "{kind:?}");
        if case.route == Route::InPlace {
            continue;
        }
        assert!(matches!(case.after(1), Decision::Wait { .. }), "{kind:?}");
        case.seen.copy_connected = Some(true);
        case.seen.copy_consumes = Some(true);
        let later = case.after(limits::SILENCE.as_secs() + 1);
        assert!(matches!(later, Decision::Wait { .. }), "{kind:?}: {later:?}");
    }
}

/// A handoff that would begin again has nowhere to begin.
#[test]
fn no_further_attempt_waits_for_a_target_that_is_gone() {
    for kind in kinds() {
        let mut case = at(kind, Step::Abandon);
        let lost = Cause::new(Reason::HoldLost, "the controller died").again();
        record::roll_back(&mut case.status, &lost, began());
        let leg = case.status.legs.last_mut().unwrap();
        leg.unpark_sent.clone_from(&leg.park_sent);
        leg.thawed.clone_from(&leg.park_sent);
        case.seen = Observed {
            from: case.seen.from,
            primary: QueueSeen::Present {
                ready: 0,
                consumers: 1,
                unacked: None,
            },
            link: LinkSeen::Absent,
            rule: RuleSeen::Absent,
            copy_connected: Some(false),
            copy_consumes: Some(false),
            to: PodSeen::Gone,
            hold: QueueSeen::Absent,
            backlog: QueueSeen::Absent,
            from_control: QueueSeen::Present {
                ready: 0,
                consumers: 1,
                unacked: None,
            },
            to_control: QueueSeen::Absent,
            ..Observed::default()
        };
        assert!(
            matches!(case.after(1), Decision::Wait { .. }),
            "{kind:?}: {:?}",
            case.after(1)
        );
        let later = case.after(limits::SILENCE.as_secs() + 1);
        assert!(matches!(later, Decision::Finish(_)), "{kind:?}: {later:?}");
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
