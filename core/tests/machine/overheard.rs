//! Client libraries that restore all consumers of their memory when they connect again: a copy consumes the control queue of the
//! pod that it was dumped in, beside its own.

use shadow_core::api::Phase;

use crate::drive::{Script, drive, holder, in_turn, serving};
use crate::mover::{ALL, Mover};
use crate::world::{Faults, Memory, SOURCE};

fn script(mover: Mover) -> Script {
    Script {
        mover,
        faults: Faults {
            restores_consumers: true,
            ..Faults::default()
        },
        ..in_turn()
    }
}

#[test]
fn a_copy_that_restores_all_its_consumers_is_refused_those_of_the_old_pod() {
    for mover in ALL {
        let ended = drive(&script(mover));
        assert_eq!(ended.status.phase, Phase::Completed, "{mover:?}");
        assert!(ended.status.verdict.as_ref().unwrap().exact, "{mover:?}");
        assert_eq!(
            serving(&ended.world, &holder(&ended)),
            Some(Memory::Moved),
            "{mover:?}"
        );
    }
}

/// What the source is told when the move is called off is not read by its copy.
#[test]
fn a_copy_that_overhears_its_source_goes_before_that_is_told_to_go_on() {
    for mover in ALL {
        for (cancel, stride) in (0..120)
            .step_by(2)
            .flat_map(|cancel| [1, 5, 7].map(|stride| (cancel, stride)))
        {
            let ended = drive(&Script {
                cancel: Some(cancel),
                choices: (0..60).map(|n| n * stride).collect(),
                ..script(mover)
            });
            let case = format!("{mover:?} cancelled in round {cancel}, {stride}");
            let undone = ended.status.phase == Phase::Cancelled;
            assert!(undone || ended.status.phase == Phase::Completed, "{case}");
            let kept = ended
                .world
                .pods
                .get(SOURCE)
                .is_some_and(|pod| pod.uid == "source");
            assert_eq!(kept, undone, "{case}");
            assert_eq!(
                serving(&ended.world, &holder(&ended)),
                Some(Memory::Moved),
                "{case}"
            );
        }
    }
}
