//! Ways of moving a pod, and what they are compared with. One line in `ALL` for each.

use xtask_lab::cluster::CHECKPOINTS;
use xtask_lab::stage::Single;

/// What is moved, and how.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Way {
    /// As it stands in rows, tables and names of scenarios.
    pub(crate) name: &'static str,
    /// The sample that is moved; none: the StatefulSet `orders`.
    pub(crate) sample: Option<Single>,
    pub(crate) how: How,
    /// Arguments of its consumer: what becomes of messages that it was given and has not begun, or when it connects again.
    pub(crate) consumer: &'static [&'static str],
    /// Whether requests may find nobody for a while.
    pub(crate) serving: Serving,
}

/// How the pod gets to the other node.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum How {
    /// `kubectl shadow migrate` with these arguments.
    Moved(&'static [&'static str]),
    /// The plain way: the pod is deleted and scheduled on the other node; its memory is lost.
    Deleted,
    /// The classical order, without the product: bind a copy of the queue, checkpoint, restore, replay beside the
    /// source, cut over. This sample, a pod that nobody owns.
    Replayed(Single),
}

/// What requests meet during a move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Serving {
    /// Somebody always answers.
    Always,
    /// The old instance goes before the new one starts.
    Interrupted,
}

/// They are worked off before the pod can be moved.
const FINISHED: &[&str] = &["--held", "finish"];
/// The queue gets them back: the sample's own way on a classic queue.
const RETURNED: &[&str] = &["--held", "return"];

/// What users have: an ordinary client library that needs seconds to connect again, on a single-active queue.
pub(crate) const PIKA: Way = Way {
    name: "ordinary client (pika, reconnects after 3 s)",
    sample: Some(Single::Pika),
    how: How::Moved(&[]),
    consumer: &[],
    serving: Serving::Always,
};
/// The same, with the 5 s that other libraries wait by themselves (Java's recovery delay).
pub(crate) const PIKA_5_S: Way = Way {
    name: "ordinary client (pika, reconnects after 5 s)",
    consumer: &["--reconnect", "5s"],
    ..PIKA
};
/// The same with a library that connects again by itself: at once, but never twice within its interval.
pub(crate) const AIO_PIKA: Way = Way {
    name: "ordinary client (aio-pika, reconnects at most every 5 s)",
    sample: Some(Single::AioPika),
    ..PIKA
};
/// A StatefulSet pod by way of a stand-in.
pub(crate) const SHADOW_POD: Way = Way {
    name: "StatefulSet ShadowPod",
    sample: None,
    how: How::Moved(&[]),
    consumer: FINISHED,
    serving: Serving::Always,
};
/// A StatefulSet pod that goes before its copy starts.
pub(crate) const SEQUENTIAL: Way = Way {
    name: "StatefulSet Sequential",
    sample: None,
    how: How::Moved(&["--strategy", "sequential"]),
    consumer: FINISHED,
    serving: Serving::Interrupted,
};
/// A pod of a Deployment.
pub(crate) const DEPLOYMENT: Way = Way {
    name: "Deployment ShadowPod",
    sample: Some(Single::Deployment),
    how: How::Moved(&[]),
    consumer: FINISHED,
    serving: Serving::Always,
};
/// A pod that nobody owns.
pub(crate) const BARE: Way = Way {
    name: "bare pod ShadowPod",
    sample: Some(Single::Pod),
    how: How::Moved(&[]),
    consumer: FINISHED,
    serving: Serving::Always,
};
/// The same three, with a consumer that returns what it has not begun.
pub(crate) const RETURNING: Way = Way {
    name: "StatefulSet ShadowPod returning",
    consumer: RETURNED,
    ..SHADOW_POD
};
/// See [`RETURNING`].
pub(crate) const RETURNING_DEPLOYMENT: Way = Way {
    name: "Deployment ShadowPod returning",
    consumer: RETURNED,
    ..DEPLOYMENT
};
/// See [`RETURNING`].
pub(crate) const RETURNING_BARE: Way = Way {
    name: "bare pod ShadowPod returning",
    consumer: RETURNED,
    ..BARE
};
/// A StatefulSet pod on a single-active queue that speaks no protocol.
pub(crate) const SINGLE_ACTIVE: Way = Way {
    name: "StatefulSet SingleActive",
    sample: Some(Single::Plain),
    how: How::Moved(&[]),
    consumer: &[],
    serving: Serving::Always,
};
/// The same, the source first.
pub(crate) const SINGLE_ACTIVE_SEQUENTIAL: Way = Way {
    name: "StatefulSet SingleActive Sequential",
    sample: Some(Single::Plain),
    how: How::Moved(&["--strategy", "sequential"]),
    consumer: &[],
    serving: Serving::Interrupted,
};
/// The source goes on with a copy of the stream while its own copy is made.
pub(crate) const LIVE: Way = Way {
    name: "StatefulSet Live",
    sample: None,
    how: How::Moved(&["--live"]),
    consumer: FINISHED,
    serving: Serving::Always,
};
/// The same for a pod of a Deployment.
pub(crate) const LIVE_DEPLOYMENT: Way = Way {
    name: "Deployment Live",
    sample: Some(Single::Deployment),
    how: How::Moved(&["--live"]),
    consumer: FINISHED,
    serving: Serving::Always,
};
/// An application that looks for control messages only when idle and sleeps 3 s between two connections.
pub(crate) const POLLING: Way = Way {
    name: "StatefulSet polling",
    sample: Some(Single::Polling),
    how: How::Moved(&[]),
    consumer: &[],
    serving: Serving::Always,
};
/// The memory goes by way of an image registry.
pub(crate) const THROUGH_REGISTRY: Way = Way {
    name: "StatefulSet through a registry",
    how: How::Moved(&["--through-registry", "--checkpoint-repository", CHECKPOINTS]),
    ..RETURNING
};
/// The container runtime restores it from a checkpoint image.
pub(crate) const BY_IMAGE: Way = Way {
    name: "StatefulSet by image",
    how: How::Moved(&[BY_IMAGE_FLAG, "--checkpoint-repository", CHECKPOINTS]),
    ..RETURNING
};
/// The same for a pod of a Deployment.
pub(crate) const BY_IMAGE_DEPLOYMENT: Way = Way {
    name: "Deployment by image",
    sample: Some(Single::Deployment),
    ..BY_IMAGE
};
const BY_IMAGE_FLAG: &str = "--by-image";
/// What a drain does today.
pub(crate) const DELETED: Way = Way {
    name: "baseline: delete the pod",
    sample: None,
    how: How::Deleted,
    consumer: FINISHED,
    serving: Serving::Interrupted,
};

