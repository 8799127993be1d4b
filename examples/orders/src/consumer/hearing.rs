//! How control messages reach a session: as they come, when there is nothing else to do, or not at all.

use futures::StreamExt;
use lapin::Consumer;
use lapin::message::Delivery;

use super::polling::Polling;
use super::requests::consume_control;
use super::{Assignment, ControlMessage, Loss, Settings, Watchdog};
use crate::link::Link;

/// Where they come from.
pub(super) enum Control {
    /// From nowhere.
    Deaf,
    /// From a consumer, as they come.
    Consumed(Consumer),
    /// From a look at the control queue, when there is nothing else to do.
    Polled(Polling),
}

impl Control {
    /// Declares the control queue and reads it as the settings say; without a queue there is nothing to hear.
    pub(super) async fn open(
        settings: &Settings,
        watchdog: &Watchdog,
        link: &Link,
        queue: Option<&str>,
    ) -> Result<Self, Loss> {
        Ok(match (queue, settings.control_poll) {
            (None, _) => Self::Deaf,
            (Some(queue), None) => Self::Consumed(consume_control(watchdog, link, queue).await?),
            (Some(queue), Some(every)) => Self::Polled(Polling::begin(watchdog, link, queue, every).await?),
        })
    }

    /// The next one that comes by itself.
    pub(super) async fn next(&mut self) -> Option<lapin::Result<Delivery>> {
        match self {
            Self::Consumed(consumer) => consumer.next().await,
            Self::Deaf | Self::Polled(_) => std::future::pending().await,
        }
    }

    /// Ends when it is time to look for one.
    pub(super) fn poll_due(&self) -> impl Future<Output = ()> + use<> {
        let due = match self {
            Self::Polled(polling) => Some(polling.due()),
            Self::Deaf | Self::Consumed(_) => None,
        };
        async move {
            match due {
                Some(due) => tokio::time::sleep_until(due).await,
                None => std::future::pending().await,
            }
        }
    }
}

/// What a control message asks for; one that is not understood asks for nothing.
pub(super) fn understood(delivery: &Delivery) -> Option<Assignment> {
    match ControlMessage::decode(&delivery.data) {
        Ok(message) => {
            tracing::info!(?message, "control message");
            Some(Assignment::asked_by(message))
        }
        Err(error) => {
            tracing::error!(%error, "control message is not understood and dropped");
            None
        }
    }
}
