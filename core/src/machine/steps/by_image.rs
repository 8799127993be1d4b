//! What the steps do where the runtime restores by image (`RestoreBackend::Image`): nobody claims a key there, so what
//! the API server says of the pod takes the place of what its node's agent would say.
//!
//! Guarantees: nobody is restored twice from one image. The copy never restarts ([`crate::image_pod`]), and the image is
//! gone from the registry before the commit, that is before the copy applies a message: what comes after can start afresh
//! only. A registry that keeps the image undoes the move.

use crate::api::{RestoreBackend, Step};
use crate::machine::observed::{PodSeen, PodView};
use crate::machine::steps::{after, overdue, restore};
use crate::machine::{Action, Cause, Change, Decision, Next, Scene, limits};
use crate::reason::Reason;

/// Whether this migration restores so.
pub fn applies(scene: &Scene<'_>) -> bool {
    match scene.plan.restore {
        RestoreBackend::Image => true,
        RestoreBackend::RuntimeClass => false,
    }
}

/// Stage: everything is there but the image.
pub fn staged(scene: &Scene<'_>, view: &PodView) -> Next {
    after(Step::Stage, scene)
        .note(format!(
            "pod {} waits on {} for its checkpoint image",
            scene.leg.to.pod, scene.leg.to.node
        ))
        .change(Change::Staged {
            uid: view.uid.clone(),
        })
}

/// Restore: a copy that ended is not waited for; of one that is there the image is taken away before anything else.
/// `None`: as everywhere.
pub fn restore(scene: &Scene<'_>) -> Option<Decision> {
    if !applies(scene) {
        return None;
    }
    if let PodSeen::Present(view) = &scene.seen.to
        && (view.ended || view.reran)
    {
        let why = view.trouble.as_deref().unwrap_or("the restored process ended");
        return Some(Decision::RollBack(Cause::new(
            Reason::RestoreFailed,
            format!("{why}{}", criu_log(scene, view)),
        )));
    }
    restored(scene).filter(|_| restore::copy_is_connected(scene))?;
    if scene.leg.image_withdrawn.is_some() {
        return None;
    }
    Some(match &scene.leg.image_kept {
        None if overdue(scene, limits::RESTORE) => Decision::RollBack(Cause::new(
            Reason::RestoreTimeout,
            format!(
                "after {} s it is not known whether the checkpoint image is deleted, and the pod must not be restored from \
                 it a second time. The controller's log has the answer of the registry or of the source's agent. Look \
                 there, then start the migration again",
                limits::RESTORE.as_secs()
            ),
        )),
        None => Decision::Run(Action::WithdrawImage),
        Some(why) => Decision::RollBack(Cause::new(
            Reason::ImageStays,
            format!(
                "the checkpoint image cannot be deleted, so the pod could be restored from it a second time: {why}. Let \
                 the registry delete images, or leave spec.restoreBackend out"
            ),
        )),
    })
}

/// How to learn more of what CRIU gave up: containerd deletes its log together with the container.
fn criu_log(scene: &Scene<'_>, view: &PodView) -> String {
    if !view.criu_failed {
        return String::new();
    }
    format!(
        ". CRIU's log says why, but containerd has deleted it. To keep it, add the line \"log-file /var/tmp/criu.log\" to \
         /etc/criu/runc.conf on {}, start the migration again, then remove that line",
        scene.leg.to.node
    )
}

/// UID of the pod that was told its image, and the time since then. That its process runs shows at the broker alone:
/// kubelet tells of it up to a second later, and nobody else knows the hold queue.
pub fn restored(scene: &Scene<'_>) -> Option<(String, u64)> {
    let PodSeen::Present(view) = &scene.seen.to else {
        return None;
    };
    let staged = scene.leg.to.uid.as_deref() == Some(view.uid.as_str()) && !view.terminating;
    let micros = scene.now.duration_since(scene.since).as_micros();
    staged.then(|| (view.uid.clone(), u64::try_from(micros).unwrap_or_default()))
}
