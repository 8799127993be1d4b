//! A small world that obeys the machine: pods, a broker, agents and the pod's owner, each moving on by itself in any
//! order. It refuses what must never happen, by failing the test.

mod blind;
mod effects;
mod freeze;
mod life;
mod sight;
mod stream;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use shadow_core::api::{
    HoldKind, Leg, MigrationStatus, OwnerKind, Plan, Reading, RestoreBackend, Step, Witness,
};
use shadow_core::gone::Absence;
use shadow_core::machine::port::PortChange;
use shadow_core::machine::{
    Action, Branched, Cause, Closed, ConnectionSeen, EvidenceSeen, Flow, KeySeen, LinkSeen, Look, Observed,
    Outcome, Place, PodSeen, PodView, PortSeen, QueueSeen, ReaderSeen, ReadersSeen, Route, RuleSeen, Sight,
    TrafficSeen,
};
use shadow_core::names::{self, Key};
use shadow_core::recreation::Recreation;
use shadow_core::wire::{Archive, Checkpointed, Claim, PodRef, Transferred};

pub(crate) use blind::Part;
pub(crate) use stream::Stream;

pub(crate) const UID: &str = "11111111-2222-3333-4444-555555555555";
pub(crate) const SOURCE: &str = "orders-0";
pub(crate) const SHADOW: &str = "orders-0-shadow";
/// The node that is asked for.
pub(crate) const TARGET: &str = "node-b";
/// The one that the pod comes from.
pub(crate) const ORIGIN: &str = "node-a";
/// The pod that its StatefulSet makes before the moved one, in the tests of that.
pub(crate) const BEFORE: &str = "orders-before";
/// Id of the image that the source runs from.
pub(crate) const IMAGE: &str = "sha256:source";
/// UID of the StatefulSet or ReplicaSet.
pub(crate) const OWNER: &str = "owner";
/// What a ReplicaSet starts when it counts one pod too few.
pub(crate) const REPLACEMENT: &str = "orders-new";
/// What moves on when the endpoints of Services do.
const SERVICES: &str = "services";
/// What moves on when a ReplicaSet counts its pods, or when those of a deleted owner are collected.
const REPLICA_SET: &str = "replicaset";

/// Whose memory a process has: the source's own, or that of a fresh start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Memory {
    Moved,
    Fresh,
}

/// A running instance of the application.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Process {
    /// The queue that it consumes: `None` is the primary one.
    pub reads: Option<String>,
    pub memory: Memory,
    /// What it was told and has not obeyed yet.
    hand: VecDeque<Option<String>>,
    /// How long it is busy with something else before it obeys.
    busy: u32,
    /// The last message in its memory.
    pub applied: u64,
    /// Whether it applied each once and none too early.
    pub in_order: bool,
    /// Pods whose control queues it consumes beside its own, as its client library has restored them.
    overhears: BTreeSet<String>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Pod {
    pub uid: String,
    key: Option<Key>,
    restarts: i32,
    terminating: bool,
    stopping: bool,
    ended: bool,
    /// What kubelet tells of its end.
    trouble: Option<&'static str>,
    never_restarts: bool,
    ready: bool,
    hashed: bool,
    owner: Option<String>,
    /// Of its StatefulSet.
    pub revision: Option<String>,
    /// Key of the checkpoint image that its spec names, once it does.
    image: Option<String>,
    pub process: Option<Process>,
    /// The node that it is bound to.
    pub node: String,
    /// Whether it is on that node.
    placed: bool,
}

#[derive(Clone, Debug)]
struct KeyState {
    claim: Claim,
    /// On the source's node.
    dump: Option<Process>,
    /// On the target's node, whole.
    archive: Option<Process>,
    /// In the registry, for the container runtime.
    image: Option<Process>,
    /// How often a container was restored from it.
    restored: u32,
}

/// Things that go wrong.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Faults {
    /// Restores that fail before one works.
    pub failing_restores: u32,
    /// Restores of the second handoff that fail before one works.
    pub failing_second: u32,
    /// The application never reads its control queue.
    pub deaf: bool,
    /// It reads its control queue only when it has nothing else to do.
    pub polls: bool,
    /// So many of its moves pass until it obeys what it has read.
    pub slow_to_obey: u32,
    /// It serves no more than is published.
    pub slow: bool,
    /// Messages that wait for it at the beginning.
    pub waiting: u64,
    /// The registry deletes no image.
    pub keeps_images: bool,
    /// No other node would do.
    pub no_other_node: bool,
    /// Something goes on asking the address of a pod that goes, whose process ends only when its grace period does.
    pub is_asked_by_address: bool,
    /// Its client library restores all consumers that its memory knows.
    pub restores_consumers: bool,
    /// The name of the source's image means another one on the target.
    pub other_image: bool,
}

/// The queue serves one of those who are connected, and tells nobody which one is next.
#[derive(Default)]
struct SingleActive {
    held: bool,
    settled: bool,
    served: Option<String>,
}

