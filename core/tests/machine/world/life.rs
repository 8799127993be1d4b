//! What goes on by itself: pods, their owner, the application, the broker.

use super::*;

/// So many rounds of 200 ms after a node has died.
const GIVEN_UP: usize = 1_500;

impl World {
    /// The container of this pod crashes and kubelet restarts it, unless its policy is never to, or the pod goes. A
    /// restored one is held back by the agent until the migration is over.
    pub(crate) fn crash(&mut self, name: &str) {
        let Some(pod) = self.pods.get_mut(name) else {
            return;
        };
        if pod.process.is_none() {
            return;
        }
        if name == SOURCE {
            self.frozen = None;
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
            pod.process = Some(Process::fresh());
        }
    }

    /// Somebody deletes this incarnation of a pod.
    pub(crate) fn sends_away(&mut self, name: &str, uid: Option<&str>) {
        if let Some(pod) = self
            .pods
            .get_mut(name)
            .filter(|pod| Some(pod.uid.as_str()) == uid)
        {
            pod.terminating = true;
        }
    }

    /// Its namespace is deleted.
    pub(crate) fn sends_all_away(&mut self) {
        self.pods.values_mut().for_each(|pod| pod.terminating = true);
    }

    /// Its node dies: nothing runs there any more, and nobody says so. Five minutes later Kubernetes gives its pods up, which
    /// nobody ends.
    pub(crate) fn lives_on_without(&mut self, node: &str, rounds: Option<usize>) {
        let there = self.pods.values_mut().filter(|pod| pod.node == node);
        match rounds {
            Some(0) => {
                there.for_each(|pod| pod.process = None);
                self.dead = Some(node.to_owned());
            }
            Some(GIVEN_UP) => there.for_each(|pod| pod.terminating = true),
            Some(_) | None => {}
        }
    }

    /// What its agent would do.
    pub(crate) fn cannot_do(&self, action: &Action, status: &MigrationStatus) -> bool {
        let Some(dead) = self.dead.as_deref() else {
            return false;
        };
        let was_there = |leg: &Leg| self.pods.get(&leg.from.pod).is_none_or(|pod| pod.node == dead);
        let from_there = status.legs.last().is_some_and(was_there);
        let at_source = matches!(
            action,
            Action::Checkpoint { .. }
                | Action::Kill { .. }
                | Action::Fetch { .. }
                | Action::Promise
                | Action::Thaw
        );
        at_source && from_there || dead == TARGET && Part::Agents.is_needed_for(action)
    }

    /// Somebody removes the object of a pod that nobody ends.
    pub(crate) fn removes(&mut self, name: &str) {
        self.pods.remove(name);
    }

    /// Somebody sends the source away, with its own grace period.
    pub(crate) fn evict(&mut self) {
        if let Some(pod) = self.pods.get_mut(SOURCE).filter(|pod| pod.uid == "source") {
            pod.terminating = true;
        }
    }

    /// Lets one thing happen by itself; `choice` says which.
    pub(crate) fn tick(&mut self, choice: usize, saved: &MigrationStatus) {
        self.node_watches(saved);
        let fixed = [SOURCE, SERVICES, REPLICA_SET].map(str::to_owned);
        let names: Vec<String> = self.pods.keys().cloned().chain(fixed).collect();
        let name = &names[choice % names.len()];
        if name == SERVICES {
            if let Some(queue) = &mut self.single_active {
                queue.settled |= queue.held;
            }
            return self.list_endpoints();
        }
        if name == REPLICA_SET {
            return match (self.removed, self.replaces_replicas()) {
                (true, _) => self.collect(),
                (false, true) => self.replace_replicas(),
                (false, false) => self.count_replicas(),
            };
        }
        if !self.pods.contains_key(name) {
            return self.owner_acts(saved);
        }
        if name == SOURCE && self.pods[name].ended && self.route == Route::Twice && !self.removed {
            // A StatefulSet makes a pod anew that has ended.
            self.pods.remove(name);
            return;
        }
        self.kubelet_acts(&name.clone(), saved);
    }

