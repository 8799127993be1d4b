//! A small world that obeys the machine: pods, a broker, agents and the pod's owner, each moving on by itself in any
//! order. It refuses what must never happen, by failing the test.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use shadow_core::api::{HoldKind, MigrationStatus, OwnerKind, Plan, Witness};
use shadow_core::machine::{
    Action, ConnectionSeen, KeySeen, LinkSeen, Observed, Outcome, PodSeen, PodView, QueueSeen, Route,
    RuleSeen, TrafficSeen,
};
use shadow_core::names::{self, Key};
use shadow_core::wire::{Archive, Checkpointed, Claim, Transferred};

pub(crate) const UID: &str = "11111111-2222-3333-4444-555555555555";
pub(crate) const SOURCE: &str = "orders-0";
pub(crate) const SHADOW: &str = "orders-0-shadow";
/// UID of the StatefulSet or ReplicaSet.
pub(crate) const OWNER: &str = "owner";
/// What a ReplicaSet starts when it counts one pod too few.
pub(crate) const REPLACEMENT: &str = "orders-new";
/// What moves on when the endpoints of Services do.
const SERVICES: &str = "services";

/// Whose memory a process has: the source's own, or that of a fresh start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Memory {
    Moved,
    Fresh,
}

/// Where a process consumes: `None` is the primary queue.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Process {
    pub hold: Option<String>,
    pub memory: Memory,
    /// Messages in its memory.
    pub applied: u64,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Pod {
    pub uid: String,
    key: Option<Key>,
    restarts: i32,
    terminating: bool,
    stopping: bool,
    ended: bool,
    never_restarts: bool,
    hashed: bool,
    owner: Option<String>,
    pub process: Option<Process>,
}

#[derive(Clone, Debug)]
struct KeyState {
    claim: Claim,
    /// On the source's node.
    dump: Option<Process>,
    /// On the target's node, whole.
    archive: Option<Process>,
}

/// Things that go wrong.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Faults {
    /// Restores that fail before one works.
    pub failing_restores: u32,
    /// The application never reads its control queue.
    pub deaf: bool,
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
    /// Whether a ReplicaSet counts the source.
    counted: bool,
    /// Pod that takes over in the first handoff.
    pub target: String,
    pub pods: BTreeMap<String, Pod>,
    control: BTreeMap<String, VecDeque<Option<String>>>,
    holds: Vec<String>,
    keys: BTreeMap<String, KeyState>,
    pub rule: bool,
    proven: bool,
    /// UIDs of the pods that Services send requests to.
    listed: BTreeSet<String>,
    /// How the application's connection was lost while it parked.
    pub lost: Option<String>,
    pub faults: Faults,
    pub cancel: bool,
    /// Messages that anybody applied.
    pub total: u64,
    /// A single-active queue, which our link may hold.
    single_active: Option<SingleActive>,
    /// Pods that kubelet restarted.
    restarted: BTreeSet<String>,
    /// Somebody else than the moved lineage consumed after the commit.
    pub overlapped: bool,
    births: u32,
}

