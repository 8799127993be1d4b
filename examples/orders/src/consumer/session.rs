//! One connection generation, from connect to loss or stop.
//!
//! All of it runs in one task, so control messages and messages are never handled at the same time,
//! and each message is either applied in its own generation or not at all.

use futures::StreamExt;
use lapin::message::Delivery;
use lapin::options::BasicAckOptions;
use lapin::uri::AMQPUri;
use lapin::{Channel, Consumer};
use thiserror::Error;

use super::hearing::{Control, understood};
use super::identity::PodName;
use super::requests::{answered, bind_primary, consume};
use super::{Assignment, IdentityError, Loss, Memory, Settings, Shared, Watchdog, work};
use crate::link::{Link, LinkError};
use crate::stop::Stop;
use crate::topology::control_queue;
use crate::wall_clock::now_ms;

/// A session cannot be opened.
#[derive(Debug, Error)]
pub(super) enum OpenError {
    #[error(transparent)]
    Identity(#[from] IdentityError),
    #[error(transparent)]
    Link(#[from] LinkError),
    #[error(transparent)]
    Lost(#[from] Loss),
}

/// How a session ended.
pub(super) enum Ending {
    /// As it was told to; everything delivered is applied and acknowledged.
    Stopped,
    /// The same, to read another queue over another connection. Memory says which.
    Turned,
    /// The connection is over.
    Lost(Loss),
}

pub(super) struct Session<'a> {
    pub(super) settings: &'a Settings,
    pub(super) memory: &'a mut Memory,
    shared: &'a Shared,
    pub(super) watchdog: Watchdog,
    control: Control,
    pub(super) data: Channel,
    pub(super) consumer: Consumer,
    // Last, so that it outlives what uses it: dropping it severs the connection.
    pub(super) link: Link,
}

impl<'a> Session<'a> {
    /// Connects and consumes the queue which memory says, and the control queue of the present pod.
    pub(super) async fn open(
        settings: &'a Settings,
        uri: &AMQPUri,
        memory: &'a mut Memory,
        shared: &'a Shared,
    ) -> Result<Self, OpenError> {
        let pod_name = PodName::of(settings);
        let pod = pod_name.read()?;
        let link = Link::open(uri, &pod).await?;
        tracing::debug!(pod, "connected");
        let watchdog = Watchdog::watch(&link, pod.clone(), pod_name);
        let data = answered(&watchdog, "basic.qos", link.channel(settings.prefetch)).await?;
        if !memory.bound {
            bind_primary(settings, &watchdog, &data, memory).await?;
        }
        let consumer = consume(settings, &watchdog, &data, memory.queue()).await?;
        tracing::debug!(queue = memory.queue(), "consumer declared");
        let control_queue = (!settings.no_control).then(|| control_queue(&pod));
        let control = Control::open(settings, &watchdog, &link, control_queue.as_deref()).await?;
        let mut standing = shared.standing();
        standing.pod = pod;
        standing.control_queue = control_queue;
        standing.generation += 1;
        drop(standing);
        let session = Self {
            settings,
            memory,
            shared,
            watchdog,
            control,
            data,
            consumer,
            link,
        };
        session.note_queue();
        Ok(session)
    }

    /// Serves until the connection is lost or `stop` turns true.
    pub(super) async fn serve(mut self, stop: &mut Stop) -> Ending {
        match self.serve_until_told(stop).await {
            Ok(ending) => {
                self.link.close().await;
                ending
            }
            Err(loss) => Ending::Lost(loss),
        }
    }

    async fn serve_until_told(&mut self, stop: &mut Stop) -> Result<Ending, Loss> {
        loop {
            let poll_due = self.control.poll_due();
            tokio::select! {
                biased;
                loss = self.watchdog.lost() => return Err(loss),
                () = stop.stopped() => return self.settle().await.map(|()| Ending::Stopped),
                message = self.control.next() => self.obey(message).await?,
                delivery = self.consumer.next() => match delivery {
                    Some(Ok(delivery)) => self.take(delivery).await?,
                    Some(Err(error)) => return Err(Loss::Broken(error.to_string())),
                    None => return Err(Loss::ConsumerEnded { queue: self.memory.queue().to_owned() }),
                },
                // Asked last: whatever was delivered comes first.
                () = poll_due => if self.poll().await? {
                    return Ok(Ending::Turned);
                },
            }
        }
    }

    /// Looks for control messages until there is none. True when another queue is to be read: what was delivered of the
    /// present one is finished, and the control message is acknowledged, before the connection is closed.
    async fn poll(&mut self) -> Result<bool, Loss> {
        while let Control::Polled(polling) = &mut self.control
            && let Some(delivery) = polling.look(&self.watchdog).await?
        {
            if let Some(next) = understood(&delivery).map(|next| self.normal(next))
                && next != self.memory.assignment
            {
                self.settle().await?;
                self.memory.assignment = next;
                self.acknowledge(delivery).await?;
                return Ok(true);
            }
            self.acknowledge(delivery).await?;
        }
        Ok(false)
    }

    pub(super) fn normal(&self, next: Assignment) -> Assignment {
        next.normal(&self.memory.identity.primary_queue)
    }

    /// Works on a message, applies it, acknowledges it. If the connection ends during the work, the
    /// message is not applied: it will be delivered again.
    pub(super) async fn take(&mut self, delivery: Delivery) -> Result<(), Loss> {
        tokio::select! {
            biased;
            loss = self.watchdog.lost() => return Err(loss),
            () = work::perform(self.settings.work, self.settings.work_kind) => {}
        }
        if !self.link.alive() {
            return Err(Loss::SocketClosed);
        }
        self.shared
            .state()
            .apply(&delivery.data, delivery.redelivered, now_ms());
        self.acknowledge(delivery).await
    }

    async fn acknowledge(&self, delivery: Delivery) -> Result<(), Loss> {
        let ack = delivery.acker.ack(BasicAckOptions::default());
        answered(&self.watchdog, "basic.ack", ack).await.map(|_| ())
    }

    /// Obeys a control message, then acknowledges it.
    async fn obey(&mut self, message: Option<lapin::Result<Delivery>>) -> Result<(), Loss> {
        let delivery = match message {
            Some(Ok(delivery)) => delivery,
            Some(Err(error)) => return Err(Loss::Broken(error.to_string())),
            None => {
                return Err(Loss::ConsumerEnded {
                    queue: "control messages".to_owned(),
                });
            }
        };
        if let Some(next) = understood(&delivery) {
            self.turn_to(next).await?;
        }
        self.acknowledge(delivery).await
    }

    pub(super) fn note_queue(&self) {
        let mut standing = self.shared.standing();
        standing.queue = Some(self.memory.queue().to_owned());
        standing.replaying = self.memory.assignment != Assignment::Primary;
    }
}
