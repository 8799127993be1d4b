//! Turns what an AMQP 1.0 broker says when it refuses into a [`BrokerError`] that says what to change.

use fe2o3_amqp_types::definitions::{AmqpError, ConnectionError, Error, ErrorCondition};

use crate::broker::BrokerError;
use crate::broker::address::Endpoint;

/// What was tried, for messages.
pub(super) const OPERATION: &str = "hold (consume without taking messages)";

/// The conversation ended without a reason that could be acted on.
pub(super) fn lost(endpoint: &Endpoint, reason: String) -> BrokerError {
    BrokerError::Lost {
        host: endpoint.host.clone(),
        operation: OPERATION,
        reason,
    }
}

/// The broker cannot say when a hold is complete. `version` may be empty.
pub(super) fn too_old(endpoint: &Endpoint, version: &str) -> BrokerError {
    BrokerError::TooOld {
        host: endpoint.host.clone(),
        version: if version.is_empty() {
            "an unknown version".to_owned()
        } else {
            version.to_owned()
        },
    }
}

/// The broker ended link, session or connection before the hold was there.
pub(super) fn of(endpoint: &Endpoint, queue: &str, error: Option<Error>) -> BrokerError {
    let host = endpoint.host.clone();
    let vhost = endpoint.vhost.clone();
    let said = spoken(error.as_ref());
    match error.map(|error| error.condition) {
        Some(ErrorCondition::AmqpError(AmqpError::NotFound)) => BrokerError::NoSuchQueue {
            host,
            vhost,
            queue: queue.to_owned(),
        },
        Some(ErrorCondition::AmqpError(AmqpError::UnauthorizedAccess)) => BrokerError::Forbidden {
            host,
            vhost,
            user: endpoint.user.clone(),
            operation: OPERATION,
            resource: queue.to_owned(),
        },
        // RabbitMQ 4.3 takes "no limit" for "no byte" here.
        Some(ErrorCondition::ConnectionError(ConnectionError::FramingError))
            if said.contains("maximum frame size (0 bytes)") =>
        {
            BrokerError::CannotHold {
                queue: queue.to_owned(),
                reason: "frame_max: it is 0 at this broker (no limit). RabbitMQ then accepts no AMQP 1.0 connection, and \
                    the queue is held over such a connection. Set frame_max = 131072 in rabbitmq.conf"
                    .to_owned(),
            }
        }
        Some(_) | None => lost(endpoint, said),
    }
}

/// An error in words.
pub(super) fn spoken(error: Option<&Error>) -> String {
    match error {
        None => "the broker ended it without a reason".to_owned(),
        Some(error) => {
            let description = error.description.as_deref().unwrap_or("no description");
            format!("{description} ({:?})", error.condition)
        }
    }
}