impl World {
    pub(crate) fn new(faults: Faults, plan: &Plan) -> Self {
        let route = Route::of(plan);
        let mut world = Self {
            route,
            counted: plan
                .owner
                .as_ref()
                .is_some_and(|o| o.kind == OwnerKind::ReplicaSet),
            target: route.first_target(plan, UID),
            pods: BTreeMap::new(),
            control: BTreeMap::new(),
            holds: Vec::new(),
            keys: BTreeMap::new(),
            rule: false,
            proven: false,
            listed: BTreeSet::new(),
            lost: None,
            faults,
            cancel: false,
            total: 0,
            single_active: (plan.queue.hold == HoldKind::SingleActive).then(SingleActive::default),
            restarted: BTreeSet::new(),
            overlapped: false,
            births: 0,
        };
        let process = Process {
            hold: None,
            memory: Memory::Moved,
            applied: 0,
        };
        world.pods.insert(
            SOURCE.into(),
            Pod {
                uid: "source".into(),
                process: Some(process),
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
        if let Some(queue) = &mut self.single_active {
            queue.held = false;
        }
    }

    /// The next message is applied by whoever gets it.
    pub(crate) fn deliver(&mut self, choice: usize) {
        let on_primary: Vec<String> = self
            .processes()
            .filter(|(_, process)| process.hold.is_none())
            .map(|(name, _)| name.clone())
            .collect();
        let receivers = match &mut self.single_active {
            None => on_primary,
            Some(queue) => queue.serve(&on_primary, choice),
        };
        for name in receivers {
            if let Some(process) = self.pods.get_mut(&name).and_then(|pod| pod.process.as_mut()) {
                process.applied += 1;
                self.total += 1;
            }
        }
    }

    pub(crate) fn consumers(&self, queue: Option<&str>) -> u64 {
        if let (Some(single), None) = (&self.single_active, queue) {
            // Those that wait are not counted.
            return u64::from(single.held || self.processes().next().is_some());
        }
        self.processes()
            .filter(|(_, p)| p.hold.as_deref() == queue)
            .count() as u64
    }

    /// Whether a process without the moved memory consumes in this pod, or in one that nobody asked for.
    pub(crate) fn consumes_afresh(&self, uid: Option<&str>) -> bool {
        self.processes().any(|(name, process)| {
            let meant = name == REPLACEMENT || Some(self.pods[name].uid.as_str()) == uid;
            meant && process.hold.is_none() && process.memory == Memory::Fresh
        })
    }

    fn processes(&self) -> impl Iterator<Item = (&String, &Process)> {
        self.pods
            .iter()
            .filter_map(|(name, pod)| Some((name, pod.process.as_ref()?)))
    }

    /// The container of this pod crashes and kubelet restarts it, unless its policy is never to, or the pod goes. A
    /// restored one is held back by the agent until the migration is over.
    pub(crate) fn crash(&mut self, name: &str) {
        let Some(pod) = self.pods.get_mut(name) else {
            return;
        };
        if pod.process.is_none() {
            return;
        }
        let held_back = pod
            .key
            .as_ref()
            .is_some_and(|key| self.keys.contains_key(key.as_str()));
        if pod.never_restarts || pod.stopping {
            pod.process = None;
            pod.ended = true;
        } else if held_back {
            pod.restarts += 1;
            pod.process = None;
        } else {
            self.restarted.insert(pod.uid.clone());
            pod.restarts += 1;
            pod.process = Some(Process {
                hold: None,
                memory: Memory::Fresh,
                applied: 0,
            });
        }
    }

    /// What the machine may look at.
    pub(crate) fn look(&self, status: &MigrationStatus) -> Observed {
        let leg = status.legs.last().unwrap();
        let hold = names::hold_queue(&leg.key);
        let control = |pod: &str| match self.control.get(pod) {
            None => QueueSeen::Absent,
            Some(messages) => QueueSeen::Present {
                ready: messages.len() as u64,
                consumers: u64::from(
                    !self.faults.deaf && self.pods.get(pod).is_some_and(|p| p.process.is_some()),
                ),
                unacked: Some(0),
            },
        };
        Observed {
            cancel: self.cancel,
            from: self.see(&leg.from.pod),
            restarted: leg.from.uid.as_ref().map(|uid| self.restarted.contains(uid)),
            to: self.see(&leg.to.pod),
            primary: QueueSeen::Present {
                ready: 7,
                consumers: self.consumers(None),
                unacked: Some(0),
            },
            hold: self.queue(&hold),
            from_control: control(&leg.from.pod),
            to_control: control(&leg.to.pod),
            key: self
                .keys
                .get(leg.key.as_str())
                .map_or(KeySeen::Unknown, |key| KeySeen::Known {
                    claim: key.claim.clone(),
                    archive: if key.archive.is_some() {
                        Archive::Complete
                    } else {
                        Archive::Absent
                    },
                }),
            rule: match (self.rule, self.proven) {
                (false, _) => RuleSeen::Absent,
                (true, false) => RuleSeen::Unproven,
                (true, true) => RuleSeen::Proven,
            },
            traffic: if leg.to.uid.as_ref().is_some_and(|uid| self.listed.contains(uid)) {
                TrafficSeen::Switched
            } else {
                TrafficSeen::Behind(vec!["orders".into()])
            },
            link: self.link(),
            copy_connected: Some(self.is_connected(&leg.to.pod, leg.to.uid.as_deref())),
            source_gone: Some(!self.is_connected(&leg.from.pod, leg.from.uid.as_deref())),
            connection: match &self.lost {
                Some(how) => ConnectionSeen::Lost(how.clone()),
                None => ConnectionSeen::Held,
            },
            leftovers: status
                .legs
                .iter()
                .map(|l| names::hold_queue(&l.key))
                .map(|q| (q.clone(), self.queue(&q)))
                .collect(),
            blind: Vec::new(),
        }
    }

    fn link(&self) -> LinkSeen {
        match &self.single_active {
            None => LinkSeen::Unseen,
            Some(queue) if !queue.held => LinkSeen::Absent,
            Some(queue) if !queue.settled => LinkSeen::Waiting("something is unacknowledged".into()),
            Some(_) => LinkSeen::Proven,
        }
    }

    fn is_connected(&self, pod: &str, uid: Option<&str>) -> bool {
        let found = self
            .pods
            .get(pod)
            .filter(|found| uid.is_none_or(|uid| found.uid == uid));
        found.is_some_and(|found| found.process.is_some())
    }

    fn queue(&self, name: &str) -> QueueSeen {
        if !self.holds.iter().any(|h| h == name) {
            return QueueSeen::Absent;
        }
        QueueSeen::Present {
            ready: 0,
            consumers: self.consumers(Some(name)),
            unacked: Some(0),
        }
    }

    fn see(&self, name: &str) -> PodSeen {
        self.pods.get(name).map_or(PodSeen::Gone, |pod| {
            PodSeen::Present(PodView {
                uid: pod.uid.clone(),
                node: Some("node".into()),
                key: pod.key.as_ref().map(ToString::to_string),
                ready: pod.process.is_some(),
                terminating: pod.terminating,
                settled: pod.stopping || pod.never_restarts,
                ended: pod.ended,
                alone: true,
                claims: false,
                owner: pod.owner.clone(),
                hashed: pod.hashed,
                restarts: pod.restarts,
                trouble: None,
            })
        })
    }

    /// Performs an action; the assertions are the promises.
    pub(crate) fn perform(&mut self, action: &Action, status: &MigrationStatus) -> Outcome {
        let leg = status.legs.last().unwrap();
        match action {
            Action::Announce { key, .. } => {
                self.announce(key);
                if let Some(second) = self.route.key_of_recreated(status, UID).unwrap() {
                    self.announce(&second);
                }
            }
            Action::InstallRule => self.rule = true,
            Action::ProveRule => self.proven = self.rule,
            Action::RemoveRule => (self.rule, self.proven) = (false, false),
            Action::CreateTarget => self.create_target(&leg.key),
            Action::Adopt { to, .. } => self.label(&to.name, &to.uid),
            Action::RetryRestore { key, .. } => {
                let state = self.keys.get_mut(key.as_str()).unwrap();
                if let Claim::Failed { .. } = state.claim {
                    state.claim = Claim::None;
                }
                return Outcome::RestoreRetried;
            }
            Action::Park { pod } => {
                let hold = names::hold_queue(&leg.key);
                if !self.holds.contains(&hold) {
                    self.holds.push(hold.clone());
                }
                self.control.entry(pod.clone()).or_default().push_back(Some(hold));
                return Outcome::ParkSent(Witness::default());
            }
            Action::Unpark { pod } => {
                self.control.entry(pod.clone()).or_default().push_back(None);
                return Outcome::UnparkSent;
            }
            Action::AttachLink { .. } => {
                let queue = self.single_active.as_mut().expect("a link on an ordinary queue");
                if !queue.held {
                    (queue.held, queue.settled) = (true, false);
                }
                return Outcome::ParkSent(Witness::default());
            }
            Action::DetachLink => {
                let queue = self.single_active.as_mut().expect("a link on an ordinary queue");
                (queue.held, queue.served) = (false, None);
                return Outcome::UnparkSent;
            }
            Action::WithdrawControl { pod } => self.control.entry(pod.clone()).or_default().clear(),
            Action::Checkpoint { pod } => return self.checkpoint(&pod.name, &leg.key),
            Action::Fetch { .. } => {
                let state = self.keys.get_mut(leg.key.as_str()).expect("fetched for no key");
                state.archive.clone_from(&state.dump);
                return Outcome::Transferred(Transferred {
                    wire_bytes: 1,
                    total_micros: 1,
                });
            }
            Action::DeletePod(proof) => self.delete(&proof.pod().name, &proof.pod().uid, status),
            Action::Kill(proof) => {
                self.kill(&proof.pod().name, &proof.pod().uid);
                return Outcome::Ended;
            }
            Action::DropPod(dead) => self.drop_pod(&dead.pod().name, &dead.pod().uid),
            Action::DropHold(proof) => self.drop_hold(proof.queue()),
            Action::DropControl { pod } => self.drop_control(pod),
            Action::AbortKey { .. } => {
                if let Some(key) = self.keys.get_mut(leg.key.as_str()) {
                    key.claim = Claim::Aborted;
                }
            }
            Action::ForgetKeys => self.keys.clear(),
        }
        Outcome::Done
    }

    fn create_target(&mut self, key: &Key) {
        if !self.pods.contains_key(&self.target) {
            let mut pod = self.born(Some(key.clone()));
            pod.never_restarts = self.route == Route::Twice;
            self.pods.insert(self.target.clone(), pod);
        }
    }

    fn label(&mut self, name: &str, uid: &str) {
        if let Some(pod) = self.pods.get_mut(name).filter(|p| p.uid == uid) {
            pod.hashed = true;
        }
    }

    fn kill(&mut self, name: &str, uid: &str) {
        if let Some(pod) = self.pods.get_mut(name).filter(|p| p.uid == uid) {
            assert!(
                pod.stopping || pod.never_restarts,
                "killed before kubelet had begun to stop it: kubelet would restart it"
            );
            pod.process = None;
            pod.ended = true;
        }
    }

    fn drop_pod(&mut self, name: &str, uid: &str) {
        if let Some(pod) = self.pods.get(name).filter(|p| p.uid == uid) {
            let settled = pod.stopping || pod.never_restarts;
            assert!(pod.process.is_none() && settled, "a living pod was dropped");
            self.pods.remove(name);
        }
    }

    fn drop_hold(&mut self, queue: &str) {
        assert_eq!(self.consumers(Some(queue)), 0, "a hold queue in use was deleted");
        self.holds.retain(|h| h != queue);
    }

    fn drop_control(&mut self, pod: &str) {
        assert!(
            self.pods.get(pod).is_none_or(|p| p.process.is_none()),
            "control queue of a living pod deleted"
        );
        self.control.remove(pod);
    }

    fn announce(&mut self, key: &Key) {
        self.keys.entry(key.to_string()).or_insert(KeyState {
            claim: Claim::None,
            dump: None,
            archive: None,
        });
    }

    fn born(&mut self, key: Option<Key>) -> Pod {
        self.births += 1;
        Pod {
            uid: format!("born-{}", self.births),
            key,
            ..Pod::default()
        }
    }

    fn checkpoint(&mut self, name: &str, key: &Key) -> Outcome {
        let process = self.pods.get(name).and_then(|p| p.process.clone());
        let state = self.keys.get_mut(key.as_str()).unwrap();
        if state.dump.is_none() {
            let process = process.expect("dumped a container that does not run");
            match &self.single_active {
                None => assert_eq!(
                    process.hold,
                    Some(names::hold_queue(key)),
                    "dumped an instance that was not parked"
                ),
                Some(queue) => assert!(queue.held && queue.settled, "dumped an instance that was served"),
            }
            state.dump = Some(process);
        }
        Outcome::Checkpointed(Checkpointed {
            digest: "d".into(),
            bytes: 1,
            frozen_micros: 1,
            total_micros: 1,
        })
    }

    fn delete(&mut self, name: &str, uid: &str, status: &MigrationStatus) {
        let committed = status.legs.iter().any(|l| l.committed.is_some());
        if uid == "source" {
            assert!(committed, "the source was deleted before the commit");
            match self.route {
                Route::Twice | Route::InPlace => assert!(
                    self.rule && self.proven,
                    "the source was deleted before its successor's rule was in force"
                ),
                Route::Once if self.counted => assert!(
                    self.pods.get(&self.target).is_none_or(|p| p.hashed),
                    "the source was deleted before its ReplicaSet could count the copy"
                ),
                Route::Once => {}
            }
        }
        if name == SHADOW && committed && self.pods.get(name).is_some_and(|p| !p.ended) {
            let second = status.legs.iter().any(|l| l.number == 2 && l.committed.is_some());
            assert!(second, "the shadow was deleted while it was the truth");
            // A copy that crashed starts anew when the migration is over.
            let crashed = self.pods.get(SOURCE).is_some_and(|p| p.restarts > 0);
            assert!(
                crashed || self.pods.get(SOURCE).is_none_or(|p| self.listed.contains(&p.uid)),
                "the shadow was deleted while Services knew nobody else"
            );
        }
        if let Some(pod) = self.pods.get_mut(name).filter(|p| p.uid == uid) {
            pod.terminating = true;
        }
    }

    /// Lets one thing happen by itself; `choice` says which.
    pub(crate) fn tick(&mut self, choice: usize, saved: &MigrationStatus) {
        let fixed = [SOURCE.to_owned(), SERVICES.to_owned()];
        let names: Vec<String> = self.pods.keys().cloned().chain(fixed).collect();
        let name = &names[choice % names.len()];
        if name == SERVICES {
            if let Some(queue) = &mut self.single_active {
                queue.settled |= queue.held;
            }
            return self.list_endpoints();
        }
        if !self.pods.contains_key(name) {
            return self.owner_acts(saved);
        }
        let (control, keys, faults) = (&mut self.control, &mut self.keys, &mut self.faults);
        let Some(pod) = self.pods.get_mut(name) else {
            return;
        };
        match (pod.terminating, pod.stopping) {
            (true, true) => return drop(self.pods.remove(name)),
            (true, false) => pod.stopping = true,
            (false, _) => {}
        }
        if let Some(process) = &mut pod.process {
            let messages = control.entry(name.clone()).or_default();
            if !faults.deaf
                && let Some(message) = messages.pop_front()
            {
                process.hold = message;
            }
        } else if let (Some(key), false) = (&pod.key, pod.ended) {
            match keys.get_mut(key.as_str()) {
                // The migration is over or gave up on this key: the container starts from its image.
                None => {
                    pod.process = Some(Process {
                        hold: None,
                        memory: Memory::Fresh,
                        applied: 0,
                    })
                }
                Some(state) => restore(pod, state, faults),
            }
        }
    }

    fn list_endpoints(&mut self) {
        let ready = |pod: &&Pod| pod.process.is_some() && !pod.terminating;
        self.listed = self.pods.values().filter(ready).map(|p| p.uid.clone()).collect();
    }

    /// The source has gone: its owner, if there is one, sees to that.
    fn owner_acts(&mut self, saved: &MigrationStatus) {
        match self.route {
            Route::Twice | Route::InPlace => self.recreate(saved),
            Route::Once if self.counted => self.count_again(),
            Route::Once => {}
        }
    }

    /// The ReplicaSet adopts a pod that bears its label; without one it starts another.
    fn count_again(&mut self) {
        let adopted = self.pods.values_mut().find(|pod| pod.hashed && !pod.terminating);
        if let Some(pod) = adopted {
            pod.owner = Some(OWNER.into());
            return;
        }
        let mut pod = self.born(None);
        pod.hashed = true;
        pod.owner = Some(OWNER.into());
        pod.process = Some(Process {
            hold: None,
            memory: Memory::Fresh,
            applied: 0,
        });
        self.pods.insert(REPLACEMENT.into(), pod);
    }

    /// The StatefulSet makes its pod anew; the webhook rewrites it once the first handoff is committed.
    fn recreate(&mut self, saved: &MigrationStatus) {
        let committed = saved.legs.iter().any(|l| l.committed.is_some());
        let announced = self.route.key_of_recreated(saved, UID).unwrap();
        let key = announced.filter(|_| self.rule && committed);
        let mut pod = self.born(key.clone());
        if key.is_none() {
            pod.process = Some(Process {
                hold: None,
                memory: Memory::Fresh,
                applied: 0,
            });
        }
        self.pods.insert(SOURCE.into(), pod);
        self.control.entry(SOURCE.into()).or_default();
    }

    /// Names of everything of ours that is still there.
    pub(crate) fn leftovers(&self) -> Vec<String> {
        let mut found = self.holds.clone();
        found.extend(self.keys.keys().cloned());
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

impl SingleActive {
    /// Whoever is served stays so while it is connected.
    fn serve(&mut self, connected: &[String], choice: usize) -> Vec<String> {
        if self.held || connected.is_empty() {
            return Vec::new();
        }
        let served = match self.served.take() {
            Some(served) if connected.contains(&served) => served,
            Some(_) | None => connected[choice % connected.len()].clone(),
        };
        self.served = Some(served.clone());
        vec![served]
    }
}

fn restore(pod: &mut Pod, state: &mut KeyState, faults: &mut Faults) {
    let pod_uid = pod.uid.clone();
    match (&state.claim, &state.archive) {
        (Claim::None, _) => state.claim = Claim::Waiting { pod_uid },
        (Claim::Waiting { .. }, Some(_)) if faults.failing_restores > 0 => {
            faults.failing_restores -= 1;
            state.claim = Claim::Failed {
                pod_uid,
                reason: "criu: no".into(),
            };
        }
        (Claim::Waiting { .. }, Some(process)) => {
            pod.process = Some(process.clone());
            state.claim = Claim::Restored { pod_uid, micros: 1 };
        }
        _ => {}
    }
}
