//! A controller in small: looks, asks the product's decisions what comes next, does it. Keeps nothing between two beats
//! but the last control message. A frail one does not even keep that: it dies in the middle of every verb, and the next
//! one goes on from what stands.

use std::time::{Duration, Instant};

use shadow_controller::broker::port::{Goal, Port, PortState, Turned, Twins};
use shadow_controller::broker::{Broker, ControlMessage, Drainedness, QueueSeen};
use shadow_core::machine::port::{PortChange, Seen, Verb, after_release, towards_park};
use shadow_core::machine::{Branched, Flow};
use shadow_core::names::{self, Key};

use super::scene::{PATIENCE, Scene, address};

/// How often the world is looked at.
const BEAT: Duration = Duration::from_millis(10);

/// What a handoff is about.
pub(crate) struct Driver<'a> {
    pub(crate) scene: &'a Scene,
    pub(crate) port: Port,
    /// Key of the fence: names backlog and mirror.
    pub(crate) key: Key,
    /// Queue that waits behind the fence for the instance that is released: the backlog, or its mirror.
    pub(crate) waiting: String,
    /// Attempt, for the name of the hold queue.
    pub(crate) attempt: u32,
    /// That backlog and mirror are equal.
    pub(crate) twins: Option<Twins>,
    /// Dies in the middle of every verb.
    pub(crate) frail: bool,
    told: Option<Verb>,
    pub(crate) verbs: Vec<(Duration, Verb)>,
    begun: Instant,
}

impl<'a> Driver<'a> {
    pub(crate) fn new(scene: &'a Scene) -> Self {
        let key = Key::of(&scene.tag, 1, 0).unwrap();
        Self {
            scene,
            port: Port::of(&scene.primary()),
            waiting: names::backlog_queue(&key),
            key,
            attempt: 0,
            twins: None,
            frail: false,
            told: None,
            verbs: Vec::new(),
            begun: Instant::now(),
        }
    }

    pub(crate) fn hold(&self) -> String {
        self.scene.hold(self.attempt)
    }

    fn beside(&self) -> [String; 2] {
        [names::backlog_queue(&self.key), names::mirror_queue(&self.key)]
    }

    pub(crate) async fn seen(&self) -> Seen {
        let broker = &self.scene.broker;
        let topology = broker.topology(&self.port).await.unwrap();
        let branched = topology.branches.contains(&self.waiting);
        let [backlog, mirror] = self.beside();
        let twin = if self.waiting == backlog { mirror } else { backlog };
        Seen {
            flow: match topology.state() {
                PortState::NotAdopted => Flow::Direct,
                PortState::HalfAdopted { .. } => Flow::Partial,
                PortState::Adopted => Flow::Ported,
                PortState::Fenced => Flow::Fenced,
                PortState::Breached { .. } => Flow::Breached,
            },
            branched: if branched { Branched::Fully } else { Branched::No },
            hold: broker.queue(&self.hold()).await.unwrap().into(),
            primary: broker
                .queue_with_unacked(&self.port.primary)
                .await
                .unwrap()
                .into(),
            backlog: broker.queue_with_unacked(&self.waiting).await.unwrap().into(),
            twin: broker.queue_with_unacked(&twin).await.unwrap().into(),
        }
    }

    pub(crate) async fn tell(&self, pod: &str, queue: &str) {
        let queue = queue.to_owned();
        let message = ControlMessage::StartReplay { queue };
        self.scene.broker.send_control(pod, message).await.unwrap();
    }

    /// Declares a fresh hold queue, asks `pod` to park on it and helps until it has.
    pub(crate) async fn park(&mut self, pod: &str) {
        self.scene.declare_hold(self.attempt).await;
        self.tell(pod, &self.hold()).await;
        self.help_until_parked(pod).await;
    }

    pub(crate) async fn help_until_parked(&mut self, pod: &str) {
        let asked = Instant::now();
        self.told = None;
        while self
            .beat(pod, |seen| {
                towards_park(seen, asked.elapsed().try_into().unwrap())
            })
            .await
            != Verb::Done
        {}
    }

    /// Leads `pod` through everything that waits, and tidies up.
    pub(crate) async fn release(&mut self, pod: &str) {
        self.told = None;
        while self.beat(pod, after_release).await != Verb::Done {}
    }

    /// The same, until new messages go to the primary queue again and the pod reads the finite backlog.
    pub(crate) async fn release_until_flipped(&mut self, pod: &str) {
        self.told = None;
        while self.beat(pod, after_release).await != Verb::Make(PortChange::FlipBack) {}
    }

    async fn beat(&mut self, pod: &str, decide: impl Fn(&Seen) -> Verb) -> Verb {
        assert!(self.begun.elapsed() < 10 * PATIENCE, "too long: {:?}", self.verbs);
        let seen = self.seen().await;
        let verb = decide(&seen);
        if verb == Verb::Wait || self.told == Some(verb) {
            tokio::time::sleep(BEAT).await;
            return verb;
        }
        if matches!(verb, Verb::TellPrimary | Verb::TellBacklog) && seen.flow != Flow::Direct {
            self.scene.broker.settled(&self.port).await.unwrap();
            if decide(&self.seen().await) != verb {
                return Verb::Wait;
            }
        }
        if self.verbs.last().map(|(_, last)| *last) != Some(verb) {
            self.verbs.push((self.begun.elapsed(), verb));
        }
        if self.frail {
            self.die_in(pod, verb).await;
        } else {
            self.act(pod, verb).await;
        }
        verb
    }

