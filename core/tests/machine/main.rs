//! The machine in a world that moves on by itself: whatever the order of events, wherever the controller crashes and
//! whatever fails, the end is one of two, and nothing that must not happen happens on the way.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a failing step is a failing test"
)]

mod advice;
mod called_off;
mod deaf;
mod drive;
mod evidence;
mod gone;
mod lost;
mod made_anew;
mod max_pause;
mod mover;
mod overheard;
mod owner;
mod silence;
mod undone;
mod unheeded;
mod world;

use drive::{Ended, Script, drive, holder, in_turn, serving};
use k8s_openapi::jiff::Timestamp;
use mover::{ALL, Mover};
use proptest::prelude::*;
use shadow_core::api::{HoldKind, MigrationStatus, OwnerKind, Phase, StatefulMigrationSpec, Step};
use shadow_core::doubt::DoubtReason;
use shadow_core::machine::{self, Decision, limits, next_step};
use shadow_core::reason::Reason;
use world::{Faults, Memory, REPLACEMENT, SHADOW, SOURCE};

fn movers() -> impl Strategy<Value = Mover> {
    prop::sample::select(ALL.to_vec())
}

#[test]
fn an_undisturbed_move_ends_with_the_memory_under_the_old_name() {
    let Ended { world, status, .. } = drive(&in_turn());
    assert_eq!(status.phase, Phase::Completed);
    assert_eq!(serving(&world, SOURCE), Some(Memory::Moved));
    assert_ne!(world.pods[SOURCE].uid, "source");
    assert!(!world.pods.contains_key(SHADOW));
    assert!(status.verdict.unwrap().exact);
    let steps: Vec<Step> = status
        .steps
        .iter()
        .filter(|s| s.leg == 2)
        .map(|s| s.step)
        .collect();
    assert_eq!(steps.first(), Some(&Step::Stage));
    assert_eq!(steps.last(), Some(&Step::Clean));
}

#[test]
fn every_kind_of_pod_is_moved_and_nothing_else_is_started() {
    for mover in ALL {
        let ended = drive(&Script { mover, ..in_turn() });
        let (world, status) = (&ended.world, &ended.status);
        assert_eq!(status.phase, Phase::Completed, "{mover:?}");
        assert!(status.verdict.as_ref().unwrap().exact, "{mover:?}");
        assert_eq!(serving(world, &holder(&ended)), Some(Memory::Moved), "{mover:?}");
        assert!(
            !world.pods.contains_key(REPLACEMENT),
            "{mover:?}: the ReplicaSet started another pod"
        );
        let keeps_name = mover
            .owner()
            .is_some_and(|owner| owner.kind == OwnerKind::StatefulSet);
        assert_eq!(world.pods.contains_key(SOURCE), keeps_name, "{mover:?}");
        assert_eq!(world.pods.len(), 1, "{mover:?}: {:?}", world.pods);
    }
}

/// `Finalizing` says that nothing is held any more; the second handoff holds messages as the first does.
#[test]
fn the_phase_shows_each_handoff_and_finalizing_is_the_last_one() {
    for mover in ALL {
        let shown = drive(&Script { mover, ..in_turn() }).shown;
        let mut phases: Vec<_> = shown
            .iter()
            .map(|(of, phase, _)| (of.as_deref(), *phase))
            .collect();
        phases.dedup();
        let handoffs = if shown.iter().any(|(of, ..)| of.as_deref() == Some("2/2")) {
            ["1/2", "2/2"].as_slice()
        } else {
            ["1/1"].as_slice()
        };
        for of in handoffs {
            for phase in [
                Phase::Checkpointing,
                Phase::Transferring,
                Phase::Restoring,
                Phase::Replaying,
            ] {
                assert!(
                    phases.contains(&(Some(of), phase)),
                    "{mover:?}: {of} {phase:?} in {phases:?}"
                );
            }
        }
        let last = shown
            .iter()
            .position(|(_, phase, _)| *phase == Phase::Finalizing)
            .unwrap();
        let held = shown[last..].iter().any(|(_, phase, step)| {
            *phase != Phase::Finalizing || matches!(step, Step::Hold | Step::Checkpoint | Step::Release)
        });
        assert!(!held, "{mover:?}: {:?}", &shown[last..]);
    }
}

