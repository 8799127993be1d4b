//! Turns what the client library and the broker say into a [`BrokerError`] that says what to change.

use lapin::ErrorKind;
use lapin::protocol::{AMQPErrorKind, AMQPHardError, AMQPSoftError};

use super::BrokerError;
use super::address::Endpoint;

/// How RabbitMQ begins to say that there is no such queue (or exchange). With the same code it says that the node of a queue is
/// away: `NOT_FOUND - failed to perform operation on queue 'q' in vhost '/' due to timeout`, or `home node … is down`.
const ABSENT: &str = "NOT_FOUND - no ";

/// Why there is no connection.
pub(super) fn of_connection(endpoint: &Endpoint, error: &lapin::Error) -> BrokerError {
    let host = endpoint.host.clone();
    let user = endpoint.user.clone();
    let vhost = endpoint.vhost.clone();
    let place = endpoint.origin.uri();
    if let ErrorKind::ProtocolError(refused) = error.kind() {
        let said = refused.get_message().as_str();
        return if *refused.kind() == AMQPErrorKind::Soft(AMQPSoftError::ACCESSREFUSED) {
            BrokerError::Credentials { place, host, user }
        } else if *refused.kind() == AMQPErrorKind::Hard(AMQPHardError::NOTALLOWED)
            && said.contains("not found")
        {
            BrokerError::NoSuchVhost { place, host, vhost }
        } else if *refused.kind() == AMQPErrorKind::Hard(AMQPHardError::NOTALLOWED)
            && said.contains("refused")
        {
            BrokerError::VhostForbidden { host, vhost, user }
        } else {
            BrokerError::Unreachable {
                place,
                host,
                reason: format!("it refused the connection: {said}"),
            }
        };
    }
    let reason = if let ErrorKind::IOError(io) = error.kind() {
        io.to_string()
    } else {
        error.to_string()
    };
    BrokerError::Unreachable { place, host, reason }
}

/// Why a call on an open channel failed. `resource` is the queue that it was about.
pub(super) fn of_call(
    endpoint: &Endpoint,
    operation: &'static str,
    resource: &str,
    error: &lapin::Error,
) -> BrokerError {
    let host = endpoint.host.clone();
    let lost = |reason: String| BrokerError::Lost {
        host: host.clone(),
        operation,
        reason,
    };
    let ErrorKind::ProtocolError(refused) = error.kind() else {
        return lost(error.to_string());
    };
    let said = refused.get_message().to_string();
    match refused.kind() {
        AMQPErrorKind::Soft(AMQPSoftError::ACCESSREFUSED) => BrokerError::Forbidden {
            host,
            vhost: endpoint.vhost.clone(),
            user: endpoint.user.clone(),
            operation,
            resource: resource.to_owned(),
        },
        AMQPErrorKind::Soft(AMQPSoftError::NOTFOUND) if !said.starts_with(ABSENT) => BrokerError::Away {
            host,
            queue: resource.to_owned(),
            reason: said,
        },
        AMQPErrorKind::Soft(AMQPSoftError::NOTFOUND) => BrokerError::NoSuchQueue {
            host,
            vhost: endpoint.vhost.clone(),
            queue: resource.to_owned(),
        },
        AMQPErrorKind::Soft(AMQPSoftError::PRECONDITIONFAILED | AMQPSoftError::RESOURCELOCKED) => {
            BrokerError::Mismatch {
                host,
                queue: resource.to_owned(),
                reason: said,
            }
        }
        AMQPErrorKind::Soft(
            AMQPSoftError::CONTENTTOOLARGE | AMQPSoftError::NOROUTE | AMQPSoftError::NOCONSUMERS,
        )
        | AMQPErrorKind::Hard(_) => lost(said),
    }
}

#[cfg(test)]
mod tests {
    use lapin::protocol::AMQPError;

    use super::*;
    use crate::broker::{BrokerAddress, Origin};

    #[test]
    fn a_queue_whose_node_is_away_is_told_from_one_that_is_not_there() {
        let address = BrokerAddress::of_url("amqp://a:b@mq/%2f".to_owned());
        let endpoint = Endpoint::of(&address, &Origin::Url).unwrap();
        let refused = |said: &str| {
            let error = AMQPError::new(AMQPSoftError::NOTFOUND.into(), said.into());
            of_call(&endpoint, "look at", "q", &ErrorKind::ProtocolError(error).into())
        };
        let absent = refused("NOT_FOUND - no queue 'q' in vhost '/'");
        assert!(matches!(absent, BrokerError::NoSuchQueue { .. }), "{absent}");
        for said in [
            "NOT_FOUND - failed to perform operation on queue 'q' in vhost '/' due to timeout",
            "NOT_FOUND - home node 'rabbit@b' of durable queue 'q' in vhost '/' is down or inaccessible",
            "NOT_FOUND - queue 'q' in vhost '/' process is stopped by supervisor",
        ] {
            let away = refused(said);
            assert!(matches!(away, BrokerError::Away { .. }), "{away}");
            assert!(away.is_transient() && away.to_string().contains(said), "{away}");
        }
    }
}
