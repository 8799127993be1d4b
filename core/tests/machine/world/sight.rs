//! What the world would show of itself; a step sees only what it looks at.

use shadow_core::gone::WorldSeen;

use super::*;

impl World {
    /// Everything that there is to see.
    pub(crate) fn look(&self, status: &MigrationStatus) -> Observed {
        let leg = status.legs.last().unwrap();
        let hold = names::hold_queue(&leg.key);
        let [backlog, mirror] = stream::beside(status);
        Observed {
            cancel: self.cancel,
            // A person who gives the memory up cancels, too.
            give_memory_up: self.cancel,
            from: self.see(&leg.from.pod),
            restarted: self.afterlife(leg),
            to: self.see(&leg.to.pod),
            primary: QueueSeen::Present {
                ready: self.stream.waiting(None),
                consumers: self.consumers(None),
                unacked: Some(0),
            },
            hold: self.queue(&hold),
            from_control: self.control_queue(&leg.from.pod),
            to_control: self.control_queue(&leg.to.pod),
            readers: ReadersSeen::Listed(self.readers(leg)),
            recreation: Some(self.recreation()),
            place: Some(self.place(&leg.to.node)),
            key: self.keys(status, leg),
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
            copy_consumes: Some(self.is_connected(&leg.to.pod, leg.to.uid.as_deref())),
            source_gone: Some(!self.is_connected(&leg.from.pod, leg.from.uid.as_deref())),
            connection: match &self.lost {
                Some(how) => ConnectionSeen::Lost(how.clone()),
                None => ConnectionSeen::Held,
            },
            port: PortSeen::Seen {
                flow: self.stream.flow,
                branched: self.stream.branched(if self.live { 2 } else { 1 }),
            },
            backlog: self.beside(&backlog),
            mirror: self.beside(&mirror),
            leftovers: status
                .legs
                .iter()
                .map(|l| names::hold_queue(&l.key))
                .map(|q| (q.clone(), self.queue(&q)))
                .collect(),
            evidence: match &self.contradiction {
                Some(cause) => EvidenceSeen::Contradicted(cause.clone()),
                None => EvidenceSeen::Holds,
            },
            world: WorldSeen::default(),
            blind: Vec::new(),
        }
    }

    /// Events tell of a source that cannot be looked at itself any more.
    fn afterlife(&self, leg: &Leg) -> Option<bool> {
        let there = self.pods.get(&leg.from.pod).map(|pod| pod.uid.as_str()) == leg.from.uid.as_deref();
        match (leg.number, &leg.from.uid) {
            (2.., _) => Some(false),
            (_, Some(uid)) if leg.committed.is_some() && !there => Some(self.restarted.contains(uid)),
            (_, Some(_) | None) => None,
        }
    }

    fn control_queue(&self, pod: &str) -> QueueSeen {
        let Some(messages) = self.control.get(pod) else {
            return QueueSeen::Absent;
        };
        let reads = |(name, process): &(&String, &Process)| *name == pod || process.overhears.contains(pod);
        let readers = self.processes().filter(reads).count();
        QueueSeen::Present {
            ready: messages.len() as u64,
            consumers: if self.faults.deaf { 0 } else { readers as u64 },
            unacked: Some(0),
        }
    }

    fn recreation(&self) -> Recreation {
        if self.removed {
            Recreation::Removed
        } else if self.scaled_down {
            Recreation::Unwanted { replicas: 0 }
        } else if self.unready_before {
            Recreation::After { pod: BEFORE.into() }
        } else {
            Recreation::Comes
        }
    }

    fn place(&self, node: &str) -> Place {
        let dead = self.dead.as_deref() == Some(node);
        if !(dead || self.cordoned && node == TARGET) {
            return Place::Open;
        }
        Place::Closed {
            why: if dead { Closed::NotReady } else { Closed::Cordoned },
            another: (!self.faults.no_other_node && node == TARGET).then(|| ORIGIN.to_owned()),
        }
    }

    fn readers(&self, leg: &Leg) -> Vec<ReaderSeen> {
        let pod = &leg.from.pod;
        let reads = |(name, process): &(&String, &Process)| *name == pod || process.overhears.contains(pod);
        let reader = |(name, _): (&String, &Process)| ReaderSeen {
            tag: "control".into(),
            connection: format!("{name} -> broker"),
            address: name.clone(),
            of_copy: *name == leg.to.pod,
        };
        self.processes().filter(reads).map(reader).collect()
    }

    /// At the end those of all handoffs.
    fn keys(&self, status: &MigrationStatus, leg: &Leg) -> KeySeen {
        let clean = status
            .intent
            .as_ref()
            .is_some_and(|intent| intent.step == Step::Clean);
        let legs = status.legs.iter().rev().filter(|_| clean).chain([leg]);
        legs.map(|leg| self.key(leg.key.as_str()))
            .find(|seen| *seen != KeySeen::Unknown)
            .unwrap_or(KeySeen::Unknown)
    }

    fn key(&self, key: &str) -> KeySeen {
        let Some(state) = self.keys.get(key) else {
            return KeySeen::Unknown;
        };
        let archive = if state.archive.is_some() {
            Archive::Complete
        } else {
            Archive::Absent
        };
        KeySeen::Known {
            claim: state.claim.clone(),
            archive,
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

    fn beside(&self, name: &str) -> QueueSeen {
        if !self.stream.exists(name) {
            return QueueSeen::Absent;
        }
        QueueSeen::Present {
            ready: self.stream.waiting(Some(name)),
            consumers: self.consumers(Some(name)),
            unacked: Some(0),
        }
    }

    fn image_of(&self, pod: &Pod) -> &'static str {
        let moved = pod.key.is_some();
        if moved && self.faults.other_image {
            "sha256:another"
        } else {
            IMAGE
        }
    }

    fn see(&self, name: &str) -> PodSeen {
        self.pods.get(name).map_or(PodSeen::Gone, |pod| {
            let by_itself = !pod.terminating && pod.trouble.is_none() && (pod.ended || pod.restarts > 0);
            PodSeen::Present(PodView {
                uid: pod.uid.clone(),
                node: pod.placed.then(|| pod.node.clone()),
                key: pod.key.as_ref().map(ToString::to_string),
                ready: pod.ready && pod.process.is_some(),
                sandboxed: pod.placed,
                terminating: pod.terminating,
                settled: pod.stopping || pod.never_restarts,
                ended: pod.ended,
                alone: true,
                claims: false,
                owner: pod.owner.clone(),
                revision: pod.revision.clone(),
                hashed: pod.hashed,
                restarts: pod.restarts,
                reran: pod.restarts > 0,
                exit: by_itself.then(Box::default),
                unschedulable: !pod.placed
                    && (self.cordoned && pod.node == TARGET || self.dead.as_ref() == Some(&pod.node)),
                criu_failed: pod.trouble.is_some_and(|said| said.contains("criu failed")),
                trouble: pod.trouble.map(str::to_owned),
                image_missing: false,
                // Kubelet tells it late.
                image_id: (pod.ready && pod.process.is_some()).then(|| self.image_of(pod).to_owned()),
            })
        })
    }
}
