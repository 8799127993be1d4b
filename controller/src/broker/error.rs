//! What can go wrong at the broker, in words that say what to change.

use shadow_core::dialling::Refusal;
use shadow_core::unfenced::Unfenced;

use super::Place;

/// Error of a broker call. Names host, virtual host, user and queue; never a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BrokerError {
    /// No usable address is named.
    #[error("{place}: {reason}")]
    BadAddress {
        /// Where it is named.
        place: Place,
        /// What is wrong and what is expected.
        reason: String,
    },
    /// The operator does not let it be dialled.
    #[error("{place}: {refusal}")]
    NotAllowed {
        /// Where it is named.
        place: Place,
        /// Why, and the way out.
        refusal: Box<Refusal>,
    },
    /// No TCP connection, or no answer in time.
    #[error(
        "broker {host} cannot be reached: {reason}. Check that it runs, that {place} names the right host and \
         port, and that no NetworkPolicy blocks the controller"
    )]
    Unreachable {
        /// Where it is named.
        place: Place,
        /// `host:port`.
        host: String,
        /// What the network said.
        reason: String,
    },
    /// TLS was refused.
    #[error(
        "TLS with broker {host} failed: {reason}. Check the scheme in {place}, and the authority of the broker's certificate in {}",
        .place.authority()
    )]
    Tls {
        /// Where it is named.
        place: Place,
        /// `host:port`.
        host: String,
        /// What rustls said.
        reason: String,
    },
    /// User name or password were not accepted.
    #[error("broker {host} refused the login of user {user:?}. Correct user and password in {place}")]
    Credentials {
        /// Where they are named.
        place: Place,
        /// `host:port`.
        host: String,
        /// User name.
        user: String,
    },
    /// The virtual host does not exist.
    #[error(
        "virtual host {vhost:?} does not exist on broker {host}. Correct the path of {place} (%2F is the default \
         virtual host), or create the virtual host"
    )]
    NoSuchVhost {
        /// Where it is named.
        place: Place,
        /// `host:port`.
        host: String,
        /// Virtual host.
        vhost: String,
    },
    /// The user has no access to the virtual host.
    #[error(
        "user {user:?} may not use virtual host {vhost:?} on broker {host}. To allow it, type: rabbitmqctl set_permissions \
         -p '{vhost}' {user} '.*' '.*' '.*'"
    )]
    VhostForbidden {
        /// `host:port`.
        host: String,
        /// Virtual host.
        vhost: String,
        /// User name.
        user: String,
    },
    /// The user lacks a permission on a resource.
    #[error(
        "user {user:?} may not {operation} {resource:?} in virtual host {vhost:?} on broker {host}. The user needs \
         configure, write and read on `^ms2m\\.` and on the queue that is handed over"
    )]
    Forbidden {
        /// `host:port`.
        host: String,
        /// Virtual host.
        vhost: String,
        /// User name.
        user: String,
        /// What was tried.
        operation: &'static str,
        /// Queue it was tried on.
        resource: String,
    },
    /// A queue of that name exists with other properties.
    #[error(
        "queue {queue:?} on broker {host} exists with other properties: {reason}. If no program uses it, delete it"
    )]
    Mismatch {
        /// `host:port`.
        host: String,
        /// Queue.
        queue: String,
        /// The broker's explanation.
        reason: String,
    },
    /// A queue that was needed is not there.
    #[error(
        "queue {queue:?} does not exist in virtual host {vhost:?} on broker {host}. Declare it, or name the queue that the pod consumes"
    )]
    NoSuchQueue {
        /// `host:port`.
        host: String,
        /// Virtual host.
        vhost: String,
        /// Queue.
        queue: String,
    },
    /// A quorum queue without a reachable leader: what it says of itself is zeros.
    #[error(
        "queue {queue:?} on broker {host} has no leader that answers. Bring back a majority of its members; \
         rabbitmq-queues quorum_status shows them"
    )]
    NoLeader {
        /// `host:port`.
        host: String,
        /// Queue.
        queue: String,
    },
    /// The broker does not find a queue, and does not say either that there is none.
    #[error(
        "broker {host} cannot say whether queue {queue:?} is there: {reason}. The node that has it may be away: rabbitmqctl \
         cluster_status shows the nodes. It is tried again"
    )]
    Away {
        /// `host:port`.
        host: String,
        /// Queue.
        queue: String,
        /// The broker's explanation.
        reason: String,
    },
    /// The primary queue is of a kind that a hold queue cannot copy.
    #[error("queue {queue:?} cannot be handed over: {reason}")]
    CannotCopy {
        /// Queue.
        queue: String,
        /// Which property is in the way and what to do.
        reason: String,
    },
    /// A queue that `SingleActive` cannot hold.
    #[error("queue {queue:?} cannot be handed over: {reason}")]
    CannotHold {
        /// Queue.
        queue: String,
        /// Which property is in the way and what to do.
        reason: String,
    },
    /// The broker cannot say when a hold is complete.
    #[error(
        "broker {host} is RabbitMQ {version}. To move a consumer of a single-active queue, RabbitMQ 4.3 or newer is \
         needed. Upgrade the broker"
    )]
    TooOld {
        /// `host:port`.
        host: String,
        /// What it says that it is.
        version: String,
    },
    /// The primary queue, or what feeds it, is of a kind that cannot be put behind a port.
    #[error("new messages cannot be kept away from queue {queue:?}: {reason}")]
    CannotAdopt {
        /// Primary queue.
        queue: String,
        /// What is in the way.
        reason: Unfenced,
    },
    /// A move that nobody looks after any more left its fence up.
    #[error(
        "queue {queue:?} is still redirected by a migration whose object was deleted by hand. New messages went to {} instead (if \
         there are two queues, each holds a full copy). Repair it: 1. bind exchange {port:?} to queue {queue:?}; 2. move the \
         messages of one of these queues to {queue:?}; 3. delete these queues and exchange {side:?}; 4. start the migration again", .branches.join(" and ")
    )]
    LeftFenced {
        /// Primary queue.
        queue: String,
        /// Queues that take what comes.
        branches: Vec<String>,
        /// Exchange before the primary queue.
        port: String,
        /// Exchange before the branches.
        side: String,
    },
    /// A step that the present bindings forbid; nothing was changed by it.
    #[error("queue {queue:?} cannot be {aim} now: {reason}")]
    InTheWay {
        /// Primary queue.
        queue: String,
        /// What was to be reached.
        aim: &'static str,
        /// What is in the way and what to do.
        reason: String,
    },
    /// The broker accepted a change and its bindings do not show it, as after an unbind with a wrong key.
    #[error(
        "broker {host} accepted to {change} for queue {queue:?}, but its bindings do not show it. Look at rabbitmqctl \
         list_bindings, and delete the bindings of names that begin with ms2m."
    )]
    NotInEffect {
        /// `host:port`.
        host: String,
        /// Primary queue.
        queue: String,
        /// What was asked.
        change: String,
    },
    /// The broker refused a change of exchanges or bindings.
    #[error("broker {host} refused to {change} for queue {queue:?}: {reason}")]
    ChangeRefused {
        /// `host:port`.
        host: String,
        /// Primary queue.
        queue: String,
        /// What was asked.
        change: String,
        /// The broker's explanation.
        reason: String,
    },
    /// The queue got messages or consumers since it was proven empty. Nothing was deleted.
    #[error("queue {queue:?} is not deleted: it has {ready} messages ready, {} unacknowledged, and {consumers} consumers", unacked.map_or_else(|| "an unknown number".to_owned(), |n| n.to_string()))]
    InUse {
        /// Queue.
        queue: String,
        /// Messages ready.
        ready: u64,
        /// Messages delivered and not acknowledged, where known.
        unacked: Option<u64>,
        /// Consumers.
        consumers: u64,
    },
    /// The broker took a message and said that it did not keep it.
    #[error("broker {host} did not accept a control message for queue {queue:?}: {reason}")]
    NotAccepted {
        /// `host:port`.
        host: String,
        /// Queue.
        queue: String,
        /// Why.
        reason: String,
    },
    /// The connection ended in the middle of a call; the next call connects again.
    #[error(
        "the connection to broker {host} was lost while trying to {operation}: {reason}. It is tried again"
    )]
    Lost {
        /// `host:port`.
        host: String,
        /// What was tried.
        operation: &'static str,
        /// What the broker or the network said.
        reason: String,
    },
    /// The broker did not answer a call in time.
    #[error(
        "broker {host} did not answer within {seconds} s while trying to {operation}. Look at its load, and at \
         rabbitmq-diagnostics alarms"
    )]
    TimedOut {
        /// `host:port`.
        host: String,
        /// What was tried.
        operation: &'static str,
        /// Limit.
        seconds: u64,
    },
    /// The broker takes no messages for want of memory or disk.
    #[error(
        "broker {host} takes no messages: a memory or disk alarm is in effect. Free memory or disk; rabbitmq-diagnostics \
         alarms shows which"
    )]
    Blocked {
        /// `host:port`.
        host: String,
    },
    /// Something needs the management plugin and nothing names it.
    #[error("{place} is needed to {operation}, and it is not there. Add it: http://user:password@host:15672")]
    NoManagement {
        /// Where it would be named.
        place: Place,
        /// What was tried.
        operation: &'static str,
    },
    /// The management plugin failed at a request.
    #[error(
        "management API {host} answered {answer} to {path}. A node of the broker may be away: rabbitmqctl cluster_status shows the \
         nodes. It is tried again"
    )]
    ManagementFails {
        /// `host:port`.
        host: String,
        /// Path of the request.
        path: String,
        /// Status.
        answer: String,
    },
    /// The management plugin refused or answered something unexpected.
    #[error(
        "management API {host} answered {answer} to {path}. User {user:?} needs access to the virtual host, and the tag \
         management: rabbitmqctl set_user_tags USER management. The password in {place} has to be right"
    )]
    Management {
        /// Where user and password are named.
        place: Place,
        /// `host:port`.
        host: String,
        /// Path of the request.
        path: String,
        /// Status or decoding error.
        answer: String,
        /// User name.
        user: String,
    },
}

