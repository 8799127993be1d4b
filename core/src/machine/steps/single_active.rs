//! What the steps do where a single-active queue is held by a consumer of ours (`HoldKind::SingleActive`).
//!
//! Guarantees: a checkpoint rests only on a link that was attached from before its proof until the commit; a link that
//! is lost before the commit undoes the handoff, since the source was served again meanwhile; after the commit the
//! queue is held until the old instance is gone, and if it was not, the verdict says so. A copy that is not the truth is
//! off the queue before the link is detached: nobody knows whom the queue would serve.

use crate::api::{HoldKind, Step};
use crate::machine::observed::{KeySeen, LinkSeen, PodSeen, QueueSeen};
use crate::machine::proof::Expendable;
use crate::machine::steps::{abandon, after, blind, by_image, frozen, out_of_reach, overdue, release, wait};
use crate::machine::{Action, Cause, Change, Decision, Route, Scene, limits};
use crate::reason::Reason;
use crate::wire::Claim;

/// Whether this migration's queue is held so.
pub fn applies(scene: &Scene<'_>) -> bool {
    match scene.plan.queue.hold {
        HoldKind::SingleActive => true,
        HoldKind::Park | HoldKind::Exchange => false,
    }
}

/// Hold: attached, and everything that was delivered is settled.
pub fn hold(scene: &Scene<'_>) -> Decision {
    match &scene.seen.link {
        LinkSeen::Absent => Decision::Run(attach(scene)),
        LinkSeen::Proven => Decision::Advance(
            after(Step::Hold, scene)
                .note(format!(
                    "everything delivered to {} is acknowledged",
                    scene.leg.from.pod
                ))
                .change(Change::Parked),
        ),
        LinkSeen::Lost(why) => Decision::RollBack(lost(why)),
        LinkSeen::Trapped(why) => Decision::RollBack(Cause::new(Reason::ConsumerEnded, why.clone())),
        LinkSeen::Waiting(why) if overdue(scene, limits::PARK) => Decision::RollBack(Cause::new(
            Reason::NotSettled,
            format!(
                "the application did not acknowledge all its messages within {} s: {why}. If it acknowledges only full \
                 batches, it waits for messages that it does not get during the hold. Let it acknowledge each message that it has \
                 applied, then start the migration again",
                limits::PARK.as_secs()
            ),
        )),
        LinkSeen::Waiting(why) => wait(scene, format!("{why}{}", blind(scene))),
        LinkSeen::Unseen if overdue(scene, limits::PARK) => Decision::RollBack(Cause::new(
            Reason::NotSettled,
            format!(
                "the broker does not answer{}. Look whether it runs, then start the migration again",
                blind(scene)
            ),
        )),
        LinkSeen::Unseen => wait(scene, format!("the broker does not answer{}", blind(scene))),
    }
}

/// What the link demands instead of the present step's own decision.
pub fn overrides(step: Step, scene: &Scene<'_>) -> Option<Decision> {
    if !applies(scene) || !scene.seen.link.is_off() {
        return None;
    }
    match step {
        Step::Checkpoint | Step::Transfer | Step::Restore | Step::Commit if scene.leg.committed.is_none() => {
            let why = match &scene.seen.link {
                LinkSeen::Lost(why) => why.as_str(),
                LinkSeen::Unseen
                | LinkSeen::Absent
                | LinkSeen::Waiting(_)
                | LinkSeen::Proven
                | LinkSeen::Trapped(_) => "the controller that held the queue is gone",
            };
            Some(Decision::RollBack(lost(why)))
        }
        // Its end alone keeps the old instance off the queue now.
        Step::Exclude | Step::Switch | Step::Retire if is_there(scene) => Some(Decision::Run(attach(scene))),
        Step::Prepare
        | Step::Stage
        | Step::Fence
        | Step::Hold
        | Step::Checkpoint
        | Step::Follow
        | Step::Transfer
        | Step::Restore
        | Step::Commit
        | Step::Exclude
        | Step::Release
        | Step::Switch
        | Step::Retire
        | Step::Clean
        | Step::Abandon => None,
    }
}

/// Commit: held and settled to this moment, and whoever takes over is there.
pub fn commit(scene: &Scene<'_>) -> Decision {
    let taker = match scene.route {
        Route::Twice | Route::Once | Route::Adopted => scene.seen.copy_consumes == Some(true),
        Route::InPlace => scene.leg.transfer.is_some(),
    };
    match &scene.seen.link {
        LinkSeen::Proven if taker => frozen::promise(scene)
            .unwrap_or_else(|| Decision::Advance(after(Step::Commit, scene).change(Change::Committed))),
        LinkSeen::Trapped(why) => Decision::RollBack(Cause::new(Reason::ConsumerEnded, why.clone())),
        LinkSeen::Unseen | LinkSeen::Absent | LinkSeen::Waiting(_) | LinkSeen::Proven | LinkSeen::Lost(_) => {
            unready(scene)
        }
    }
}

fn unready(scene: &Scene<'_>) -> Decision {
    if overdue(scene, limits::RESTORE) {
        return Decision::RollBack(Cause::new(
            Reason::CommitTimeout,
            format!(
                "the hold could not be proven once more before the commit{}. Start the migration again",
                blind(scene)
            ),
        ));
    }
    wait(
        scene,
        format!(
            "everything is looked at once more before the commit{}",
            blind(scene)
        ),
    )
}