/// The simulated application needs a round or more for each way; the whole move is longer than its stalls.
#[test]
fn every_move_tells_its_longest_stall_and_it_is_shorter_than_the_time_under_hold() {
    for mover in ALL {
        let status = drive(&Script { mover, ..in_turn() }).status;
        let pause: i64 = status
            .pause
            .as_deref()
            .and_then(|text| text.strip_suffix("ms"))
            .unwrap()
            .parse()
            .unwrap();
        let held = status.legs.iter().filter_map(|leg| {
            let end = leg.released.as_ref()?.0;
            let begin = leg.park_sent.as_ref().or(leg.parked.as_ref())?.0;
            Some(end.duration_since(begin).as_millis())
        });
        let held = held.max().unwrap();
        assert!(
            pause > 0 && i128::from(pause) <= held,
            "{mover:?}: {pause} of {held} ms"
        );
    }
}

#[test]
fn a_move_that_was_undone_after_its_hold_tells_how_long_the_source_stood_still() {
    let mut undone = 0;
    for mover in ALL {
        let faults = Faults {
            failing_restores: 1,
            ..Faults::default()
        };
        let status = drive(&Script {
            faults,
            mover,
            ..in_turn()
        })
        .status;
        if status.phase == Phase::Failed {
            let held = status.legs.last().unwrap();
            assert!(
                held.resumed.is_some() && status.pause.is_some(),
                "{mover:?}: {held:?}"
            );
            undone += 1;
        }
    }
    assert!(undone > 0);
}

/// The source has gone by then: its memory is in the archive alone, which is kept until a person decides.
#[test]
fn a_restore_that_keeps_failing_after_the_source_went_asks_a_person() {
    let stuck = |failing_restores| {
        let faults = Faults {
            failing_restores,
            ..Faults::default()
        };
        let mover = Mover::Sequential;
        std::panic::catch_unwind(|| {
            drive(&Script {
                faults,
                mover,
                ..in_turn()
            })
        })
    };
    for fails in 0..=limits::RESTORES {
        let ended = stuck(fails).unwrap();
        assert_eq!(
            serving(&ended.world, SOURCE),
            Some(Memory::Moved),
            "{fails} failures"
        );
        assert!(ended.status.verdict.unwrap().exact);
    }
    let said = *stuck(limits::RESTORES + 1)
        .err()
        .unwrap()
        .downcast::<String>()
        .unwrap();
    assert!(
        said.contains("RestoreFails") && said.contains("spec.giveMemoryUp"),
        "{said}"
    );
}

#[test]
fn a_failed_first_restore_leaves_the_source_as_it_was() {
    let faults = Faults {
        failing_restores: 1,
        ..Faults::default()
    };
    let Ended { world, status, .. } = drive(&Script { faults, ..in_turn() });
    assert_eq!(status.phase, Phase::Failed);
    assert_eq!(status.rollback.unwrap().reason, Reason::RestoreFailed);
    assert_eq!(serving(&world, SOURCE), Some(Memory::Moved));
    assert_eq!(world.pods[SOURCE].uid, "source");
}

/// A copy that could be set back to its checkpoint later must not become the truth.
#[test]
fn a_registry_that_keeps_the_image_undoes_the_move() {
    for mover in [
        Mover::StatefulSetByImage,
        Mover::BareByImage,
        Mover::DeploymentByImage,
        Mover::SingleActiveDeploymentByImage,
    ] {
        let faults = Faults {
            keeps_images: true,
            ..Faults::default()
        };
        let Ended { world, status, .. } = drive(&Script {
            faults,
            mover,
            ..in_turn()
        });
        assert_eq!(status.rollback.unwrap().reason, Reason::ImageStays, "{mover:?}");
        assert_eq!(serving(&world, SOURCE), Some(Memory::Moved), "{mover:?}");
        assert_eq!(world.pods.len(), 1, "{mover:?}: {:?}", world.pods);
    }
}

fn is_of_a_set(mover: &Mover) -> bool {
    let owner = mover.owner();
    owner.is_some_and(|owner| owner.kind == OwnerKind::StatefulSet)
}

/// A pod that waits for a memory which never comes must not be what is left, nor be what the end waits for.
#[test]
fn whatever_crashes_a_set_has_its_pod_in_the_end() {
    for mover in ALL.into_iter().filter(is_of_a_set) {
        for (round, pod) in (0..200).flat_map(|round| [(round, SOURCE), (round, SHADOW)]) {
            let Ended {
                mut world, status, ..
            } = drive(&Script {
                mover,
                crash: Some(round),
                crashing: Some(pod),
                ..in_turn()
            });
            (0..40).for_each(|n| world.tick(n, &status));
            let runs = world.pods.get(SOURCE).is_some_and(|pod| pod.process.is_some());
            assert!(
                runs,
                "{mover:?}, {pod} crashed in round {round}: {:?}",
                world.pods
            );
        }
    }
}