pub(crate) struct World {
    route: Route,
    restore: RestoreBackend,
    /// Whether a ReplicaSet counts the source.
    counted: bool,
    /// Pod that takes over in the first handoff.
    pub target: String,
    pub pods: BTreeMap<String, Pod>,
    control: BTreeMap<String, VecDeque<Option<String>>>,
    holds: Vec<String>,
    keys: BTreeMap<String, KeyState>,
    /// Keys that were forgotten after a container was restored under them.
    over: BTreeSet<String>,
    pub rule: bool,
    proven: bool,
    /// UIDs of the pods that Services send requests to.
    listed: BTreeSet<String>,
    /// How the application's connection was lost while it parked.
    pub lost: Option<String>,
    pub faults: Faults,
    /// Something that the verdict rests on is not so any more.
    pub contradiction: Option<Cause>,
    pub cancel: bool,
    /// Its owner has another template by now.
    pub rolled_out: bool,
    /// Its owner was deleted, and all pods that belong to it.
    pub removed: bool,
    /// Its StatefulSet wants fewer pods.
    pub scaled_down: bool,
    /// Its StatefulSet makes one pod after another, and the one before it is not ready.
    pub unready_before: bool,
    /// The node that was asked for takes no pods.
    pub cordoned: bool,
    /// A node that is gone for good.
    pub dead: Option<String>,
    pub stream: Stream,
    /// The source goes on during the first handoff.
    live: bool,
    /// A single-active queue, which our link may hold.
    single_active: Option<SingleActive>,
    /// The source stands still from its dump to the commit.
    freezes: bool,
    frozen: Option<freeze::Standstill>,
    /// Pods that kubelet restarted.
    restarted: BTreeSet<String>,
    /// Somebody else than the moved lineage consumed after the commit.
    pub overlapped: bool,
    /// What the controller knows of something that the move needs and that is not there.
    pub absent: Option<Absence>,
    births: u32,
}

impl World {
    pub(crate) fn new(faults: Faults, plan: &Plan) -> Self {
        let route = Route::of(plan);
        let mut world = Self {
            route,
            restore: plan.restore,
            counted: plan
                .owner
                .as_ref()
                .is_some_and(|o| o.kind == OwnerKind::ReplicaSet),
            target: route.first_target(plan, UID),
            pods: BTreeMap::new(),
            control: BTreeMap::new(),
            holds: Vec::new(),
            keys: BTreeMap::new(),
            over: BTreeSet::new(),
            rule: false,
            proven: false,
            listed: BTreeSet::new(),
            lost: None,
            faults,
            contradiction: None,
            cancel: false,
            rolled_out: false,
            removed: false,
            scaled_down: false,
            unready_before: false,
            cordoned: false,
            dead: None,
            stream: Stream::with(faults.waiting),
            live: plan.queue.hold == HoldKind::Exchange,
            single_active: (plan.queue.hold == HoldKind::SingleActive).then(SingleActive::default),
            freezes: plan.freeze.is_some(),
            frozen: None,
            restarted: BTreeSet::new(),
            overlapped: false,
            absent: None,
            births: 0,
        };
        let process = Process {
            memory: Memory::Moved,
            ..Process::fresh()
        };
        world.pods.insert(
            SOURCE.into(),
            Pod {
                uid: "source".into(),
                process: Some(process),
                ready: true,
                node: ORIGIN.to_owned(),
                placed: true,
                hashed: world.counted,
                ..Pod::default()
            },
        );
        world.control.insert(SOURCE.into(), VecDeque::new());
        world
    }

    /// The controller was restarted: what it only remembered is gone.
    pub(crate) fn forget_memory(&mut self) {
        self.proven = false;
        self.absent = None;
        if let Some(queue) = &mut self.single_active {
            queue.held = false;
        }
    }

    pub(crate) fn consumers(&self, queue: Option<&str>) -> u64 {
        if let (Some(single), None) = (&self.single_active, queue) {
            // Those that wait are not counted.
            return u64::from(single.held || self.processes().next().is_some());
        }
        self.processes()
            .filter(|(_, p)| p.reads.as_deref() == queue)
            .count() as u64
    }

    /// Whether a process without the moved memory consumes in this pod, or in one that nobody asked for.
    pub(crate) fn consumes_afresh(&self, uid: Option<&str>) -> bool {
        self.processes().any(|(name, process)| {
            let meant = name == REPLACEMENT || Some(self.pods[name].uid.as_str()) == uid;
            meant && process.reads.is_none() && process.memory == Memory::Fresh
        })
    }

    /// Whether the source is what it was: the same container with its memory, and nobody sends it away.
    pub(crate) fn kept_its_source(&self) -> bool {
        let source = self.pods.get(SOURCE).filter(|pod| pod.uid == "source");
        source.is_some_and(|pod| {
            let memory = pod.process.as_ref().map(|process| process.memory);
            // That its node is dead nobody tells before Kubernetes does.
            let unseen = self.dead.as_ref() == Some(&pod.node);
            !pod.terminating && pod.restarts == 0 && (unseen || memory == Some(Memory::Moved))
        })
    }

    fn processes(&self) -> impl Iterator<Item = (&String, &Process)> {
        self.pods
            .iter()
            .filter_map(|(name, pod)| Some((name, pod.process.as_ref()?)))
    }

    fn born(&mut self, key: Option<Key>) -> Pod {
        self.births += 1;
        Pod {
            uid: format!("born-{}", self.births),
            node: TARGET.to_owned(),
            key,
            ..Pod::default()
        }
    }

    /// Whether a container runtime could still restore the memory of this handoff.
    pub(crate) fn offers_image(&self, key: &Key) -> bool {
        self.keys
            .get(key.as_str())
            .is_some_and(|state| state.image.is_some())
    }

    /// Names of everything of ours that is still there.
    pub(crate) fn leftovers(&self) -> Vec<String> {
        let mut found = self.holds.clone();
        found.extend(self.stream.ours());
        found.extend(self.keys.keys().cloned());
        found.extend(self.stands(SOURCE).then(|| "a frozen source".to_owned()));
        found.extend(self.rule.then(|| "rule".to_owned()));
        found.extend(self.pods.contains_key(SHADOW).then(|| SHADOW.to_owned()));
        found.extend(
            self.control
                .contains_key(SHADOW)
                .then(|| names::control_queue(SHADOW)),
        );
        found
    }
}
