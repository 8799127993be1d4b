//! Release: the copy takes up the stream where the old instance stopped.
//!
//! Success: the copy consumes the primary queue, or first what is older than it and finite.
//! Failure: there is only forward; the message is sent again until it has its effect (reading it twice does
//! nothing). A copy that died cannot read it, and the agent lets it start anew only when the migration is over: it is
//! not waited for, and the verdict says so.

use crate::api::Step;
use crate::doubt::Doubt;
use crate::machine::observed::{PodSeen, QueueSeen};
use crate::machine::steps::{after, blind, fenced, single_active, wait};
use crate::machine::{Action, Change, Decision, Next, Scene, limits};

/// Decides.
pub fn next(scene: &Scene<'_>) -> Decision {
    if single_active::applies(scene) {
        return single_active::release(scene);
    }
    if scene.status.fence.is_some() {
        return fenced::release(scene);
    }
    match scene.seen.primary {
        // Without the message it would be somebody else: an old instance that crashed and started anew.
        QueueSeen::Present { consumers, .. } if consumers > 0 && scene.leg.unpark_sent.is_some() => {
            Decision::Advance(after(Step::Release, scene).change(Change::Released))
        }
        QueueSeen::Unseen => wait(scene, format!("the broker does not answer{}", blind(scene))),
        QueueSeen::Present { .. } | QueueSeen::Absent if is_lost(scene) => Decision::Advance(lost(scene)),
        QueueSeen::Present { .. } | QueueSeen::Absent => {
            let sent = scene.leg.unpark_sent.as_ref().map(|t| t.0);
            if sent.is_none_or(|at| scene.now.duration_since(at) > limits::RESEND) {
                Decision::Run(Action::Unpark {
                    pod: scene.leg.to.pod.clone(),
                })
            } else {
                wait(
                    scene,
                    format!("pod {} returns to its primary queue", scene.leg.to.pod),
                )
            }
        }
    }
}

/// It ended, or has not followed the message for longer than any application needs to reconnect. Counted from the
/// message, not from the step: between them a controller may have died.
pub(super) fn is_lost(scene: &Scene<'_>) -> bool {
    let ended = match &scene.seen.to {
        PodSeen::Present(view) => view.ended,
        PodSeen::Gone => true,
        PodSeen::Unseen => false,
    };
    let asked = scene.leg.unpark_first_sent.as_ref().map(|t| t.0);
    ended || asked.is_some_and(|at| scene.now.duration_since(at) > limits::TRAFFIC)
}

/// Should it come back, it finds the message in its control queue, and its hold queue stays as long as it is on it.
pub(super) fn lost(scene: &Scene<'_>) -> Next {
    let pod = scene.leg.to.pod.clone();
    after(Step::Release, scene)
        .change(Change::Released)
        .doubt(Doubt::CopySilent { pod })
}
