//! The broker's side of a stream: numbered messages, the queue that they go to, and the queues beside it.

use super::*;

/// Names of the queues that may stand beside the primary one.
pub(super) fn beside(status: &MigrationStatus) -> [String; 2] {
    let key = &status.legs[0].key;
    [names::backlog_queue(key), names::mirror_queue(key)]
}

/// Messages are numbers; the application has to apply each once, in order.
#[derive(Clone, Debug)]
pub(crate) struct Stream {
    published: u64,
    primary: VecDeque<u64>,
    /// Queues of ours beside it, and whether they are bound behind the port.
    beside: BTreeMap<String, (VecDeque<u64>, bool)>,
    pub(super) flow: Flow,
}

impl Stream {
    /// So many messages wait at the beginning.
    pub(super) fn with(waiting: u64) -> Self {
        Self {
            published: waiting,
            primary: (1..=waiting).collect(),
            beside: BTreeMap::new(),
            flow: Flow::Direct,
        }
    }

    /// One more message is published.
    pub(super) fn publish(&mut self) {
        self.published += 1;
        if self.flow == Flow::Fenced {
            let bound = self.beside.values_mut().filter(|(_, bound)| *bound);
            bound.for_each(|(queue, _)| queue.push_back(self.published));
        } else {
            self.primary.push_back(self.published);
        }
    }

    /// The next message of a queue; `None` is the primary one.
    pub(super) fn next(&mut self, queue: Option<&str>) -> Option<u64> {
        match queue {
            None => self.primary.pop_front(),
            Some(name) => self.beside.get_mut(name)?.0.pop_front(),
        }
    }

    /// Messages that wait in a queue.
    pub(super) fn waiting(&self, queue: Option<&str>) -> u64 {
        let waiting = match queue {
            None => self.primary.len(),
            Some(name) => self.beside.get(name).map_or(0, |(queue, _)| queue.len()),
        };
        waiting as u64
    }

    /// What a reader of the primary queue has applied when it has applied everything up to it.
    pub(crate) fn applied(&self) -> u64 {
        self.published - self.primary.len() as u64
    }

    pub(super) fn exists(&self, queue: &str) -> bool {
        self.beside.contains_key(queue)
    }

    pub(super) fn branched(&self, wanted: usize) -> Branched {
        match self.beside.values().filter(|(_, bound)| *bound).count() {
            0 => Branched::No,
            bound if bound < wanted => Branched::Partly,
            _ => Branched::Fully,
        }
    }

    /// Names of what is ours.
    pub(super) fn ours(&self) -> Vec<String> {
        let port = (self.flow != Flow::Direct).then(|| "port".to_owned());
        self.beside.keys().cloned().chain(port).collect()
    }

    /// Puts what waits in a queue beside it at the end of the primary one.
    fn pour(&mut self, queue: &str) {
        let (poured, _) = self.beside.get_mut(queue).expect("nothing to pour");
        self.primary.append(poured);
    }

    /// The same before the flow is turned back; a message comes at the worst moment, too late to be poured.
    fn pour_back(&mut self, queue: &str) {
        if self.flow == Flow::Fenced {
            self.pour(queue);
            self.publish();
            self.flow = Flow::Ported;
        }
    }

    fn delete(&mut self, queue: &str) {
        self.beside.remove(queue);
    }
}

