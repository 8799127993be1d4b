//! A restore goes no further.

use shadow_core::api::Step;
use shadow_core::machine::{Decision, KeySeen, QueueSeen, Route, limits};
use shadow_core::reason::Reason;
use shadow_core::wire::{Archive, Checkpointed, Claim};

use super::{at, kinds, undone};

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
