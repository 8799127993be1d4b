//! Whether a connection lived through a span of time. What an application had applied and not yet acknowledged when
//! its connection broke comes again: the broker promises delivery at least once, and a verdict has to say so.

use lapin::options::{BasicGetOptions, BasicRejectOptions};
use shadow_core::api::Witness;
use shadow_core::machine::ConnectionSeen;
use tokio::time::timeout;

use super::lane::Reads;
use super::link::LOOK;
use super::{Broker, BrokerError, QueueFacts, refusal};

const FIRST: &str = "look at the first message of";

impl Broker {
    /// Notes the connections that matter before a park: that over which the pod at `address` consumes the queue (where
    /// statistics know it already), and our own.
    pub async fn witness(&self, facts: &QueueFacts, address: Option<&str>) -> Result<Witness, BrokerError> {
        let known = facts
            .consumers
            .iter()
            .find(|consumer| Some(consumer.peer_host.as_str()) == address)
            .and_then(|consumer| connection_of(&consumer.channel));
        // Statistics may still list a consumer that has gone.
        let application = match known {
            Some(name) if self.connection_lives(name).await? => Some(name.to_owned()),
            Some(_) | None => None,
        };
        Ok(Witness {
            application,
            queue: (facts.consumer_count > 0).then(|| facts.name.clone()),
            session: self.session(),
        })
    }

    /// Whether the application still has the connection it had. Where that is not known, whether we still have ours.
    pub async fn still(&self, before: &Witness) -> Result<ConnectionSeen, BrokerError> {
        let lost = match &before.application {
            Some(name) if self.connection_lives(name).await? => None,
            Some(_) => Some("the application's connection to the broker"),
            None if self.same_session(&before.session) => None,
            None => Some("the connection to the broker"),
        };
        Ok(lost.map_or(ConnectionSeen::Held, |what| {
            ConnectionSeen::Lost(format!(
                "{what} was lost while the application finished its last messages"
            ))
        }))
    }

    /// How it shows, if it does, that a message of a classic queue came back when the application's connection ended; asked
    /// while nobody consumes it: what comes back stands before what was never delivered, and is marked. So an application
    /// that closes its connection when it has acknowledged everything is told from one that lost it. The message that is
    /// looked at goes back to its place, marked from then on: to be asked once after each time that the queue was consumed.
    /// After a broker's restart no mark can be trusted.
    pub async fn came_back(&self, queue: &str, before: &Witness) -> Result<Option<String>, BrokerError> {
        if self.session() != before.session {
            return Ok(Some(
                "the controller's own connection was lost meanwhile, so it is not known whether a message came back".to_owned(),
            ));
        }
        match self.first_was_delivered(queue).await {
            Ok(Some(true)) => Ok(Some(format!("the first message of {queue} was delivered before"))),
            Ok(Some(false) | None) | Err(BrokerError::NoSuchQueue { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether the first message of a queue was delivered before; `None` when there is none. On a connection of its own,
    /// whose end gives the message back, too, and which has room for an application's headers.
    async fn first_was_delivered(&self, queue: &str) -> Result<Option<bool>, BrokerError> {
        let failed = |error: lapin::Error| refusal::of_call(&self.endpoint, FIRST, queue, &error);
        let connection = self.open(FIRST, Reads::Messages).await?;
        let looking = async {
            let channel = connection.create_channel().await?;
            let first = channel
                .basic_get(queue.into(), BasicGetOptions::default())
                .await?;
            if let Some(message) = &first {
                let back = BasicRejectOptions { requeue: true };
                channel.basic_reject(message.delivery.delivery_tag, back).await?;
            }
            // The answer to this one says that the message is back in its place.
            connection.close(200, "done".into()).await?;
            Ok(first.map(|message| message.delivery.redelivered))
        };
        match timeout(LOOK, looking).await {
            Ok(looked) => looked.map_err(failed),
            Err(_) => Err(BrokerError::TimedOut {
                host: self.endpoint.host.clone(),
                operation: FIRST,
                seconds: LOOK.as_secs(),
            }),
        }
    }

    /// Whether somebody at this address is connected. A connection may show late, never too early.
    pub async fn is_connected_from(&self, address: &str) -> Result<bool, BrokerError> {
        let management = self.management("list connections")?;
        Ok(management.peers().await?.iter().any(|peer| peer == address))
    }

    /// False when it is known that our connection was lost; a session of an earlier process tells nothing.
    fn same_session(&self, before: &str) -> bool {
        let now = self.session();
        let process = |session: &str| session.split_once('/').map(|(process, _)| process.to_owned());
        now == before || process(&now) != process(before)
    }

    /// Asked of a broker without management address, nothing is known to be lost.
    pub(super) async fn connection_lives(&self, name: &str) -> Result<bool, BrokerError> {
        if !self.has_management() {
            return Ok(true);
        }
        self.management("look at a connection")?
            .has_connection(name)
            .await
    }
}

/// A channel is named after its connection: `10.0.0.1:40000 -> 10.0.0.2:5672 (1)`.
pub(super) fn connection_of(channel: &str) -> Option<&str> {
    let (connection, number) = channel.rsplit_once(" (")?;
    number.ends_with(')').then_some(connection)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_tells_its_connection() {
        assert_eq!(
            connection_of("10.0.0.1:40000 -> 10.0.0.2:5672 (1)"),
            Some("10.0.0.1:40000 -> 10.0.0.2:5672")
        );
        assert_eq!(connection_of(""), None);
        assert_eq!(connection_of("10.0.0.1:40000 -> 10.0.0.2:5672"), None);
    }
}
