//! The verbs. Each reads what stands, makes the changes that lead on from there, and reads back.
//!
//! Guarantee: each may be asked for again at any time, by anybody, and after a crash between any two calls.

use std::time::Duration;

use super::plan::{Change, Goal, next_change};
use super::topology::{Port, PortState, Route, Topology};
use crate::broker::{Broker, BrokerError};

/// How long messages that were routed by old bindings may still be on their way. Bind-ok and unbind-ok are no barriers:
/// at 5,000 messages a second such messages arrived up to 29 ms after them.
pub const SETTLE: Duration = Duration::from_millis(80);
/// Looks that must show the same after a fence or a flip, one settle time apart.
const LOOKS: u32 = 2;
/// Changes that one verb makes at most. More can only mean that somebody undoes them.
const MOST_CHANGES: usize = 1000;

/// The flow was turned, has settled, and was seen so twice.
#[derive(Clone, Debug, Default, PartialEq)]
#[must_use = "bindings past the fence mean that messages may come twice"]
pub struct Turned {
    /// Bindings that went past the fence while it was up, and were taken in behind it now. What came through them is in
    /// the queue and in its branches as well.
    pub strays: Vec<Route>,
}

impl Broker {
    /// Puts the port before the queue. Nothing is lost, doubled or reordered by it.
    ///
    /// # Errors
    /// [`BrokerError::InTheWay`] when nothing is bound to the queue; [`BrokerError::NotInEffect`] when a binding cannot be
    /// copied exactly.
    pub async fn adopt(&self, port: &Port) -> Result<(), BrokerError> {
        self.reach(port, Goal::Adopt).await.map(drop)
    }

    /// Turns every new message to the branches. When it returns, the queue is finite: what it gets now can only come
    /// from those who publish to it through the default exchange.
    ///
    /// # Errors
    /// [`BrokerError::InTheWay`] when no branch would take the messages.
    pub async fn fence(&self, port: &Port) -> Result<Turned, BrokerError> {
        self.turn(port, Goal::Fence).await
    }

    /// Turns every new message to the queue. When it returns, the branches are finite.
    pub async fn flip_back(&self, port: &Port) -> Result<Turned, BrokerError> {
        self.turn(port, Goal::FlipBack).await
    }

    /// Takes bindings past the port in, without turning the flow: what came past a fence is in [`Turned::strays`].
    pub async fn take_in_strays(&self, port: &Port) -> Result<Turned, BrokerError> {
        self.turn(port, Goal::Adopt).await
    }

    /// Undoes [`Broker::adopt`] with the bindings that the port has by now. Nothing is lost, doubled or reordered by it.
    ///
    /// # Errors
    /// [`BrokerError::InTheWay`] while it is fenced or a branch is bound.
    pub async fn give_back(&self, port: &Port) -> Result<(), BrokerError> {
        self.reach(port, Goal::GiveBack).await.map(drop)
    }

    /// What stands, once it has stood for two settle times: messages that were routed before have arrived. For a
    /// controller that does not know how long ago its predecessor turned the flow.
    pub async fn settled(&self, port: &Port) -> Result<PortState, BrokerError> {
        let mut state = self.port_state(port).await?;
        let mut still = 0;
        while still < LOOKS {
            tokio::time::sleep(SETTLE).await;
            let now = self.port_state(port).await?;
            still = if now == state { still + 1 } else { 0 };
            state = now;
        }
        Ok(state)
    }

    /// Lets a queue take what the fence keeps away.
    ///
    /// # Errors
    /// [`BrokerError::InTheWay`] behind a fence that has another branch: it would get less than that one.
    pub async fn branch(&self, port: &Port, queue: &str) -> Result<(), BrokerError> {
        let seen = self.topology(port).await?;
        let fenced = !seen.serves && !seen.fed.is_empty();
        if let Some(other) = seen.branches.iter().find(|other| fenced && *other != queue) {
            let reason = format!("queue {other:?} takes its messages already; flip back first");
            return Err(in_the_way(port, "given a branch", reason));
        }
        self.make(port, &Change::Branch(queue.to_owned()), &seen).await
    }