#[test]
fn a_failed_restore_by_image_leaves_the_source_as_it_was() {
    let faults = Faults {
        failing_restores: 1,
        ..Faults::default()
    };
    let mover = Mover::BareByImage;
    let Ended { world, status, .. } = drive(&Script {
        faults,
        mover,
        ..in_turn()
    });
    let rollback = status.rollback.unwrap();
    assert_eq!(rollback.reason, Reason::RestoreFailed);
    assert!(
        rollback.message.contains("criu failed") && rollback.message.contains("log-file"),
        "why, and how to learn more: {}",
        rollback.message
    );
    assert_eq!(serving(&world, SOURCE), Some(Memory::Moved));
    assert_eq!(world.pods.len(), 1, "{:?}", world.pods);
}

/// What it was told, and has not obeyed when it is called off, must not stop it later.
#[test]
fn a_busy_application_is_told_to_go_on_before_it_waits() {
    for mover in [
        Mover::StatefulSet,
        Mover::Sequential,
        Mover::Deployment,
        Mover::Bare,
    ] {
        for (cancel, killed) in (0..60).flat_map(|round| [(round, false), (round, true)]) {
            let faults = Faults {
                slow_to_obey: 25,
                ..Faults::default()
            };
            let mut ended = drive(&Script {
                faults,
                mover,
                cancel: Some(cancel),
                kills: if killed { vec![cancel] } else { Vec::new() },
                ..in_turn()
            });
            (0..600).for_each(|n| ended.world.tick(n, &ended.status));
            assert_eq!(
                serving(&ended.world, &holder(&ended)),
                Some(Memory::Moved),
                "{mover:?} cancelled in round {cancel}, and the controller killed: {killed}: {:?}",
                ended.world.pods
            );
        }
    }
}

#[test]
fn a_status_without_a_plan_is_stuck_and_never_success() {
    let spec = StatefulMigrationSpec::default();
    let now = Timestamp::from_second(0).unwrap();
    let decision = next_step(&spec, &MigrationStatus::default(), &Default::default(), now);
    assert!(matches!(decision, Decision::Stuck(_)));
}

