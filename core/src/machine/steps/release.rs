//! Release: the copy takes up the stream where the old instance stopped.
//!
//! Success: the copy consumes the primary queue.
//! Failure: there is only forward; the message is sent again until it has its effect (reading it twice does
//! nothing).

use crate::api::Step;
use crate::machine::observed::QueueSeen;
use crate::machine::steps::{blind, wait};
use crate::machine::{Action, Change, Decision, Next, Scene, limits};

/// Decides.
pub fn next(scene: &Scene<'_>) -> Decision {
    match scene.seen.primary {
        QueueSeen::Present { consumers, .. } if consumers > 0 => {
            Decision::Advance(Next::to(Step::Switch).change(Change::Released))
        }
        QueueSeen::Unseen => wait(scene, format!("the broker does not answer{}", blind(scene))),
        QueueSeen::Present { .. } | QueueSeen::Absent => {
            let sent = scene.leg.unpark_sent.as_ref().map(|t| t.0);
            if sent.is_none_or(|at| scene.now.duration_since(at) > limits::RESEND) {
                Decision::Run(Action::Unpark {
                    pod: scene.leg.to.pod.clone(),
                })
            } else {
                wait(
                    scene,
                    format!("pod {} goes back to its primary queue", scene.leg.to.pod),
                )
            }
        }
    }
}