/// Retire: the old instance is gone, and it is not known that the queue was held until then.
pub fn is_not_held_to_the_end(scene: &Scene<'_>) -> bool {
    applies(scene) && !scene.seen.link.holds()
}

/// Release: the old instance is gone, so the copy is next in line.
pub fn release(scene: &Scene<'_>) -> Decision {
    if scene.seen.link.holds() {
        return match scene.seen.source_gone {
            Some(true) => Decision::Run(Action::DetachLink),
            Some(false) => wait(
                scene,
                format!(
                    "the old pod is gone, but the broker still lists its connection {}",
                    connection(scene)
                ),
            ),
            None => wait(scene, format!("the broker does not answer{}", blind(scene))),
        };
    }
    match scene.seen.primary {
        QueueSeen::Present { consumers, .. } if scene.seen.link.is_off() && consumers > 0 => {
            Decision::Advance(after(Step::Release, scene).change(Change::Released))
        }
        QueueSeen::Present { .. } | QueueSeen::Absent if release::is_lost(scene) => {
            Decision::Advance(release::lost(scene))
        }
        QueueSeen::Present { .. } | QueueSeen::Absent | QueueSeen::Unseen => wait(
            scene,
            format!(
                "the broker does not yet deliver messages to pod {}{}",
                scene.leg.to.pod,
                blind(scene)
            ),
        ),
    }
}

fn connection<'a>(scene: &'a Scene<'_>) -> &'a str {
    let witness = scene.leg.witness.as_ref();
    witness
        .and_then(|witness| witness.application.as_deref())
        .unwrap_or("unknown")
}

/// Abandon: a copy that may be on the queue goes first, then the queue is let go. `None`: it is.
pub fn let_go(scene: &Scene<'_>) -> Option<Decision> {
    // A container that waits could become a copy at any moment, as long as nobody has told it no.
    if let KeySeen::Known {
        claim: Claim::Waiting { .. } | Claim::None,
        ..
    } = &scene.seen.key
    {
        return Some(abandon::refuse(scene));
    }
    if let Some(decision) = copy_leaves(scene) {
        return Some(decision);
    }
    match &scene.seen.link {
        LinkSeen::Absent | LinkSeen::Lost(_) => None,
        LinkSeen::Waiting(_) | LinkSeen::Proven | LinkSeen::Trapped(_) => {
            Some(Decision::Run(Action::DetachLink))
        }
        LinkSeen::Unseen => Some(wait(scene, format!("the broker does not answer{}", blind(scene)))),
    }
}

fn copy_leaves(scene: &Scene<'_>) -> Option<Decision> {
    let may_run = match &scene.seen.key {
        _ if by_image::applies(scene) => scene.leg.transfer.is_some(),
        KeySeen::Known {
            claim: Claim::Taken { .. } | Claim::Restored { .. },
            ..
        } => true,
        KeySeen::Known { .. } | KeySeen::Unknown => false,
        KeySeen::Unseen => scene.leg.transfer.is_some(),
    };
    let view = match &scene.seen.to {
        PodSeen::Present(view) => view,
        PodSeen::Unseen if may_run => {
            let pod = &scene.leg.to.pod;
            return Some(wait(
                scene,
                format!(
                    "pod {pod} cannot be seen, and it may still consume the queue{}",
                    blind(scene)
                ),
            ));
        }
        PodSeen::Unseen | PodSeen::Gone => return None,
    };
    let ours = view.key.as_deref() == Some(scene.leg.key.as_str());
    if !may_run || !ours || view.ended {
        return None;
    }
    // One that is being restored is not on the queue yet; kubelet starts nothing in a pod that goes.
    if !view.terminating
        && let Some(proof) =
            Expendable::uncommitted_copy(scene.leg, &scene.plan.source.namespace, &scene.seen.to)
    {
        return Some(Decision::Run(Action::DeletePod(proof)));
    }
    match scene.seen.copy_connected {
        Some(false) => return None,
        // Neither its node nor the broker knows of a connection, and the node is given up.
        None if out_of_reach(scene) => return None,
        Some(true) | None => {}
    }
    Some(wait(
        scene,
        format!(
            "pod {} may still consume the queue{}",
            scene.leg.to.pod,
            blind(scene)
        ),
    ))
}

fn attach(scene: &Scene<'_>) -> Action {
    Action::AttachLink {
        pod: scene.leg.from.pod.clone(),
    }
}

fn is_there(scene: &Scene<'_>) -> bool {
    match &scene.seen.from {
        PodSeen::Present(view) => Some(&view.uid) == scene.leg.from.uid.as_ref() && !view.ended,
        PodSeen::Gone => false,
        PodSeen::Unseen => true,
    }
}

fn lost(why: &str) -> Cause {
    Cause::new(
        Reason::HoldLost,
        format!(
            "the hold on the queue was lost before the commit ({why}). The source got messages again, so its dump is void. \
             If no further attempt follows, read in the controller's log why its connection to the broker breaks, and \
             start the migration again"
        ),
    )
    .again()
}