    /// Undoes [`Broker::branch`].
    ///
    /// # Errors
    /// [`BrokerError::InTheWay`] behind a fence, where messages would be lost or the branches become unequal.
    pub async fn unbranch(&self, port: &Port, queue: &str) -> Result<(), BrokerError> {
        let seen = self.topology(port).await?;
        if !seen.serves && !seen.fed.is_empty() {
            let reason = format!("queue {queue:?} takes its messages while it is fenced; flip back first");
            return Err(in_the_way(port, "left without this branch", reason));
        }
        self.make(port, &Change::Unbranch(queue.to_owned()), &seen).await
    }

    /// Makes the next change towards a goal and reads it back; `None` when the goal is reached. The verbs are repetitions
    /// of it.
    pub async fn port_step(&self, port: &Port, goal: Goal) -> Result<Option<Change>, BrokerError> {
        let seen = self.topology(port).await?;
        let Some(change) = next(port, goal, &seen)? else {
            return Ok(None);
        };
        if change.waits_for(None) {
            self.keeps_still(port, goal, &change).await?;
        }
        self.apply(port, &change, &seen).await?;
        Ok(Some(change))
    }

    /// Reaches a goal; returns bindings that went past a fence on the way.
    async fn reach(&self, port: &Port, goal: Goal) -> Result<Turned, BrokerError> {
        let mut turned = Turned::default();
        let mut previous = None;
        let mut seen = self.topology(port).await?;
        for _ in 0..MOST_CHANGES {
            turned.note(&seen);
            let Some(change) = next(port, goal, &seen)? else {
                return Ok(turned);
            };
            if change.waits_for(previous.as_ref()) && !self.keeps_still(port, goal, &change).await? {
                seen = self.topology(port).await?;
                continue;
            }
            seen = self.apply(port, &change, &seen).await?;
            previous = Some(change);
        }
        let reason =
            "another program keeps changing its bindings; find the program that declares them".to_owned();
        Err(in_the_way(port, goal.aim(), reason))
    }

    /// Reaches a goal and looks until it has held for [`LOOKS`] settle times.
    async fn turn(&self, port: &Port, goal: Goal) -> Result<Turned, BrokerError> {
        let mut turned = self.reach(port, goal).await?;
        let mut still = 0;
        while still < LOOKS {
            tokio::time::sleep(SETTLE).await;
            let seen = self.topology(port).await?;
            turned.note(&seen);
            if next(port, goal, &seen)?.is_none() {
                still += 1;
            } else {
                still = 0;
                turned.strays.extend(self.reach(port, goal).await?.strays);
            }
        }
        turned.strays.dedup_by(|a, b| a.same(b));
        Ok(turned)
    }

    /// Waits one settle time; whether the change is still the next one.
    async fn keeps_still(&self, port: &Port, goal: Goal, change: &Change) -> Result<bool, BrokerError> {
        tokio::time::sleep(SETTLE).await;
        let seen = self.topology(port).await?;
        Ok(next(port, goal, &seen)?.as_ref() == Some(change))
    }

    async fn make(&self, port: &Port, change: &Change, seen: &Topology) -> Result<(), BrokerError> {
        if change.shows_in(seen) {
            return Ok(());
        }
        self.apply(port, change, seen).await.map(drop)
    }
}

impl Turned {
    fn note(&mut self, seen: &Topology) {
        if !seen.serves && !seen.fed.is_empty() {
            let new = seen.direct.iter().filter(|route| !route.is_in(&self.strays));
            let new: Vec<Route> = new.cloned().collect();
            self.strays.extend(new);
        }
    }
}

impl Goal {
    fn aim(self) -> &'static str {
        match self {
            Self::Adopt => "adopted",
            Self::Fence => "fenced",
            Self::FlipBack => "given its new messages",
            Self::GiveBack => "given back",
        }
    }
}

fn next(port: &Port, goal: Goal, seen: &Topology) -> Result<Option<Change>, BrokerError> {
    next_change(goal, seen).map_err(|reason| in_the_way(port, goal.aim(), reason))
}

fn in_the_way(port: &Port, aim: &'static str, reason: String) -> BrokerError {
    BrokerError::InTheWay {
        queue: port.primary.clone(),
        aim,
        reason,
    }
}