    /// On the node of a pod.
    fn kubelet_acts(&mut self, name: &str, saved: &MigrationStatus) {
        let stands = self.stands(name);
        let (control, keys, faults) = (&mut self.control, &mut self.keys, &mut self.faults);
        let (stream, over) = (&self.stream, &self.over);
        let Some(pod) = self.pods.get_mut(name) else {
            return;
        };
        if self.dead.as_ref() == Some(&pod.node) {
            return;
        }
        let kept = faults.is_asked_by_address && pod.process.is_some();
        match (pod.terminating, pod.stopping) {
            (true, true) if kept => {}
            (true, true) => return drop(self.pods.remove(name)),
            (true, false) => pod.stopping = true,
            (false, _) => {}
        }
        if pod.terminating && pod.process.is_none() {
            // Kubelet starts nothing in it any more.
            return;
        }
        pod.placed |= !(self.cordoned && pod.node == TARGET);
        if stands || !pod.placed {
            return;
        }
        if let Some(process) = &mut pod.process {
            let messages = control.entry(name.to_owned()).or_default();
            process.overhears.remove(name);
            let busy = faults.polls && stream.waiting(process.reads.as_deref()) > 0;
            if !faults.deaf && !busy {
                process.listen(messages, faults.slow_to_obey);
            }
        } else if self.restore == RestoreBackend::Image && pod.key.is_some() {
            restore_by_image(pod, keys, faults);
        } else if let (Some(key), false) = (&pod.key, pod.ended) {
            match keys.get_mut(key.as_str()) {
                // The migration is over, or the agent forgot what it had restored: the container starts from its image.
                None if saved.phase.is_terminal() || over.contains(key.as_str()) => {
                    pod.process = Some(Process::fresh());
                }
                // The announcement may be on its way.
                None => {}
                Some(state) => restore(pod, state, faults),
            }
        }
    }

    fn list_endpoints(&mut self) {
        for pod in self.pods.values_mut() {
            pod.ready = pod.process.is_some();
        }
        let listed = |pod: &&Pod| pod.ready && !pod.terminating;
        self.listed = self.pods.values().filter(listed).map(|p| p.uid.clone()).collect();
    }

    /// A ReplicaSet with a pod too many removes one that is not ready, else the one with the lowest cost: the source. One with
    /// a pod too few does not wait for those that are on their way out.
    fn count_replicas(&mut self) {
        if !self.counted {
            return;
        }
        if !self.pods.values().any(|pod| pod.hashed && !pod.terminating) {
            return self.count_again();
        }
        let mut counted: Vec<(&String, &mut Pod)> = self
            .pods
            .iter_mut()
            .filter(|(_, pod)| pod.hashed && !pod.terminating)
            .collect();
        counted.sort_by_key(|(name, pod)| (pod.ready, *name != SOURCE));
        if let [(_, first), _, ..] = counted.as_mut_slice() {
            first.terminating = true;
        }
    }

    /// Whether its owner starts another pod beside those that we know, as it does without us.
    pub(crate) fn is_replaced(&self) -> bool {
        self.replaces_replicas() || self.counted && self.dead.is_some()
    }

    pub(crate) fn replaces_replicas(&self) -> bool {
        self.rolled_out && self.counted
    }

    /// A Deployment that is rolled out starts a pod of another ReplicaSet, and lets those of this one go.
    fn replace_replicas(&mut self) {
        if !self.pods.contains_key(REPLACEMENT) {
            let mut pod = self.born(None);
            pod.process = Some(Process::fresh());
            self.pods.insert(REPLACEMENT.into(), pod);
            return;
        }
        let counted = self.pods.values_mut().find(|pod| pod.hashed && !pod.terminating);
        if let Some(pod) = counted {
            pod.owner = Some(OWNER.into());
            pod.terminating = true;
        }
    }

    /// Pods whose owner was deleted go.
    fn collect(&mut self) {
        let left = self.pods.values_mut().find(|pod| !pod.terminating);
        if let Some(pod) = left {
            pod.terminating = true;
        }
    }