impl BrokerError {
    pub(super) fn not_allowed(place: Place, refusal: Refusal) -> Self {
        Self::NotAllowed {
            place,
            refusal: Box::new(refusal),
        }
    }

    /// Whether the same call may work later without anybody changing anything.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable { .. }
            | Self::Lost { .. }
            | Self::TimedOut { .. }
            | Self::NoLeader { .. }
            | Self::Away { .. }
            | Self::ManagementFails { .. }
            | Self::Blocked { .. } => true,
            Self::BadAddress { .. }
            | Self::NotAllowed { .. }
            | Self::Tls { .. }
            | Self::Credentials { .. }
            | Self::NoSuchVhost { .. }
            | Self::VhostForbidden { .. }
            | Self::Forbidden { .. }
            | Self::Mismatch { .. }
            | Self::NoSuchQueue { .. }
            | Self::CannotCopy { .. }
            | Self::CannotHold { .. }
            | Self::TooOld { .. }
            | Self::CannotAdopt { .. }
            | Self::LeftFenced { .. }
            | Self::InTheWay { .. }
            | Self::NotInEffect { .. }
            | Self::ChangeRefused { .. }
            | Self::InUse { .. }
            | Self::NotAccepted { .. }
            | Self::NoManagement { .. }
            | Self::Management { .. } => false,
        }
    }
}