    /// Makes one change towards what the verb is for, by a connection that ends with it.
    async fn die_in(&mut self, pod: &str, verb: Verb) {
        let goal = match verb {
            Verb::Make(PortChange::Adopt) | Verb::Make(PortChange::TakeInStrays) => Goal::Adopt,
            Verb::Make(PortChange::Fence) => Goal::Fence,
            Verb::Make(PortChange::FlipBack) => Goal::FlipBack,
            Verb::Make(PortChange::GiveBack) => Goal::GiveBack,
            Verb::TellPrimary | Verb::TellBacklog => {
                self.act(pod, verb).await;
                // The next one does not know that it was told, and tells it again once.
                return self.act(pod, verb).await;
            }
            Verb::Wait
            | Verb::Make(PortChange::Branch)
            | Verb::Make(PortChange::Unbranch)
            | Verb::Make(PortChange::DeleteTwin)
            | Verb::Make(PortChange::DeleteBacklog)
            | Verb::Make(PortChange::PourBack)
            | Verb::Make(PortChange::PourRest)
            | Verb::Done => {
                return self.act(pod, verb).await;
            }
        };
        let doomed = Broker::connect(&address(), &crate::guard::here()).await.unwrap();
        doomed.port_step(&self.port, goal).await.unwrap();
    }

    async fn act(&mut self, pod: &str, verb: Verb) {
        let (broker, port) = (&self.scene.broker, &self.port);
        let undisturbed = |turned: Turned| assert_eq!(turned.strays, []);
        match verb {
            Verb::Wait | Verb::Done => {}
            Verb::Make(PortChange::Adopt) => broker.adopt(port).await.unwrap(),
            Verb::Make(PortChange::Branch) => {
                let like = self.scene.facts().await;
                broker.declare_branch(&self.waiting, &like).await.unwrap();
                broker.branch(port, &self.waiting).await.unwrap();
            }
            Verb::Make(PortChange::Fence) => undisturbed(broker.fence(port).await.unwrap()),
            Verb::Make(PortChange::TakeInStrays) => undisturbed(broker.take_in_strays(port).await.unwrap()),
            Verb::Make(PortChange::FlipBack) => undisturbed(broker.flip_back(port).await.unwrap()),
            Verb::TellPrimary => {
                self.told = Some(verb);
                broker.send_control(pod, ControlMessage::EndReplay).await.unwrap();
            }
            Verb::TellBacklog => {
                self.told = Some(verb);
                self.tell(pod, &self.waiting).await;
            }
            Verb::Make(PortChange::Unbranch) => {
                for queue in self.beside() {
                    if broker.queue(&queue).await.unwrap() != QueueSeen::Absent {
                        broker.unbranch(port, &queue).await.unwrap();
                    }
                }
            }
            Verb::Make(PortChange::DeleteTwin) => self.delete_twin().await,
            Verb::Make(PortChange::DeleteBacklog) => self.delete_served().await,
            Verb::Make(PortChange::PourBack) => drop(broker.pour_back(port, &self.waiting).await.unwrap()),
            Verb::Make(PortChange::PourRest) => drop(broker.pour_rest(port, &self.waiting).await.unwrap()),
            Verb::Make(PortChange::GiveBack) => broker.give_back(port).await.unwrap(),
        }
    }

    async fn delete_twin(&self) {
        let broker = &self.scene.broker;
        let twins = self.twins.as_ref().expect("a twin that was never made one");
        if let Drainedness::Proven(served) = broker.drained(&self.waiting).await.unwrap() {
            broker.delete_twin(&self.port, twins, served).await.unwrap();
        }
    }

    async fn delete_served(&self) {
        let broker = &self.scene.broker;
        if let Drainedness::Proven(served) = broker.drained(&self.waiting).await.unwrap() {
            broker.delete_queue(served).await.unwrap();
        }
    }

    /// Deletes the hold queue, once nobody waits on it.
    pub(crate) async fn drop_hold(&self, attempt: u32) {
        let hold = self.scene.hold(attempt);
        super::scene::until("the hold queue is empty and unused", || async {
            match self.scene.broker.drained(&hold).await.unwrap() {
                Drainedness::Proven(proof) => Some(self.scene.broker.delete_queue(proof).await.unwrap()),
                Drainedness::Absent | Drainedness::NotYet(_) => None,
            }
        })
        .await;
    }

    /// Seconds at which each verb was asked for, for the record.
    pub(crate) fn report(&self, title: &str) {
        let steps: Vec<String> = self
            .verbs
            .iter()
            .map(|(at, verb)| format!("{:.2} {verb:?}", at.as_secs_f32()))
            .collect();
        eprintln!(
            "{title}: {} | {:.2} s",
            steps.join(", "),
            self.begun.elapsed().as_secs_f32()
        );
    }
}