/// What another program takes away of the status of a move under way.
#[test]
fn a_status_from_which_something_was_taken_is_unreadable_and_one_that_is_whole_is_not() {
    let whole = serde_json::json!({
        "phase": "Checkpointing",
        "plan": {"strategy": "ShadowPod", "because": "", "container": "c", "sourceNode": "node-a",
            "targetNode": "node-b", "checkpointBackend": "Runtime",
            "source": {"namespace": "shop", "name": "orders-0", "uid": "source"},
            "queue": {"queue": "orders", "quorum": false}},
        "intent": {"step": "Hold", "leg": 1, "since": "1970-01-01T00:00:00.000000Z"},
        "legs": [{"number": 1, "attempt": 0, "key": "11111111-1111-1111-1111-111111111111-1",
            "from": {"pod": "orders-0", "uid": "source", "node": "node-a"},
            "to": {"pod": "orders-0-shadow", "node": "node-b"}}],
    });
    let of = |missing: &str, phase: &str| {
        let mut value = whole.clone();
        value["phase"] = phase.into();
        value.as_object_mut().unwrap().remove(missing);
        let status: MigrationStatus = serde_json::from_value(value).unwrap();
        machine::unreadable(&status).map(|cause| cause.message)
    };
    for (missing, word) in [
        ("plan", "no plan"),
        ("intent", "no intent"),
        ("legs", "no handoff"),
    ] {
        let said = of(missing, "Checkpointing").unwrap();
        assert!(
            said.contains(word) && said.contains("Delete this object"),
            "{said}"
        );
        assert_eq!(of(missing, "Failed"), None, "{missing}");
    }
    assert_eq!(of("nothing", "Checkpointing"), None);
    assert_eq!(machine::unreadable(&MigrationStatus::default()), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn wherever_the_controller_is_killed_the_move_completes(
        choices in prop::collection::vec(0usize..60, 40..80),
        kills in prop::collection::vec(0usize..300, 0..12),
        mover in movers(),
    ) {
        // Five deaths in the second handoff's hold leave the sixth attempt to a person.
        let ended = drive(&Script { choices, kills, mover, person: true, ..Script::default() });
        // A hold that lives in a process dies with it; after so many attempts the source goes on.
        let gave_up = mover.hold() == HoldKind::SingleActive
            && ended.status.legs.len() >= limits::FIRST_LEG_ATTEMPTS as usize;
        prop_assert!(gave_up || ended.status.phase == Phase::Completed, "{:?}", ended.status.rollback);
        prop_assert_eq!(serving(&ended.world, &holder(&ended)), Some(Memory::Moved));
        prop_assert!(!ended.world.pods.contains_key(REPLACEMENT));
    }

    #[test]
    fn a_cancelled_move_is_undone_or_completes(
        choices in prop::collection::vec(0usize..60, 40..80),
        kills in prop::collection::vec(0usize..300, 0..6),
        cancel in 0usize..200,
        mover in movers(),
    ) {
        let ended = drive(&Script { choices, kills, cancel: Some(cancel), mover, ..Script::default() });
        let undone = ended.status.phase == Phase::Cancelled;
        prop_assert!(undone || ended.status.phase == Phase::Completed);
        let kept = ended.world.pods.get(SOURCE).is_some_and(|pod| pod.uid == "source");
        prop_assert_eq!(kept, undone);
        prop_assert_eq!(serving(&ended.world, &holder(&ended)), Some(Memory::Moved));
        prop_assert!(!ended.world.pods.contains_key(REPLACEMENT));
    }

    #[test]
    fn a_crash_of_the_source_is_never_reported_as_an_exact_move_of_lost_memory(
        choices in prop::collection::vec(0usize..60, 40..80),
        crash in 0usize..200,
        mover in movers(),
    ) {
        let mut ended = drive(&Script { choices, crash: Some(crash), mover, ..Script::default() });
        // A container that crashed under the moved pod's name starts anew now.
        (0..20).for_each(|choice| ended.world.tick(choice, &ended.status));
        let memory = serving(&ended.world, &holder(&ended));
        prop_assert!(memory.is_some(), "nobody serves");
        let exact = ended.status.verdict.as_ref().unwrap().exact;
        let completed = ended.status.phase == Phase::Completed;
        let replaced = ended.world.pods.get(SOURCE).is_none_or(|pod| pod.uid != "source");
        prop_assert!(!(completed && exact) || memory == Some(Memory::Moved) || replaced);
    }

    #[test]
    fn failing_restores_of_the_second_handoff_are_tried_again(
        choices in prop::collection::vec(0usize..60, 40..80),
        failing_restores in 0u32..4,
    ) {
        let faults = Faults { failing_restores, ..Faults::default() };
        let ended = drive(&Script { choices, faults, ..Script::default() });
        prop_assert_eq!(serving(&ended.world, SOURCE), Some(Memory::Moved));
    }
}

/// In every round of every move, until the move ends before that round; the next controller comes at once, or so late that
/// what is due by the clock alone would be given up before it was tried.
#[test]
fn a_controller_that_is_killed_in_any_round_loses_nothing() {
    for (mover, outage) in ALL
        .into_iter()
        .flat_map(|mover| [0, 125].map(|outage| (mover, outage)))
    {
        let mut round = 0;
        while killed_in(round, outage, mover) >= round {
            round += 1;
        }
        assert!(round > 20, "{mover:?} ended in round {round}");
    }
}

/// Returns the round in which the move ended.
fn killed_in(round: usize, outage: usize, mover: Mover) -> usize {
    let ended = drive(&Script {
        kills: vec![round],
        outage,
        mover,
        ..in_turn()
    });
    let case = format!("{mover:?} killed in round {round}, back after {outage}");
    assert_eq!(
        serving(&ended.world, &holder(&ended)),
        Some(Memory::Moved),
        "{case}"
    );
    let verdict = ended.status.verdict.unwrap();
    let said = mover.hold() == HoldKind::SingleActive
        && verdict
            .doubts
            .iter()
            .all(|told| told.reason == DoubtReason::HoldLost);
    assert_eq!(verdict.exact, verdict.doubts.is_empty(), "{case}: {verdict:?}");
    assert!(verdict.exact || said, "{case}: {verdict:?}");
    ended.rounds
}

/// What an application had applied without acknowledging comes again when its connection breaks.
#[test]
fn a_connection_lost_during_the_hold_is_said_in_the_verdict() {
    let how = "the broker was away";
    let script = Script {
        lost: Some(how.to_owned()),
        ..in_turn()
    };
    let ended = drive(&script);
    assert_eq!(ended.status.phase, Phase::Completed);
    let verdict = ended.status.verdict.unwrap();
    assert!(!verdict.exact, "{verdict:?}");
    assert_eq!(verdict.doubts.len(), 1, "{verdict:?}");
    assert_eq!(verdict.doubts[0].reason, DoubtReason::ConnectionLost);
    assert!(verdict.because.contains(how), "{verdict:?}");
}
