//! What the machine does to the world; the assertions are the promises.

use super::*;

impl World {
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
            Action::RetryRestore { key, .. } => return self.retry(key),
            Action::Park { pod } => return self.park(pod, names::hold_queue(&leg.key)),
            Action::Unpark { pod } => {
                self.say(pod, None);
                return Outcome::UnparkSent;
            }
            Action::AttachLink { .. } => return self.attach(),
            Action::DetachLink => return self.detach(),
            Action::Port { change, served } => return self.make(*change, *served, status),
            Action::Tell { pod, reading, .. } => return self.tell(pod, *reading, status),
            Action::Doubt(doubt) => return Outcome::Doubted(doubt.clone()),
            Action::WithdrawControl { pod } => self.control.entry(pod.clone()).or_default().clear(),
            Action::Checkpoint { pod } => return self.checkpoint(&pod.name, &leg.key),
            Action::Promise => return self.promise(),
            Action::Thaw => return self.thaw(),
            Action::Fetch { .. } => {
                let state = self.keys.get_mut(leg.key.as_str()).expect("fetched for no key");
                match self.restore {
                    RestoreBackend::RuntimeClass => state.archive.clone_from(&state.dump),
                    RestoreBackend::Image => {
                        state.image.clone_from(&state.dump);
                        self.name_image(&leg.to.pod, leg.to.uid.as_deref(), &leg.key);
                    }
                }
                return Outcome::Transferred(Transferred {
                    wire_bytes: 1,
                    total_micros: 1,
                });
            }
            Action::WithdrawImage => return self.withdraw(&leg.key),
            Action::DeletePod(proof) => self.delete(&proof.pod().name, &proof.pod().uid, status),
            Action::Kill { pod, quiet } => return self.hurry(pod.pod(), quiet.is_zero()),
            Action::DropPod(dead) => self.drop_pod(&dead.pod().name, &dead.pod().uid),
            Action::DropHold(proof) => self.drop_hold(proof.queue()),
            Action::DropControl { pod } => self.drop_control(pod),
            Action::RefuseControl(orphaned) => self.refuse_control(orphaned.pod()),
            Action::AbortKey { .. } => {
                if let Some(key) = self.keys.get_mut(leg.key.as_str()) {
                    key.claim = Claim::Aborted;
                }
            }
            Action::ForgetKeys => self.forget_keys(),
        }
        Outcome::Done
    }

    pub(super) fn forget_keys(&mut self) {
        let restored = |state: &KeyState| matches!(state.claim, Claim::Restored { .. });
        let all = std::mem::take(&mut self.keys).into_iter();
        self.over
            .extend(all.filter(|(_, state)| restored(state)).map(|(key, _)| key));
    }

    fn retry(&mut self, key: &Key) -> Outcome {
        let state = self.keys.get_mut(key.as_str()).unwrap();
        if let Claim::Failed { .. } = state.claim {
            state.claim = Claim::None;
        }
        Outcome::RestoreRetried
    }

    fn park(&mut self, pod: &str, hold: String) -> Outcome {
        if !self.holds.contains(&hold) {
            self.holds.push(hold.clone());
        }
        self.say(pod, Some(hold));
        Outcome::ParkSent(Witness::default())
    }

    /// A broker gives a message at once to one of those that consume the queue: at worst to one that should not.
    pub(super) fn say(&mut self, pod: &str, told: Option<String>) {
        let overhears = |other: &&mut Process| other.overhears.contains(pod);
        let mut processes = self.pods.values_mut().filter_map(|pod| pod.process.as_mut());
        match processes.find(overhears) {
            Some(other) => other.hand.push_back(told),
            None => self.control.entry(pod.to_owned()).or_default().push_back(told),
        }
    }

    fn attach(&mut self) -> Outcome {
        let queue = self.single_active.as_mut().expect("a link on an ordinary queue");
        if !queue.held {
            (queue.held, queue.settled) = (true, false);
        }
        Outcome::ParkSent(Witness::default())
    }

    fn detach(&mut self) -> Outcome {
        let queue = self.single_active.as_mut().expect("a link on an ordinary queue");
        (queue.held, queue.served) = (false, None);
        Outcome::UnparkSent
    }

    fn create_target(&mut self, key: &Key) {
        if !self.pods.contains_key(&self.target) {
            let mut pod = self.born(Some(key.clone()));
            pod.never_restarts = self.route == Route::Twice || self.restore == RestoreBackend::Image;
            self.pods.insert(self.target.clone(), pod);
        }
    }

    fn name_image(&mut self, name: &str, uid: Option<&str>, key: &Key) {
        if let Some(pod) = self.pods.get_mut(name).filter(|p| Some(p.uid.as_str()) == uid) {
            pod.image = Some(key.to_string());
        }
    }

    fn withdraw(&mut self, key: &Key) -> Outcome {
        let keeps = self.faults.keeps_images;
        let state = self.keys.get_mut(key.as_str()).expect("withdrawn for no key");
        if keeps {
            return Outcome::ImageKept("405".to_owned());
        }
        assert!(
            state.restored > 0,
            "the image was deleted before anybody was restored from it"
        );
        state.image = None;
        Outcome::ImageWithdrawn
    }

    fn label(&mut self, name: &str, uid: &str) {
        if let Some(pod) = self.pods.get_mut(name).filter(|p| p.uid == uid) {
            pod.hashed = true;
        }
    }

    /// At once, or as soon as nobody asks it any more.
    fn hurry(&mut self, pod: &PodRef, at_once: bool) -> Outcome {
        if self.faults.is_asked_by_address && !at_once {
            return Outcome::Done;
        }
        self.kill(&pod.name, &pod.uid);
        Outcome::Ended
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
        if uid == "source" {
            self.frozen = None;
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

    /// The broker tells its consumers, which restore it no more.
    fn refuse_control(&mut self, pod: &str) {
        self.drop_control(pod);
        for process in self.pods.values_mut().filter_map(|pod| pod.process.as_mut()) {
            process.overhears.remove(pod);
        }
    }

    fn announce(&mut self, key: &Key) {
        self.keys.entry(key.to_string()).or_insert(KeyState {
            claim: Claim::None,
            dump: None,
            archive: None,
            image: None,
            restored: 0,
        });
    }

    fn checkpoint(&mut self, name: &str, key: &Key) -> Outcome {
        let process = self.pods.get(name).and_then(|p| p.process.clone());
        // The source's agent needs no announcement.
        self.announce(key);
        let dumped = self.keys[key.as_str()].dump.is_some();
        if dumped && self.freezes && !self.keep_frozen() {
            return Outcome::Thawed;
        }
        if !dumped && self.freezes {
            self.freeze();
        }
        let state = self.keys.get_mut(key.as_str()).unwrap();
        if state.dump.is_none() {
            let mut process = process.expect("dumped a container that does not run");
            if self.faults.restores_consumers && !self.faults.polls {
                process.overhears.insert(name.to_owned());
            }
            match &self.single_active {
                None => assert_eq!(
                    process.reads,
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
                Route::Adopted => assert!(
                    self.pods.get(&self.target).is_none_or(|p| p.hashed),
                    "the source was deleted before its ReplicaSet could count the copy"
                ),
                Route::Once => {}
            }
        }
        if name == SHADOW && committed && self.pods.get(name).is_some_and(|p| !p.ended) {
            let second = status.legs.iter().any(|l| l.number == 2 && l.committed.is_some());
            let outdated = self.rolled_out
                && self
                    .pods
                    .get(SOURCE)
                    .is_some_and(|p| p.revision.as_deref() == Some("new"));
            assert!(
                second || outdated,
                "the shadow was deleted while it was the truth"
            );
            // A copy that crashed starts anew when the migration is over.
            let crashed = self.pods.get(SOURCE).is_some_and(|p| p.restarts > 0 || p.ended);
            assert!(
                outdated
                    || crashed
                    || self.dead.is_some()
                    || self.pods.get(SOURCE).is_none_or(|p| self.listed.contains(&p.uid)),
                "the shadow was deleted while Services knew nobody else"
            );
        }
        if let Some(pod) = self.pods.get_mut(name).filter(|p| p.uid == uid) {
            pod.terminating = true;
        }
    }
}
