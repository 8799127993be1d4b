//! Proof values: what destroys something takes one of these, and only an observation can build it.

use crate::api::{Leg, Plan};
use crate::machine::observed::{PodSeen, PodView, QueueSeen};
use crate::wire::PodRef;

/// A hold queue that nobody consumes and that holds nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Emptied {
    queue: String,
}

impl Emptied {
    /// Proves it from what was seen.
    pub fn prove(queue: &str, seen: QueueSeen) -> Option<Self> {
        let empty = seen.ready() == Some(0) && seen.consumers() == Some(0) && seen.settled();
        empty.then(|| Self {
            queue: queue.to_owned(),
        })
    }

    /// The queue that may be deleted.
    pub fn queue(&self) -> &str {
        &self.queue
    }
}

/// A pod incarnation that does not hold the only copy of anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expendable {
    pod: PodRef,
    grace: Grace,
}

/// How long a process is given to end by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grace {
    /// What its pod says.
    ItsOwn,
    /// A second, the shortest time for which Kubernetes waits until the process is gone. A copy that is not wanted has
    /// nothing to finish, and would say goodbye in the source's name.
    Shortest,
}

impl Expendable {
    /// The old instance, after its copy was made the truth.
    pub fn superseded(leg: &Leg, namespace: &str) -> Option<Self> {
        leg.committed.as_ref()?;
        let uid = leg.from.uid.clone()?;
        Some(Self {
            pod: PodRef {
                namespace: namespace.to_owned(),
                name: leg.from.pod.clone(),
                uid,
            },
            grace: Grace::ItsOwn,
        })
    }

    /// The copy, while it is not the truth: it was not committed and is not the pod that holds the stream.
    pub fn uncommitted_copy(leg: &Leg, namespace: &str, seen: &PodSeen) -> Option<Self> {
        let PodSeen::Present(view) = seen else { return None };
        if leg.committed.is_some() || leg.from.uid.as_deref() == Some(view.uid.as_str()) {
            return None;
        }
        Some(Self {
            pod: PodRef {
                namespace: namespace.to_owned(),
                name: leg.to.pod.clone(),
                uid: view.uid.clone(),
            },
            grace: Grace::Shortest,
        })
    }

    /// A stand-in whose StatefulSet was rolled out meanwhile: the pod that it made anew is of another revision than the one
    /// that was moved, so it will not take up this memory.
    pub fn outdated(leg: &Leg, plan: &Plan, copy: &PodSeen) -> Option<Self> {
        let PodSeen::Present(view) = copy else { return None };
        let (moved, made) = (plan.revision.as_ref()?, view.revision.as_ref()?);
        let undecided = leg.number > 1 && leg.committed.is_none() && leg.checkpoint.is_none();
        let uid = leg.from.uid.clone().filter(|_| undecided && moved != made)?;
        Some(Self {
            pod: PodRef {
                namespace: plan.source.namespace.clone(),
                name: leg.from.pod.clone(),
                uid,
            },
            grace: Grace::ItsOwn,
        })
    }

    /// A stand-in that has not the memory any more: its process ended by itself, or it was started anew before its memory was
    /// dumped and must not consume beside the pod under the old name.
    pub fn forgetful(leg: &Leg, namespace: &str, view: &PodView) -> Option<Self> {
        let ours = leg.from.uid.as_deref() == Some(view.uid.as_str());
        let undecided = leg.number > 1 && leg.committed.is_none() && leg.checkpoint.is_none();
        let restarted = undecided && view.restarts != leg.from.restarts;
        (ours && (view.ended || restarted)).then(|| Self {
            pod: PodRef {
                namespace: namespace.to_owned(),
                name: leg.from.pod.clone(),
                uid: view.uid.clone(),
            },
            grace: Grace::ItsOwn,
        })
    }

    /// The incarnation that may be deleted.
    pub fn pod(&self) -> &PodRef {
        &self.pod
    }

    /// How long its process is given.
    pub fn grace(&self) -> Grace {
        self.grace
    }
}

/// A superseded pod incarnation of which no process is left, though kubelet may not have tidied it up yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dead {
    pod: PodRef,
}

impl Dead {
    /// The node saw its only container end, and kubelet will not start it again. Where its successor is another node's
    /// only after this one has let go of a volume, kubelet's own clean-up has to be waited for.
    pub fn prove(leg: &Leg, namespace: &str, view: &PodView) -> Option<Self> {
        leg.ended.as_ref()?;
        let superseded = Expendable::superseded(leg, namespace)?;
        let same = superseded.pod.uid == view.uid;
        let volumes_wait = view.claims && leg.from.pod == leg.to.pod;
        (same && view.terminating && view.settled && view.alone && !volumes_wait)
            .then_some(Self { pod: superseded.pod })
    }

    /// The incarnation whose object may be removed at once.
    pub fn pod(&self) -> &PodRef {
        &self.pod
    }
}

/// The control queue of a pod that is gone, whoever consumes it: nothing will ever be said there to a process that is left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Orphaned {
    pod: String,
}

impl Orphaned {
    /// There is no pod of that name, or one that a StatefulSet made anew and whose process waits to be restored.
    pub fn prove(leg: &Leg, from: &PodSeen, waits_anew: bool) -> Option<Self> {
        let gone = match from {
            PodSeen::Gone => true,
            PodSeen::Present(view) => waits_anew && Some(&view.uid) != leg.from.uid.as_ref(),
            PodSeen::Unseen => false,
        };
        gone.then(|| Self {
            pod: leg.from.pod.clone(),
        })
    }

    /// The pod that is gone.
    pub fn pod(&self) -> &str {
        &self.pod
    }
}