    /// The source has gone: its owner, if there is one, sees to that.
    fn owner_acts(&mut self, saved: &MigrationStatus) {
        if self.removed || self.replaces_replicas() {
            return;
        }
        match self.route {
            Route::Twice | Route::InPlace => self.recreate(saved),
            Route::Adopted => self.count_again(),
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
        pod.process = Some(Process::fresh());
        self.pods.insert(REPLACEMENT.into(), pod);
    }

    /// The StatefulSet makes its pod anew; the webhook rewrites it once the first handoff is committed.
    fn recreate(&mut self, saved: &MigrationStatus) {
        if self.scaled_down || self.unready_before {
            return;
        }
        let committed = saved.legs.iter().any(|l| l.committed.is_some());
        let announced = self.route.key_of_recreated(saved, UID).unwrap();
        let anew = self.rolled_out && self.route == Route::InPlace;
        let key = announced.filter(|_| self.rule && committed && !anew);
        let by_image = self.restore == RestoreBackend::Image && key.is_some();
        let restored = |leg: &Leg| Some(&leg.key) == key.as_ref() && leg.committed.is_some();
        if by_image && saved.legs.iter().any(restored) {
            // The webhook refuses it: it must not be set back.
            return;
        }
        let mut pod = self.born(key.clone());
        pod.never_restarts = by_image;
        if let Some(leg) = saved.legs.iter().rfind(|leg| Some(&leg.key) == key.as_ref()) {
            pod.node.clone_from(&leg.to.node);
        }
        pod.revision = Some(if self.rolled_out { "new" } else { "old" }.to_owned());
        if key.is_none() {
            pod.process = Some(Process::fresh());
        }
        self.pods.insert(SOURCE.into(), pod);
        self.control.entry(SOURCE.into()).or_default();
    }
}

impl Pod {
    /// Whether it is being deleted.
    pub(crate) fn goes(&self) -> bool {
        self.terminating
    }
}

impl Process {
    /// Reads all that it is told, and obeys when it is not busy any more.
    fn listen(&mut self, messages: &mut VecDeque<Option<String>>, busy: u32) {
        if self.hand.is_empty() {
            self.busy = busy;
        }
        self.hand.append(messages);
        if self.busy > 0 {
            self.busy -= u32::from(!self.hand.is_empty());
        } else if let Some(told) = self.hand.pop_front() {
            self.reads = told;
        }
    }
}

impl SingleActive {
    /// Whoever is served stays so while it is connected.
    pub(super) fn serve(&mut self, connected: &[String], choice: usize) -> Vec<String> {
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

impl Faults {
    /// Whether the next restore fails.
    fn fails(&mut self, second: bool) -> bool {
        let left = if second && self.failing_second > 0 {
            &mut self.failing_second
        } else {
            &mut self.failing_restores
        };
        let fails = *left > 0;
        *left = left.saturating_sub(1);
        fails
    }
}

fn restore(pod: &mut Pod, state: &mut KeyState, faults: &mut Faults) {
    let second = pod.key.as_ref().is_some_and(|key| key.as_str().contains("-2-"));
    let pod_uid = pod.uid.clone();
    match (&state.claim, &state.archive) {
        (Claim::None, _) => state.claim = Claim::Waiting { pod_uid },
        (Claim::Waiting { .. }, Some(_)) if faults.fails(second) => {
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

/// Kubelet pulls the image that the spec names, and the runtime restores from it: once, since the pod never restarts.
fn restore_by_image(pod: &mut Pod, keys: &mut BTreeMap<String, KeyState>, faults: &mut Faults) {
    let state = pod.image.as_ref().and_then(|key| keys.get_mut(key));
    let (Some(state), false) = (state, pod.ended) else {
        return;
    };
    let Some(process) = state.image.clone() else {
        return;
    };
    if faults.failing_restores > 0 {
        faults.failing_restores -= 1;
        pod.ended = true;
        pod.trouble = Some("StartError OCI runtime restore failed: criu failed: type RESTORE errno 0");
        return;
    }
    state.restored += 1;
    assert_eq!(state.restored, 1, "two containers were restored from one image");
    pod.process = Some(process);
}
