//! Somebody who does what a move says when it waits for a person, to the letter.

use shadow_core::api::MigrationStatus;
use shadow_core::machine::Cause;
use shadow_core::reason::Reason;

use crate::world::{BEFORE, SOURCE, TARGET, World};

/// Does it; what is advised has to be in the message as it is typed.
pub(crate) fn follow(cause: &Cause, world: &mut World, status: &MigrationStatus) {
    let says = |words: &str| cause.message.contains(words);
    if world.dead.is_some() && says("kubectl shadow cancel") {
        // What is on a node that never comes back is given up.
        world.cancel = true;
    }
    if cause.reason == Reason::NoPlace && world.dead.is_some() {
        assert!(says("bring it back"), "{cause:?}");
    } else if cause.reason == Reason::NoPlace {
        assert!(says(&format!("kubectl uncordon {TARGET}")), "{cause:?}");
        world.cordoned = false;
    } else if cause.reason == Reason::NotMadeAnew && world.unready_before {
        assert!(says(&format!("kubectl describe pod {BEFORE}")), "{cause:?}");
        world.unready_before = false;
    } else if cause.reason == Reason::NotMadeAnew && says("is gone, so nothing re-creates") {
        let typed = format!("kubectl shadow cancel {SOURCE} --give-memory-up");
        assert!(says(&typed), "{cause:?}");
        world.cancel = true;
    } else if cause.reason == Reason::NotMadeAnew {
        assert!(says("kubectl scale statefulset orders --replicas=1"), "{cause:?}");
        world.scaled_down = false;
    } else if cause.reason == Reason::SecondHandoffFails {
        assert!(
            says(&format!("to try once more, type: kubectl delete pod {SOURCE}")),
            "{cause:?}"
        );
        let last = status.legs.last().and_then(|leg| leg.to.uid.as_deref());
        world.sends_away(SOURCE, last);
    } else if cause.reason == Reason::RestoreFails {
        let typed = format!("kubectl shadow cancel {SOURCE} --give-memory-up");
        assert!(says(&typed) && says("spec.giveMemoryUp"), "{cause:?}");
        world.cancel = true;
    } else if cause.reason == Reason::GoneForGood {
        gives_up(cause, world);
    } else if cause.reason == Reason::WaitsForLong {
        // Without a word of that kind it goes on by itself, or it never does: then the run has no end.
        let typed = "kubectl delete pod ";
        let forced = cause.message.split(typed).nth(1);
        if let Some(pod) = forced.and_then(|rest| rest.split(" --force").next()) {
            world.removes(pod);
        }
    } else {
        panic!("nothing says what to do: {cause:?}");
    }
}

/// Nobody brings back what is gone, so the memory is given up.
fn gives_up(cause: &Cause, world: &mut World) {
    assert!(cause.message.contains("To let the move go on, "), "{cause:?}");
    if cause.message.contains("kubectl shadow cancel") {
        world.cancel = true;
        return;
    }
    let typed = cause.message.split("kubectl delete pod ").nth(1);
    let pod = typed.unwrap_or_else(|| panic!("nothing says what to do: {cause:?}"));
    let uid = world.pods.get(pod).map(|pod| pod.uid.clone());
    world.sends_away(pod, uid.as_deref());
}