/// The order of the research on live replay, by kubelet and containerd alone.
pub(crate) const REPLAYED: Way = Way {
    name: "baseline: classical replay",
    sample: Some(Single::Pod),
    how: How::Replayed(Single::Pod),
    consumer: FINISHED,
    serving: Serving::Always,
};

/// All of them, in the order in which they are told.
pub(crate) const ALL: &[&Way] = &[
    &PIKA,
    &PIKA_5_S,
    &AIO_PIKA,
    &SHADOW_POD,
    &RETURNING,
    &SEQUENTIAL,
    &DEPLOYMENT,
    &RETURNING_DEPLOYMENT,
    &BARE,
    &RETURNING_BARE,
    &SINGLE_ACTIVE,
    &SINGLE_ACTIVE_SEQUENTIAL,
    &LIVE,
    &LIVE_DEPLOYMENT,
    &POLLING,
    &THROUGH_REGISTRY,
    &BY_IMAGE,
    &BY_IMAGE_DEPLOYMENT,
    &DELETED,
    &REPLAYED,
];

impl Way {
    /// The way of this name; rows of other versions may know more.
    pub(crate) fn named(name: &str) -> Option<&'static Self> {
        ALL.iter().find(|way| way.name == name).copied()
    }

    /// Whether the sample's image has to come over HTTPS: a container runtime that restores fetches it in no other way.
    pub(crate) fn is_over_https(&self) -> bool {
        match self.how {
            How::Moved(arguments) => arguments.contains(&BY_IMAGE_FLAG),
            How::Deleted | How::Replayed(_) => false,
        }
    }

    /// Whether it is an application as users have it, and not our own sample.
    pub(crate) fn is_ordinary(&self) -> bool {
        matches!(self.sample, Some(Single::Pika | Single::AioPika))
    }

    /// Whether the product moves it.
    pub(crate) fn moves(&self) -> bool {
        match self.how {
            How::Moved(_) => true,
            How::Deleted | How::Replayed(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_has_a_name_of_its_own() {
        for way in ALL {
            assert_eq!(Way::named(way.name), Some(*way));
        }
    }
}
