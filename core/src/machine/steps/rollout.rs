//! A StatefulSet that is rolled out while its pod is moved, after the first commit: the pod that it makes anew is of
//! another revision, in which the process that was dumped may find other files, settings and programs.
//!
//! The rollout counts, as it would have without us: the memory goes with the old revision, and the new one starts from its
//! template. Nobody consumes beside it: the stand-in goes first.

use crate::api::Step;
use crate::doubt::Doubt;
use crate::machine::observed::{PodSeen, PodView};
use crate::machine::proof::Expendable;
use crate::machine::steps::{blind, wait};
use crate::machine::{Action, Decision, Next, Scene};

/// Revision of the re-created pod, if it is another one than that which was moved.
fn another<'a>(scene: &'a Scene<'_>) -> Option<(&'a PodView, &'a str)> {
    let PodSeen::Present(view) = &scene.seen.to else {
        return None;
    };
    let (moved, made) = (scene.plan.revision.as_ref()?, view.revision.as_ref()?);
    let recreated = scene.route.is_recreated(scene.leg.number);
    (recreated && moved != made).then_some((view, made.as_str()))
}

/// Second handoff, before the dump: the stand-in goes, as the old pod of a rollout does. The guard waits until it has gone,
/// and then it is [`over`].
pub fn replaces(scene: &Scene<'_>) -> Option<Decision> {
    another(scene)?;
    let proof = Expendable::outdated(scene.leg, scene.plan, &scene.seen.to)?;
    Some(match &scene.seen.from {
        PodSeen::Present(_) | PodSeen::Gone => Decision::Run(Action::DeletePod(proof)),
        PodSeen::Unseen => wait(
            scene,
            format!(
                "the StatefulSet was rolled out, and pod {} of the old revision cannot be seen{}",
                scene.leg.from.pod,
                blind(scene)
            ),
        ),
    })
}

/// The end of a move that a rollout overtook; nobody of the old revision is left.
pub fn over(scene: &Scene<'_>) -> Option<Decision> {
    let (_, revision) = another(scene)?;
    let lost = Doubt::RolledOut {
        revision: revision.to_owned(),
        pod: scene.leg.to.pod.clone(),
    };
    Some(Decision::Advance(
        Next::to(Step::Clean).note(lost.to_string()).doubt(lost),
    ))
}
