//! What becomes of a move when the copy or its node fails.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use shadow_core::api::{HoldKind, Step};
use shadow_core::machine::proof::{Expendable, Grace};
use shadow_core::machine::{
    Action, Cause, Decision, KeySeen, LinkSeen, Observed, PodSeen, QueueSeen, Route, RuleSeen, limits, record,
};
use shadow_core::reason::Reason;
use shadow_core::wire::{Archive, Checkpointed, Claim, Transferred};

use super::{Case, at, began, fates, kinds, undone};

#[test]
fn a_copy_that_has_to_go_before_it_took_over_is_not_waited_for() {
    for kind in kinds() {
        for step in [Step::Restore, Step::Commit] {
            let healthy = at(kind, step);
            let PodSeen::Present(view) = &healthy.seen.to else {
                // The archive is all that there is of it before the source goes.
                healthy.goes_forward(&format!("{kind:?} {step:?}"));
                continue;
            };
            for (fate, word) in fates(view) {
                let mut case = at(kind, step);
                case.seen.to = fate.clone();
                undone(
                    &case.after(1),
                    Reason::TargetRejected,
                    word,
                    &format!("{kind:?} {step:?} {fate:?}"),
                );
            }
        }
    }
}

/// Its shutdown would be done in the source's name, and whoever called the move off would wait for it.
#[test]
fn a_copy_that_is_not_wanted_has_no_time_to_say_goodbye_and_a_source_that_was_moved_has_its_own() {
    for kind in kinds() {
        let Case {
            mut status,
            seen,
            route,
        } = at(kind, Step::Commit);
        let leg = status.legs.last_mut().unwrap();
        let copy = Expendable::uncommitted_copy(leg, "default", &seen.to).map(|copy| copy.grace());
        let runs = route != Route::InPlace;
        assert_eq!(copy, runs.then_some(Grace::Shortest), "{kind:?}");
        leg.committed = Some(MicroTime(began()));
        let source = Expendable::superseded(leg, "default").unwrap();
        assert_eq!(source.grace(), Grace::ItsOwn, "{kind:?}");
    }
}

#[test]
fn a_copy_without_room_is_waited_for_a_moment_and_then_named() {
    for kind in kinds() {
        let mut case = at(kind, Step::Stage);
        let PodSeen::Present(view) = &mut case.seen.to else {
            continue;
        };
        view.unschedulable = true;
        view.trouble = Some("0/2 nodes are available: 1 Insufficient cpu".into());
        case.seen.key = KeySeen::Known {
            claim: Claim::None,
            archive: Archive::Absent,
        };
        assert!(
            matches!(case.after(1), Decision::Wait { .. }),
            "{:?}",
            case.after(1)
        );
        let later = case.after(limits::UNSCHEDULABLE.as_secs() + 1);
        undone(
            &later,
            Reason::TargetRejected,
            "Insufficient cpu",
            &format!("{kind:?}"),
        );
        undone(&later, Reason::TargetRejected, "node-b", &format!("{kind:?}"));
    }
}

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

/// Whoever reads why it took too long is told how far the copy came and where to look.
#[test]
fn a_restore_that_goes_no_further_is_undone_and_says_how_far_it_came() {
    let pod_uid = || "copy".to_owned();
    let claims = [
        (Claim::None, "kubelet on node-b"),
        (
            Claim::Waiting { pod_uid: pod_uid() },
            "waits for the archive on node-b",
        ),
        (Claim::Taken { pod_uid: pod_uid() }, "runs on node-b"),
        (
            Claim::Restored {
                pod_uid: pod_uid(),
                micros: 1,
            },
            "its log",
        ),
    ];
    for kind in kinds() {
        for (claim, word) in &claims {
            let mut case = at(kind, Step::Restore);
            if case.route == Route::InPlace {
                continue;
            }
            case.seen.hold = QueueSeen::Present {
                ready: 0,
                consumers: 0,
                unacked: Some(0),
            };
            case.seen.copy_connected = Some(false);
            case.seen.copy_consumes = Some(false);
            case.seen.key = KeySeen::Known {
                claim: claim.clone(),
                archive: Archive::Complete,
            };
            let what = format!("{kind:?} {claim:?}");
            for bytes in [0, 2_000_000_000] {
                let leg = case.status.legs.last_mut().unwrap();
                leg.checkpoint = Some(Checkpointed {
                    digest: "d".into(),
                    bytes,
                    frozen_micros: 1,
                    total_micros: 1,
                });
                let limit = limits::connected(bytes).as_secs();
                assert!(matches!(case.after(limit), Decision::Wait { .. }), "{what}");
                undone(&case.after(limit + 1), Reason::RestoreTimeout, word, &what);
            }
        }
    }
}

/// The agent ends a restore that hangs, and its reason reaches the controller before the controller gives up.
#[test]
fn who_ends_a_restore_has_time_to_say_why() {
    for bytes in [0, 99_999_999, 5_000_000_000, 1 << 50] {
        assert!(limits::restore(bytes) < limits::connected(bytes), "{bytes}");
    }
}

/// What a consumer of the primary queue took is not in the copy's memory.
#[test]
fn a_consumer_that_appears_before_the_commit_undoes_the_move() {
    for kind in kinds() {
        if kind.hold == HoldKind::SingleActive {
            // Its queue serves nobody beside our own consumer.
            continue;
        }
        let mut case = at(kind, Step::Commit);
        let queue = |consumers| QueueSeen::Present {
            ready: 3,
            consumers,
            unacked: None,
        };
        for (primary, backlog) in [(queue(1), QueueSeen::Absent), (queue(0), queue(1))] {
            let fenced = backlog != QueueSeen::Absent;
            case.status.fence = fenced.then(|| shadow_core::api::Fence {
                key: case.status.legs.last().unwrap().key.clone(),
                twins: false,
            });
            (case.seen.primary, case.seen.backlog) = (primary, backlog);
            undone(
                &case.after(1),
                Reason::UnexpectedConsumer,
                "1 consumers appeared",
                &format!("{kind:?}, fenced: {fenced}"),
            );
        }
    }
}

/// Its connection is open and its login is refused: the password was changed since the source logged in.
#[test]
fn a_copy_that_is_connected_and_does_not_consume_is_never_the_truth() {
    for kind in kinds() {
        if kind.hold != HoldKind::SingleActive {
            continue;
        }
        for step in [Step::Restore, Step::Commit] {
            let mut case = at(kind, step);
            if case.route == Route::InPlace {
                continue;
            }
            case.seen.copy_connected = Some(true);
            case.seen.key = KeySeen::Known {
                claim: Claim::Restored {
                    pod_uid: "copy".to_owned(),
                    micros: 1,
                },
                archive: Archive::Complete,
            };
            let decision = case.after(1);
            assert!(
                matches!(decision, Decision::Advance(_)),
                "{kind:?} {step:?}: {decision:?}"
            );
            for consumes in [Some(false), None] {
                case.seen.copy_consumes = consumes;
                assert!(
                    matches!(case.after(1), Decision::Wait { .. }),
                    "{kind:?} {step:?}"
                );
                let later = case.after(limits::connected(0).as_secs() + 60);
                assert!(
                    matches!(later, Decision::RollBack(_)),
                    "{kind:?} {step:?}: {later:?}"
                );
            }
        }
    }
}
