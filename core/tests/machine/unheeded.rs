//! Something goes on asking the address of the old pod while that goes.

use shadow_core::api::{Phase, Step};
use shadow_core::machine::limits;

use crate::drive::{Script, drive, in_turn};
use crate::mover::ALL;
use crate::world::Faults;

/// Its copy has the memory and is in all Services; a pod's grace period may be minutes.
#[test]
fn who_asks_the_address_of_a_pod_that_goes_does_not_keep_it() {
    for mover in ALL {
        let faults = Faults {
            is_asked_by_address: true,
            ..Faults::default()
        };
        let ended = drive(&Script {
            mover,
            faults,
            ..in_turn()
        });
        assert_eq!(ended.status.phase, Phase::Completed, "{mover:?}");
        let retired = ended
            .status
            .steps
            .iter()
            .filter(|record| record.step == Step::Retire);
        for record in retired {
            let took = record
                .finished
                .as_ref()
                .unwrap()
                .0
                .duration_since(record.started.0);
            assert!(took <= limits::HEEDED * 2, "{mover:?}: {took:?}");
        }
    }
}
