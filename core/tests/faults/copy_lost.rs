//! The copy is deleted, rejected, has no room, ends, or does not consume.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use shadow_core::api::{HoldKind, MigrationStrategy, SourceImage, Step};
use shadow_core::doubt::Doubt;
use shadow_core::machine::proof::{Expendable, Grace};
use shadow_core::machine::{Decision, Exit, KeySeen, PodSeen, PodView, QueueSeen, Route, limits};
use shadow_core::reason::Reason;
use shadow_core::wire::{Archive, Claim};

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

/// As an application does that gives up when it loses its connection, which every restored process does.
#[test]
fn a_copy_whose_process_ends_by_itself_is_told_with_its_exit_code_and_its_last_words() {
    for kind in kinds() {
        for step in [Step::Restore, Step::Commit] {
            let mut case = at(kind, step);
            let PodSeen::Present(view) = &mut case.seen.to else {
                continue;
            };
            view.exit = Some(Box::new(Exit {
                code: 7,
                out_of_memory: false,
                words: Some("StreamLostError".to_owned()),
            }));
            for word in ["exit code 7", "connect to the broker again", "StreamLostError"] {
                undone(
                    &case.after(1),
                    Reason::CopyEnded,
                    word,
                    &format!("{kind:?} {step:?}"),
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
fn an_image_that_the_target_cannot_get_is_named_by_digest_and_by_tag() {
    for kind in kinds() {
        let mut case = at(kind, Step::Stage);
        let PodSeen::Present(view) = &mut case.seen.to else {
            continue;
        };
        view.image_missing = true;
        view.trouble = Some("manifest unknown".into());
        case.seen.key = KeySeen::Known {
            claim: Claim::None,
            archive: Archive::Absent,
        };
        case.status.plan.as_mut().unwrap().image = Some(SourceImage {
            named: "orders:1".into(),
            id: "orders@sha256:12".into(),
            pinned: Some("orders@sha256:12".into()),
        });
        assert!(matches!(case.after(1), Decision::Wait { .. }), "{kind:?}");
        let later = case.after(limits::UNSCHEDULABLE.as_secs() + 1);
        for word in ["orders@sha256:12", "orders:1", "manifest unknown", "node-b"] {
            undone(&later, Reason::TargetRejected, word, &format!("{kind:?}"));
        }
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

/// Whatever the way and the hold: the verdict does not vouch for a memory that nobody has.
#[test]
fn a_copy_that_goes_while_the_old_pod_does_is_told_of() {
    let ways = kinds()
        .into_iter()
        .filter(|kind| kind.strategy == MigrationStrategy::ShadowPod);
    for kind in ways {
        let mut case = at(kind, Step::Retire);
        if case.route == Route::Twice {
            case.status.legs.last_mut().unwrap().number = 2;
        }
        case.commit();
        case.seen.from = PodSeen::Gone;
        (case.seen.from_control, case.seen.hold) = (QueueSeen::Absent, QueueSeen::Absent);
        let PodSeen::Present(copy) = case.seen.to.clone() else {
            panic!("{kind:?}: no copy");
        };
        let adopted = PodView {
            owner: Some("owner".into()),
            ..copy
        };
        let changed = |change: fn(&mut PodView)| {
            let mut view = adopted.clone();
            change(&mut view);
            PodSeen::Present(view)
        };
        case.seen.to = changed(|_| ());
        let Decision::Advance(next) = case.after(1) else {
            panic!("{kind:?}: {:?}", case.after(1));
        };
        assert_eq!(next.doubts, [], "{kind:?}");
        let pod = case.status.legs.last().unwrap().to.pod.clone();
        let deleted = Doubt::CopyDeleted { pod: pod.clone() };
        let ended = Doubt::CopyEnded { pod };
        let gone = [
            (PodSeen::Gone, deleted.clone()),
            (changed(|view| view.terminating = true), deleted.clone()),
            (changed(|view| view.uid = "another".into()), deleted),
            (changed(|view| view.ended = true), ended.clone()),
            (changed(|view| view.reran = true), ended),
        ];
        for (seen, how) in gone {
            case.seen.to = seen;
            let decision = case.after(1);
            let Decision::Advance(next) = &decision else {
                panic!("{kind:?}: {decision:?}");
            };
            assert_eq!(next.doubts, [how], "{kind:?}: {decision:?}");
        }
    }
}