impl World {
    /// One change of the flow; the assertions are what a broker cannot undo.
    pub(super) fn make(&mut self, change: PortChange, served: Reading, status: &MigrationStatus) -> Outcome {
        let [backlog, mirror] = beside(status);
        let (served, twin) = if served == Reading::Mirror {
            (&mirror, &backlog)
        } else {
            (&backlog, &mirror)
        };
        let unread =
            |world: &Self, queue: &str| assert_eq!(world.consumers(Some(queue)), 0, "{queue} is in use");
        match change {
            PortChange::Adopt => {
                if self.stream.flow == Flow::Direct {
                    self.stream.flow = Flow::Ported;
                }
            }
            PortChange::Branch => return self.branch(&backlog, &mirror),
            PortChange::Fence => {
                assert_ne!(self.stream.branched(1), Branched::No, "nobody takes the messages");
                self.stream.flow = Flow::Fenced;
            }
            PortChange::FlipBack => self.stream.flow = Flow::Ported,
            PortChange::Unbranch => {
                assert_ne!(self.stream.flow, Flow::Fenced, "unbound behind a fence");
                self.stream
                    .beside
                    .values_mut()
                    .for_each(|(_, bound)| *bound = false);
            }
            PortChange::DeleteTwin => {
                unread(self, twin);
                let equal = status.fence.as_ref().is_some_and(|fence| fence.twins);
                let empty = self.stream.waiting(Some(twin)) == 0;
                assert!(
                    empty || equal && self.stream.waiting(Some(served)) == 0,
                    "deleted unread"
                );
                self.stream.delete(twin);
            }
            PortChange::DeleteBacklog => {
                unread(self, served);
                assert_eq!(self.stream.waiting(Some(served)), 0, "deleted unread");
                self.stream.delete(served);
            }
            PortChange::PourBack => self.stream.pour_back(served),
            PortChange::PourRest => {
                assert_ne!(self.stream.flow, Flow::Fenced, "the rest is not finite");
                self.stream.publish();
                self.stream.pour(served);
            }
            PortChange::GiveBack => {
                assert_ne!(self.stream.flow, Flow::Fenced, "given back behind a fence");
                self.stream.flow = Flow::Direct;
            }
            PortChange::TakeInStrays => panic!("nobody bound the queue past its port"),
        }
        Outcome::Turned { strays: Vec::new() }
    }

    fn branch(&mut self, backlog: &str, mirror: &str) -> Outcome {
        let fenced = self.stream.flow == Flow::Fenced;
        for queue in [backlog, mirror].into_iter().take(if self.live { 2 } else { 1 }) {
            let (waiting, bound) = self.stream.beside.entry(queue.to_owned()).or_default();
            assert!(*bound || (!fenced && waiting.is_empty()), "bound too late");
            *bound = true;
        }
        if self.live {
            Outcome::Twinned
        } else {
            Outcome::Done
        }
    }

    /// The instance is told what to read.
    pub(super) fn tell(&mut self, pod: &str, reading: Reading, status: &MigrationStatus) -> Outcome {
        let [backlog, mirror] = beside(status);
        let queue = match reading {
            Reading::Primary => None,
            Reading::Backlog => Some(backlog),
            Reading::Mirror => Some(mirror),
        };
        self.say(pod, queue);
        Outcome::Told(reading)
    }

    /// A message is published, and whoever consumes applies what it gets.
    pub(crate) fn deliver(&mut self, choice: usize) {
        self.stream.publish();
        let on_primary: Vec<String> = self
            .processes()
            .filter(|(_, process)| process.reads.is_none())
            .map(|(name, _)| name.clone())
            .collect();
        let served = match &mut self.single_active {
            None => on_primary.clone(),
            Some(queue) => queue.serve(&on_primary, choice),
        };
        let pace = if self.faults.slow { 1 } else { 2 };
        let standing = self.stands(SOURCE);
        for (name, pod) in &mut self.pods {
            let Some(process) = &mut pod.process else { continue };
            if standing && pod.uid == "source" {
                continue;
            }
            let gets = process.reads.is_some() || served.contains(name);
            for _ in 0..if gets { pace } else { 0 } {
                if let Some(message) = self.stream.next(process.reads.as_deref()) {
                    process.apply(message);
                }
            }
        }
    }
}

impl Process {
    /// One that starts from its image.
    pub(super) fn fresh() -> Self {
        Self {
            reads: None,
            memory: Memory::Fresh,
            hand: VecDeque::new(),
            busy: 0,
            applied: 0,
            in_order: true,
            overhears: BTreeSet::new(),
        }
    }

    fn apply(&mut self, message: u64) {
        self.in_order &= message == self.applied + 1;
        self.applied = message;
    }
}
