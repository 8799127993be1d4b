//! Whether the broker user may do what a migration will have to do, asked before anything is changed.
//!
//! Asked by trial, since a user may not read its own permissions: each trial is refused by the broker before it looks
//! whether the thing exists, and is about a name that does not. Nothing is created, changed or left behind.

use lapin::BasicProperties;
use lapin::options::{BasicGetOptions, BasicPublishOptions, QueueDeleteOptions};
use shadow_core::names;
use shadow_core::unfenced::MissingRight;

use super::{Broker, BrokerError};

/// Makes a name that nobody uses out of one that the same permission patterns match.
pub(super) const PROBE: &str = ".permission-probe";

/// Names that a migration will touch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Needs<'a> {
    /// Hold queue.
    pub hold: &'a str,
    /// Pod whose control queue is written.
    pub pod: &'a str,
}

/// Answer to [`Broker::permissions_suffice`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sufficiency {
    /// All is allowed.
    Sufficient,
    /// What is missing.
    Missing(Vec<MissingRight>),
}

impl Broker {
    /// Tries what the migration needs on names that do not exist.
    pub async fn permissions_suffice(&self, needs: &Needs<'_>) -> Result<Sufficiency, BrokerError> {
        let mut missing = Vec::new();
        let hold = format!("{}{PROBE}", needs.hold);
        let control = format!("{}{PROBE}", names::control_queue(needs.pod));
        for queue in [&hold, &control] {
            self.note(&mut missing, self.may_configure(queue).await)?;
            self.note(&mut missing, self.may_read(queue).await)?;
        }
        self.note(&mut missing, self.may_publish(&control).await)?;
        if missing.is_empty() {
            Ok(Sufficiency::Sufficient)
        } else {
            Ok(Sufficiency::Missing(missing))
        }
    }

    pub(super) fn note(
        &self,
        missing: &mut Vec<MissingRight>,
        tried: Result<(), BrokerError>,
    ) -> Result<(), BrokerError> {
        let Err(error) = tried else { return Ok(()) };
        let BrokerError::Forbidden {
            user,
            vhost,
            operation,
            resource,
            ..
        } = error
        else {
            return Err(error);
        };
        missing.push(MissingRight {
            user,
            operation: operation.to_owned(),
            resource: resource.trim_end_matches(PROBE).to_owned(),
            vhost,
        });
        Ok(())
    }

    /// Deleting needs the permission to configure, and succeeds on a queue that does not exist.
    pub(super) async fn may_configure(&self, queue: &str) -> Result<(), BrokerError> {
        let careful = QueueDeleteOptions {
            if_unused: true,
            if_empty: true,
            nowait: false,
        };
        self.ask("configure", queue, |channel| async move {
            channel.queue_delete(queue.into(), careful).await
        })
        .await
        .map(drop)
    }

    /// For the application, which often is the same user.
    pub(super) async fn may_read(&self, queue: &str) -> Result<(), BrokerError> {
        let read = self
            .ask("read", queue, |channel| async move {
                channel.basic_get(queue.into(), BasicGetOptions::default()).await
            })
            .await;
        match read {
            Ok(_) | Err(BrokerError::NoSuchQueue { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// To the default exchange, with a key that no queue has: the broker returns the message.
    async fn may_publish(&self, queue: &str) -> Result<(), BrokerError> {
        self.publish(
            "write to (through the default exchange, resource `amq.default`)",
            queue,
            |channel| async move {
                let mandatory = BasicPublishOptions {
                    mandatory: true,
                    ..BasicPublishOptions::default()
                };
                channel
                    .basic_publish(
                        "".into(),
                        queue.into(),
                        mandatory,
                        b"",
                        BasicProperties::default(),
                    )
                    .await?
                    .await
            },
        )
        .await
        .map(drop)
    }
}
