//! The premise about the image of the copy: what is in it beside the memory was never dumped.

use super::world::{CopyStart, Known};
use super::{Source, Weight, World};

/// The copy runs from the image that the source runs from, whatever its tag means by now.
pub(super) fn is_the_same(world: &World) -> Weight {
    let image = match &world.image {
        Known::Seen(image) => image,
        Known::NotKnown { why, way_out } => return not_known(why, way_out),
    };
    match (&image.pinned, world.copy) {
        (Some(pinned), _) => seen(format!("the copy is pinned to {pinned}")),
        // The move waits for that, and is undone if it is another.
        (None, CopyStart::BesideSource) => seen(format!(
            "image {} has the id {}, and the copy has to show the same id before the commit",
            image.named, image.id
        )),
        (None, CopyStart::AfterSource | CopyStart::FromCheckpoint) => not_known(
            &format!(
                "image {} has the id {}, and no registry is known to have it. The copy is made after the source has gone, or from a \
                 checkpoint image, so its image cannot be compared before the commit",
                image.named, image.id
            ),
            "push the image to a registry and let the pod pull it from there. Or move the pod with migrationStrategy ShadowPod and \
             restoreBackend RuntimeClass",
        ),
    }
}

fn seen(what: String) -> Weight {
    Weight::Seen {
        by: Source::Pod,
        what,
    }
}

fn not_known(why: &str, way_out: &str) -> Weight {
    Weight::NotKnown {
        by: Source::Pod,
        why: why.to_owned(),
        way_out: way_out.to_owned(),
    }
}
