//! From one queue to another over the same connection: nothing of the former is held when the latter is consumed.

use futures::StreamExt;
use lapin::message::Delivery;
use lapin::options::{BasicCancelOptions, BasicNackOptions};

use super::requests::{answered, consume};
use super::session::Session;
use super::{Assignment, Held, Loss};

impl Session<'_> {
    /// Finishes or returns what was delivered, then reads the queue of `next`. Nothing to do if it is read already.
    ///
    /// Memory changes before the broker is asked: once the new queue has its consumer, a checkpoint may
    /// be taken at any instant, and the copy must wake up on that queue.
    pub(super) async fn turn_to(&mut self, next: Assignment) -> Result<(), Loss> {
        let next = self.normal(next);
        if next == self.memory.assignment {
            return Ok(());
        }
        self.leave().await?;
        let before = std::mem::replace(&mut self.memory.assignment, next);
        match consume(self.settings, &self.watchdog, &self.data, self.memory.queue()).await {
            Ok(consumer) => {
                self.consumer = consumer;
                self.note_queue();
                Ok(())
            }
            // Refused (the queue exists with other arguments, say): nothing is held, so go on as before.
            Err(loss) if self.link.alive() => {
                tracing::error!(queue = self.memory.queue(), %loss, "queue cannot be consumed, staying");
                self.memory.assignment = before;
                self.stay().await
            }
            Err(loss) => Err(loss),
        }
    }

    /// Consumes the present queue again, on a new channel since a refusal has closed the old one.
    async fn stay(&mut self) -> Result<(), Loss> {
        self.data = answered(
            &self.watchdog,
            "basic.qos",
            self.link.channel(self.settings.prefetch),
        )
        .await?;
        self.consumer = consume(self.settings, &self.watchdog, &self.data, self.memory.queue()).await?;
        Ok(())
    }

    async fn leave(&mut self) -> Result<(), Loss> {
        match self.settings.held() {
            Held::Finish => self.settle().await,
            Held::Return => self.give_back().await,
        }
    }

    /// Cancels the consumer, then applies and acknowledges everything it had been given, in order.
    pub(super) async fn settle(&mut self) -> Result<(), Loss> {
        self.cancel().await?;
        while let Some(delivery) = self.next_held().await? {
            self.take(delivery).await?;
        }
        Ok(())
    }

    /// Cancels the consumer, then returns everything it had been given: a classic queue puts each message back in its place.
    async fn give_back(&mut self) -> Result<(), Loss> {
        self.cancel().await?;
        let mut last = None;
        while let Some(delivery) = self.next_held().await? {
            last = Some(delivery);
        }
        let Some(last) = last else {
            return Ok(());
        };
        let all = BasicNackOptions {
            multiple: true,
            requeue: true,
        };
        answered(&self.watchdog, "basic.nack", last.acker.nack(all))
            .await
            .map(|_| ())
    }

    async fn cancel(&self) -> Result<(), Loss> {
        let cancel = self
            .data
            .basic_cancel(self.consumer.tag(), BasicCancelOptions::default());
        answered(&self.watchdog, "basic.cancel", cancel).await
    }

    /// What a cancelled consumer had been given before.
    async fn next_held(&mut self) -> Result<Option<Delivery>, Loss> {
        tokio::select! {
            biased;
            loss = self.watchdog.lost() => Err(loss),
            held = self.consumer.next() => held.transpose().map_err(|error| Loss::Broken(error.to_string())),
        }
    }
}
