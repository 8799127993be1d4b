//! A sequential move whose restore cannot be finished: the source has gone, and no wait is endless.

use shadow_core::api::{MigrationStrategy, Step};
use shadow_core::doubt::Doubt;
use shadow_core::machine::{Decision, KeySeen, PodSeen, PodView, QueueSeen, Route, limits};
use shadow_core::wire::{Archive, Claim};

use super::{Case, Kind, at, kinds};

const POD: &str = "again";

fn committed() -> Vec<(Kind, Case)> {
    let sequential = kinds()
        .into_iter()
        .filter(|kind| kind.strategy == MigrationStrategy::Sequential);
    sequential
        .map(|kind| {
            let mut case = at(kind, Step::Restore);
            assert_eq!(case.route, Route::InPlace, "{kind:?}");
            case.commit();
            case.seen.from = PodSeen::Gone;
            case.seen.to = re_created(&case, |_| ());
            case.seen.copy_connected = Some(false);
            case.seen.copy_consumes = Some(false);
            case.seen.hold = QueueSeen::Present {
                ready: 0,
                consumers: 0,
                unacked: Some(0),
            };
            (kind, case)
        })
        .collect()
}

fn re_created(case: &Case, change: fn(&mut PodView)) -> PodSeen {
    let key = case.status.legs.last().unwrap().key.to_string();
    let mut view = PodView {
        uid: POD.into(),
        key: Some(key),
        ..PodView::default()
    };
    change(&mut view);
    PodSeen::Present(view)
}

fn claimed(claim: Claim) -> KeySeen {
    KeySeen::Known {
        claim,
        archive: Archive::Complete,
    }
}

fn restored(uid: &str) -> KeySeen {
    claimed(Claim::Restored {
        pod_uid: uid.into(),
        micros: 1,
    })
}

/// The move ends, and its verdict says that the memory is lost.
fn is_given_up(case: &Case, seconds: i64, word: &str, what: &str) {
    let decision = case.after(seconds);
    let Decision::Advance(next) = &decision else {
        panic!("{what}: {decision:?}");
    };
    let [doubt @ Doubt::MemoryGivenUp { why, .. }] = next.doubts.as_slice() else {
        panic!("{what}: {decision:?}");
    };
    assert!(
        next.step == Step::Clean && why.contains(word) && doubt.to_string().contains(why),
        "{what}: {decision:?}"
    );
}

#[test]
fn a_process_that_ended_before_it_consumed_is_not_waited_for() {
    for (kind, mut case) in committed() {
        case.seen.key = restored(POD);
        assert!(matches!(case.after(1), Decision::Wait { .. }), "{kind:?}");
        for change in [(|view| view.reran = true) as fn(&mut PodView), |view| {
            view.ended = true
        }] {
            case.seen.to = re_created(&case, change);
            is_given_up(&case, 1, "ended before it consumed", &format!("{kind:?}"));
        }
    }
}

#[test]
fn a_pod_in_place_of_the_restored_one_is_not_refused_for_ever() {
    for (kind, mut case) in committed() {
        let taken = claimed(Claim::Taken {
            pod_uid: "before".into(),
        });
        for key in [restored("before"), taken] {
            case.seen.key = key;
            is_given_up(&case, 1, "another one came", &format!("{kind:?}"));
            // The one that goes is not the one that stays.
            case.seen.to = re_created(&case, |view| view.terminating = true);
            assert!(matches!(case.after(1), Decision::Wait { .. }), "{kind:?}");
            case.seen.to = re_created(&case, |_| ());
        }
    }
}

#[test]
fn an_archive_that_went_with_its_node_is_not_waited_for() {
    for (kind, mut case) in committed() {
        case.seen.key = KeySeen::Unknown;
        is_given_up(&case, 1, "lost the archive", &format!("{kind:?}"));
    }
}

/// A wish to cancel is too late after the commit, and no wish to lose the memory.
#[test]
fn a_restore_that_goes_no_further_is_given_up_when_asked() {
    let late = limits::connected(0).as_secs() + 1;
    for (kind, mut case) in committed() {
        for key in [KeySeen::Unseen, claimed(Claim::None)] {
            case.seen.key = key;
            (case.seen.give_memory_up, case.seen.cancel) = (false, true);
            is_told(&case, late, "spec.giveMemoryUp", &format!("{kind:?}"));
            case.seen.give_memory_up = true;
            assert!(matches!(case.after(1), Decision::Wait { .. }), "{kind:?}");
            is_given_up(&case, late, "as asked", &format!("{kind:?}"));
        }
    }
}

/// Nobody would tell it to go on, and it would not start from its image.
#[test]
fn a_process_that_may_live_is_not_given_up() {
    let late = limits::connected(0).as_secs() + 1;
    for (kind, mut case) in committed() {
        case.seen.give_memory_up = true;
        case.seen.key = restored(POD);
        is_told(&case, late, "delete pod", &format!("{kind:?}"));
        case.seen.hold = QueueSeen::Present {
            ready: 0,
            consumers: 1,
            unacked: Some(0),
        };
        for key in [KeySeen::Unseen, KeySeen::Unknown] {
            case.seen.key = key;
            is_told(&case, late, "delete pod", &format!("{kind:?}"));
        }
    }
}

/// It is waited for, and the reason names the way out.
fn is_told(case: &Case, seconds: i64, way_out: &str, what: &str) {
    let Decision::Wait { reason, .. } = case.after(seconds) else {
        panic!("{what}: {:?}", case.after(seconds));
    };
    assert!(reason.contains(way_out), "{what}: {reason}");
}
