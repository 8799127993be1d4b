//! What can go wrong during a move, and when. Names only; `harm` does it.

use std::fmt;

/// One of the two nodes of a move.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Side {
    Source,
    Target,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    AgentKilled(Side),
    HelperKilled(Side),
    ControllerKilled,
    /// As a drain of its node does.
    ControllerAskedToEnd,
    /// The broker closes every connection.
    ConnectionsCut,
    /// SIGKILL; it comes back with what it had stored.
    BrokerKilled,
    /// SIGSTOP for so many seconds, as the next two.
    WebhookStopped(u64),
    KubeletStopped(Side, u64),
    ApiServerStopped(u64),
    /// By its user.
    Cancelled,
    /// The migration's object is deleted.
    Deleted,
}

/// When it happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    /// So many milliseconds after the move was ordered.
    After(u64),
    /// As soon as this step of this handoff has begun.
    Step(&'static str, u8),
}

impl Fault {
    /// Whether connections to the broker end. What was delivered and not acknowledged comes again then, as brokers promise, with
    /// or without a move.
    pub(crate) fn is_of_the_broker(self) -> bool {
        match self {
            Self::ConnectionsCut | Self::BrokerKilled => true,
            Self::AgentKilled(_)
            | Self::HelperKilled(_)
            | Self::ControllerKilled
            | Self::ControllerAskedToEnd
            | Self::WebhookStopped(_)
            | Self::KubeletStopped(..)
            | Self::ApiServerStopped(_)
            | Self::Cancelled
            | Self::Deleted => false,
        }
    }

    /// The same without side and duration.
    #[cfg(test)]
    pub(crate) fn kind(self) -> &'static str {
        match self {
            Self::AgentKilled(_) => "agent killed",
            Self::HelperKilled(_) => "helper killed",
            Self::ControllerKilled => "controller killed",
            Self::ControllerAskedToEnd => "controller asked to end",
            Self::ConnectionsCut => "connections cut",
            Self::BrokerKilled => "broker killed",
            Self::WebhookStopped(_) => "webhook stopped",
            Self::KubeletStopped(..) => "kubelet stopped",
            Self::ApiServerStopped(_) => "API server stopped",
            Self::Cancelled => "cancelled",
            Self::Deleted => "migration deleted",
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Source => "source",
            Self::Target => "target",
        })
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AgentKilled(side) => write!(f, "agent of the {side} killed"),
            Self::HelperKilled(side) => write!(f, "helper of the {side} killed"),
            Self::ControllerKilled => f.write_str("controller killed"),
            Self::ControllerAskedToEnd => f.write_str("controller asked to end"),
            Self::ConnectionsCut => f.write_str("broker connections cut"),
            Self::BrokerKilled => f.write_str("broker killed"),
            Self::WebhookStopped(seconds) => write!(f, "webhook stopped for {seconds} s"),
            Self::KubeletStopped(side, seconds) => write!(f, "kubelet of the {side} stopped for {seconds} s"),
            Self::ApiServerStopped(seconds) => write!(f, "API server stopped for {seconds} s"),
            Self::Cancelled => f.write_str("cancelled"),
            Self::Deleted => f.write_str("migration deleted"),
        }
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::After(millis) => write!(f, "after {millis} ms"),
            Self::Step(step, leg) => write!(f, "in {step} {leg}"),
        }
    }
}
