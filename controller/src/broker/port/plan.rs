//! Which single change leads on from what stands at the broker: pure, and asked again after every change.
//!
//! Guarantees, at every point between two changes, whoever stops there and whoever goes on:
//! - a message that the application's exchanges route to the queue goes to the queue or to the branches, never to
//!   nothing: what is new is bound first, what is old is unbound later;
//! - no change makes the queue receive a message twice, since a queue receives a message once over any graph.

use std::fmt;

use super::topology::{Route, Topology};

/// What is to be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goal {
    /// Every message comes through the port. A fence stays a fence.
    Adopt,
    /// Every new message goes to the branches.
    Fence,
    /// Every new message goes to the queue.
    FlipBack,
    /// As it was before.
    GiveBack,
}

/// One call to the broker.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// Declare the side exchange.
    DeclareSide,
    /// Declare the port exchange.
    DeclarePort,
    /// Bind port → queue.
    Serve,
    /// Unbind port → queue.
    Unserve,
    /// Bind exchange → port.
    Feed(Route),
    /// Unbind exchange → port.
    Unfeed(Route),
    /// Bind exchange → queue.
    Own(Route),
    /// Unbind exchange → queue.
    Disown(Route),
    /// Bind side → this queue.
    Branch(String),
    /// Unbind side → this queue.
    Unbranch(String),
    /// Delete the port exchange.
    DeletePort,
    /// Delete the side exchange.
    DeleteSide,
}

/// The next change towards a goal; `None` when it is reached; an error, in words, when only a person or another verb
/// can clear the way.
pub fn next_change(goal: Goal, seen: &Topology) -> Result<Option<Change>, String> {
    if let Some(foreign) = seen.foreign.first() {
        return Err(format!("another program bound {foreign}. Remove that binding"));
    }
    match goal {
        Goal::Adopt => adopt(seen),
        Goal::Fence => match adopt(seen)? {
            Some(change) => Ok(Some(change)),
            None => fence(seen),
        },
        // A binding that appeared meanwhile is taken in first: past the flip it would be one of many.
        Goal::FlipBack => match adopt(seen)? {
            Some(change) => Ok(Some(change)),
            None => Ok((!seen.serves).then_some(Change::Serve)),
        },
        Goal::GiveBack => give_back(seen),
    }
}

fn adopt(seen: &Topology) -> Result<Option<Change>, String> {
    if seen.direct.is_empty() && seen.fed.is_empty() {
        return Err(
            "no exchange is bound to it. Bind an exchange to it, and let its publishers use that exchange"
                .to_owned(),
        );
    }
    if !seen.side {
        return Ok(Some(Change::DeclareSide));
    }
    if !seen.port {
        return Ok(Some(Change::DeclarePort));
    }
    // Fed and not serving is a fence; not fed and not serving is an adoption that has just begun.
    if !seen.serves && seen.fed.is_empty() {
        return Ok(Some(Change::Serve));
    }
    let unfed = || seen.direct.iter().filter(|route| !route.is_in(&seen.fed));
    // Left by whoever died between trying one type of number and the next.
    let mistyped = seen
        .fed
        .iter()
        .find(|fed| !fed.is_in(&seen.direct) && unfed().any(|route| route.twin(fed)));
    if let Some(route) = mistyped {
        return Ok(Some(Change::Unfeed(route.clone())));
    }
    let next = unfed().next().cloned().map(Change::Feed);
    Ok(next.or_else(|| seen.direct.first().cloned().map(Change::Disown)))
}

fn fence(seen: &Topology) -> Result<Option<Change>, String> {
    if seen.branches.is_empty() {
        return Err(
            "no queue would take its messages behind the fence; bind a backlog queue first".to_owned(),
        );
    }
    Ok(seen.serves.then_some(Change::Unserve))
}

fn give_back(seen: &Topology) -> Result<Option<Change>, String> {
    if !seen.serves && !seen.fed.is_empty() {
        return Err("it is fenced; flip back first".to_owned());
    }
    if let Some(queue) = seen.branches.first() {
        return Err(format!(
            "queue {queue:?} is still bound behind the fence; serve and unbind it first"
        ));
    }
    let missing = seen.fed.iter().find(|route| !route.is_in(&seen.direct));
    if let Some(route) = missing {
        return Ok(Some(Change::Own(route.clone())));
    }
    if let Some(route) = seen.fed.first() {
        return Ok(Some(Change::Unfeed(route.clone())));
    }
    Ok(if seen.serves {
        Some(Change::Unserve)
    } else if seen.port {
        Some(Change::DeletePort)
    } else {
        seen.side.then_some(Change::DeleteSide)
    })
}

impl Change {
    /// Whether a topology shows it.
    pub(super) fn shows_in(&self, seen: &Topology) -> bool {
        match self {
            Self::DeclareSide => seen.side,
            Self::DeclarePort => seen.port,
            Self::Serve => seen.serves,
            Self::Unserve => !seen.serves,
            Self::Feed(route) => route.is_in(&seen.fed),
            Self::Unfeed(route) => !route.is_in(&seen.fed),
            Self::Own(route) => route.is_in(&seen.direct),
            Self::Disown(route) => !route.is_in(&seen.direct),
            Self::Branch(queue) => seen.branches.contains(queue),
            Self::Unbranch(queue) => !seen.branches.contains(queue),
            Self::DeletePort => !seen.port,
            Self::DeleteSide => !seen.side,
        }
    }

    /// Whether messages that were routed by the bindings before `previous` must have arrived first. A routing decision
    /// reads several bindings: one that began before the new ones were there must not miss the old ones either.
    pub(super) fn waits_for(&self, previous: Option<&Self>) -> bool {
        let takes_away = match self {
            Self::Unserve | Self::Unfeed(_) | Self::Disown(_) | Self::DeletePort | Self::DeleteSide => true,
            Self::DeclareSide
            | Self::DeclarePort
            | Self::Serve
            | Self::Feed(_)
            | Self::Own(_)
            | Self::Branch(_)
            | Self::Unbranch(_) => false,
        };
        let same_kind =
            previous.is_some_and(|previous| std::mem::discriminant(previous) == std::mem::discriminant(self));
        takes_away && !same_kind
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut binding = |verb: &str, route: &Route, end: &str| {
            write!(
                f,
                "{verb} exchange {:?}, key {:?}, {} arguments {end}",
                route.exchange,
                route.routing_key,
                route.arguments.len()
            )
        };
        match self {
            Self::Feed(route) => binding("bind", route, "to the port"),
            Self::Unfeed(route) => binding("unbind", route, "from the port"),
            Self::Own(route) => binding("bind", route, "to the queue"),
            Self::Disown(route) => binding("unbind", route, "from the queue"),
            Self::Branch(queue) => write!(f, "bind {queue:?} to the side exchange"),
            Self::Unbranch(queue) => write!(f, "unbind {queue:?} from the side exchange"),
            Self::DeclareSide => f.write_str("declare the side exchange"),
            Self::DeclarePort => f.write_str("declare the port exchange"),
            Self::Serve => f.write_str("bind the queue to its port"),
            Self::Unserve => f.write_str("unbind the queue from its port"),
            Self::DeletePort => f.write_str("delete the port exchange"),
            Self::DeleteSide => f.write_str("delete the side exchange"),
        }
    }
}
