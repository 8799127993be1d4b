//! Control messages read by an application that looks for them only when it has nothing else to do.
//!
//! Guarantee: it looks at most once in each interval, and the first time one interval after it connected.

use std::time::Duration;

use lapin::Channel;
use lapin::message::Delivery;
use lapin::options::BasicGetOptions;
use tokio::time::Instant;

use super::requests::{answered, declare_control};
use super::{Loss, Watchdog};
use crate::link::Link;

/// The control queue, and when it was last looked at.
pub(super) struct Polling {
    channel: Channel,
    queue: String,
    every: Duration,
    polled: Instant,
}

impl Polling {
    /// Declares the control queue, which nobody consumes.
    pub(super) async fn begin(
        watchdog: &Watchdog,
        link: &Link,
        queue: &str,
        every: Duration,
    ) -> Result<Self, Loss> {
        Ok(Self {
            channel: declare_control(watchdog, link, queue).await?,
            queue: queue.to_owned(),
            every,
            polled: Instant::now(),
        })
    }

    /// When it is time to look again.
    pub(super) fn due(&self) -> Instant {
        self.polled + self.every
    }

    /// The next control message, if there is one.
    pub(super) async fn look(&mut self, watchdog: &Watchdog) -> Result<Option<Delivery>, Loss> {
        self.polled = Instant::now();
        let get = self
            .channel
            .basic_get(self.queue.as_str().into(), BasicGetOptions::default());
        let got = answered(watchdog, "basic.get", get).await?;
        Ok(got.map(|message| message.delivery))
    }
}
