//! One module per step: what holds when it succeeds, what holds when it fails, and what it decides.

pub mod abandon;
pub mod by_image;
pub mod checkpoint;
pub mod clean;
pub mod commit;
mod control;
pub mod exclude;
pub mod fence;
pub(super) mod fenced;
pub mod follow;
mod frozen;
pub mod gone;
pub mod guard;
pub mod hold;
mod last_look;
pub mod lasting;
mod made_anew;
pub mod release;
pub mod restore;
pub mod retire;
pub mod rollout;
pub mod single_active;
pub mod stage;
pub mod switch;
pub mod transfer;
mod unrestored;

use k8s_openapi::jiff::{SignedDuration, Timestamp};

use crate::api::Step;
use crate::doubt::DoubtReason;
use crate::machine::{Decision, KeySeen, Next, Scene, limits};

/// What follows the present handoff's `step` on this route: its next step, the next handoff, or the end.
fn after(step: Step, scene: &Scene<'_>) -> Next {
    let leg = scene.leg.number;
    match scene.route.after(scene.plan.queue.hold, step, leg) {
        Some(next) => Next::to(next),
        None if scene.route.ends_with(leg) => Next::to(Step::Clean),
        None => Next::to(Step::Stage).begin(leg + 1, 0),
    }
}

/// Whether the verdict says this already: a doubt is told once.
fn is_told(scene: &Scene<'_>, doubt: DoubtReason) -> bool {
    let verdict = scene.status.verdict.as_ref();
    verdict.is_some_and(|verdict| verdict.doubts.iter().any(|told| told.reason == doubt))
}

/// Waits for something that a watch or the next look will show.
fn wait(scene: &Scene<'_>, reason: impl Into<String>) -> Decision {
    Decision::Wait {
        until: later(scene.now, limits::IDLE),
        reason: reason.into(),
        works: false,
    }
}

/// The same for what the application works on.
fn works(scene: &Scene<'_>, reason: impl Into<String>) -> Decision {
    Decision::Wait {
        until: later(scene.now, limits::IDLE),
        reason: reason.into(),
        works: true,
    }
}

/// Whether the present step has lasted longer than `limit`.
fn overdue(scene: &Scene<'_>, limit: SignedDuration) -> bool {
    scene.now.duration_since(scene.since) > limit
}

/// Whether the target node's agent has been silent for the whole of the present step, and too long to be waited for.
fn out_of_reach(scene: &Scene<'_>) -> bool {
    scene.seen.key == KeySeen::Unseen && overdue(scene, limits::SILENCE)
}

/// A point in time, saturating at the end of time.
fn later(now: Timestamp, by: SignedDuration) -> Timestamp {
    now.checked_add(by).unwrap_or(Timestamp::MAX)
}

/// Why the last look was not complete, as a suffix for a reason.
fn blind(scene: &Scene<'_>) -> String {
    if scene.seen.blind.is_empty() {
        String::new()
    } else {
        format!(" ({})", scene.seen.blind.join("; "))
    }
}
