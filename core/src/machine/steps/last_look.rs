//! What has to be seen once more before the commit, whatever is held and however: that nothing has come to contradict what the
//! verdict rests on, and that the copy runs from the image of the source.
//!
//! Both are looked at while something else is waited for, so they cost no pause of their own where the broker and kubelet tell in
//! time.

use crate::doubt::Doubt;
use crate::machine::observed::{EvidenceSeen, PodSeen};
use crate::machine::steps::{blind, overdue, wait};
use crate::machine::{Cause, Decision, Scene, limits};
use crate::reason::Reason;

/// What speaks against the commit. What the verdict rests on undoes the move; after the first handoff there is nothing to undo it
/// to, and the verdict says so instead ([`doubt`]).
pub(super) fn contradicted(scene: &Scene<'_>) -> Option<Cause> {
    match (&scene.seen.evidence, can_be_undone(scene)) {
        (EvidenceSeen::Contradicted(cause), true) => return Some(cause.clone()),
        (EvidenceSeen::Contradicted(_), false) | (EvidenceSeen::Holds | EvidenceSeen::Unseen, _) => {}
    }
    match image(scene) {
        Image::Another(runs) => Some(another(scene, &runs)),
        Image::Same | Image::Unseen => None,
    }
}

/// What is not seen yet. `None`: everything is, or is not waited for any longer.
pub(super) fn missing(scene: &Scene<'_>) -> Option<Decision> {
    let what = match (&scene.seen.evidence, image(scene)) {
        (EvidenceSeen::Unseen, _) if can_be_undone(scene) || !overdue(scene, limits::PATIENCE) => NOT_KNOWN,
        (_, Image::Unseen) => "kubelet has not told the image that the copy runs from",
        (_, Image::Same | Image::Another(_)) => return None,
    };
    if overdue(scene, limits::RESTORE) {
        return Some(Decision::RollBack(Cause::new(
            Reason::CommitTimeout,
            format!("{what}{}. Start the migration again", blind(scene)),
        )));
    }
    Some(wait(
        scene,
        format!("last look before the commit: {what}{}", blind(scene)),
    ))
}

/// What the verdict has to say of a second handoff that is committed nevertheless.
pub(super) fn doubt(scene: &Scene<'_>) -> Option<Doubt> {
    let why = match &scene.seen.evidence {
        EvidenceSeen::Holds => return None,
        EvidenceSeen::Unseen => format!("{NOT_KNOWN}{}", blind(scene)),
        EvidenceSeen::Contradicted(cause) => cause.message.clone(),
    };
    Some(Doubt::PremiseBroken { why })
}

const NOT_KNOWN: &str = "what the verdict rests on is not known to be still so";

fn can_be_undone(scene: &Scene<'_>) -> bool {
    scene.leg.number == 1
}

enum Image {
    Same,
    Another(String),
    Unseen,
}

/// An image that is pinned is what its name says. Without a registry's digest the copy has to show the id that the source had.
fn image(scene: &Scene<'_>) -> Image {
    let wanted = match &scene.plan.image {
        Some(image) if image.pinned.is_none() => &image.id,
        Some(_) | None => return Image::Same,
    };
    match &scene.seen.to {
        PodSeen::Present(view) => match &view.image_id {
            Some(runs) if runs == wanted => Image::Same,
            Some(runs) => Image::Another(runs.clone()),
            None => Image::Unseen,
        },
        PodSeen::Gone | PodSeen::Unseen => Image::Unseen,
    }
}

fn another(scene: &Scene<'_>, runs: &str) -> Cause {
    let (pod, node) = (&scene.leg.to.pod, &scene.leg.to.node);
    let (named, wanted) = scene
        .plan
        .image
        .as_ref()
        .map_or(("", ""), |image| (image.named.as_str(), image.id.as_str()));
    Cause::new(
        Reason::ImageDiffers,
        format!(
            "pod {pod} on {node} runs from image {runs}, and the source runs from {wanted}: on {node} the name {named} means another \
             image. Load the source's image on {node} under that name, or push it to a registry and let the pods pull it from there"
        ),
    )
}
