//! One publisher: its own connection, its own numbers, every confirm followed up.

use std::collections::BTreeSet;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::uri::AMQPUri;
use lapin::{BasicProperties, Channel, Confirmation};
use tokio::time::Instant;

use super::{LoadPlan, LoadProgress, Pace, PublisherLedger};
use crate::link::{Link, LinkError};
use crate::order::Message;
use crate::stop::Stop;

/// Unconfirmed messages a publisher may have out.
const WINDOW: usize = 2_000;
/// Between two attempts to connect.
const RETRY: Duration = Duration::from_millis(50);
/// Confirms that have not come this long after the last message are taken for lost.
const LAST_CONFIRMS: Duration = Duration::from_secs(10);
/// A publisher that is further behind than this goes on from now, instead of sending all of it at once.
const CATCH_UP: Duration = Duration::from_secs(1);

/// The broker's word on one message; an error stands for no word at all.
type Answer = Pin<Box<dyn Future<Output = (u64, lapin::Result<Confirmation>)> + Send>>;

pub(super) struct Publisher {
    uri: AMQPUri,
    exchange: String,
    routing_key: String,
    size: usize,
    pace: Pace,
    rate: f64,
    offset: Duration,
    count: Option<u64>,
    duration: Option<Duration>,
    ledger: PublisherLedger,
    progress: Arc<LoadProgress>,
    /// Numbers sent on this connection which the broker has not answered.
    open: BTreeSet<u64>,
    waiting: FuturesUnordered<Answer>,
}

impl Publisher {
    pub(super) fn new(
        plan: &LoadPlan,
        uri: &AMQPUri,
        index: u32,
        run: &str,
        progress: Arc<LoadProgress>,
    ) -> Self {
        // Publishers take turns instead of all sending in the same moment.
        let offset = match plan.pace {
            Pace::Smooth => Duration::from_secs_f64(f64::from(index) / plan.rate),
            Pace::Bursty => Duration::ZERO,
        };
        Self {
            uri: uri.clone(),
            exchange: plan.exchange.clone(),
            routing_key: plan.routing_key.clone(),
            size: plan.size,
            pace: plan.pace,
            rate: plan.rate / f64::from(plan.publishers),
            offset,
            count: plan.share(index),
            duration: plan.duration,
            ledger: PublisherLedger {
                name: format!("{run}-p{index}"),
                ..PublisherLedger::default()
            },
            progress,
            open: BTreeSet::new(),
            waiting: FuturesUnordered::new(),
        }
    }

    /// Publishes over as many connections as it takes; each takes up with the next number.
    pub(super) async fn publish(mut self, mut stop: Stop) -> PublisherLedger {
        let mut start = Instant::now() + self.offset;
        let end = self.duration.map(|duration| start + duration);
        while !self.done(end, &stop) {
            let connected = tokio::select! {
                () = stop.stopped() => break,
                connected = connect(&self.uri, &self.ledger.name) => connected,
            };
            match connected {
                Ok((link, channel)) => {
                    self.publish_over(&channel, &mut start, end, &mut stop).await;
                    self.settle(&link).await;
                    link.close().await;
                }
                Err(error) => {
                    tracing::warn!(publisher = self.ledger.name, %error, "broker is not reachable");
                    tokio::time::sleep(RETRY).await;
                }
            }
        }
        self.ledger
    }

    fn done(&self, end: Option<Instant>, stop: &Stop) -> bool {
        stop.is_stopped()
            || self.count.is_some_and(|count| self.ledger.last >= count)
            || end.is_some_and(|end| Instant::now() >= end)
    }

    /// Publishes until there is nothing more to send or the connection fails.
    async fn publish_over(
        &mut self,
        channel: &Channel,
        start: &mut Instant,
        end: Option<Instant>,
        stop: &mut Stop,
    ) {
        while !self.done(end, stop) {
            let due = *start + self.pace.due(self.ledger.last, self.rate);
            let behind = Instant::now().saturating_duration_since(due);
            if behind > CATCH_UP && self.pace == Pace::Smooth {
                *start += behind;
            }
            let full = self.waiting.len() >= WINDOW;
            tokio::select! {
                biased;
                () = stop.stopped() => return,
                Some((seq, answer)) = self.waiting.next() => {
                    if !self.note(seq, answer) {
                        return;
                    }
                }
                () = tokio::time::sleep_until(due), if !full => {
                    if let Err(error) = self.send(channel).await {
                        tracing::warn!(publisher = self.ledger.name, %error, "publish failed");
                        return;
                    }
                }
            }
        }
    }

    async fn send(&mut self, channel: &Channel) -> lapin::Result<()> {
        let seq = self.ledger.last + 1;
        let body = Message::numbered(&self.ledger.name, seq)
            .encode(self.size)
            .map_err(std::io::Error::from)?;
        // From here on the number is used up, whatever becomes of it.
        self.ledger.last = seq;
        self.open.insert(seq);
        self.progress.one_published();
        let options = BasicPublishOptions {
            mandatory: true,
            ..BasicPublishOptions::default()
        };
        let persistent = BasicProperties::default().with_delivery_mode(2);
        let published = channel
            .basic_publish(
                self.exchange.as_str().into(),
                self.routing_key.as_str().into(),
                options,
                &body,
                persistent,
            )
            .await;
        let confirm = published?;
        self.waiting.push(Box::pin(async move { (seq, confirm.await) }));
        Ok(())
    }

    /// Takes note of the broker's word; false if there was none, since the connection is over then.
    fn note(&mut self, seq: u64, answer: lapin::Result<Confirmation>) -> bool {
        self.open.remove(&seq);
        match answer {
            Ok(Confirmation::Ack(None)) => {
                self.ledger.confirmed += 1;
                self.progress.one_confirmed();
                true
            }
            Ok(Confirmation::Ack(Some(_)) | Confirmation::Nack(Some(_))) => {
                tracing::error!(
                    publisher = self.ledger.name,
                    seq,
                    "no queue is bound for this message"
                );
                self.ledger.returned.insert(seq);
                true
            }
            Ok(Confirmation::Nack(None) | Confirmation::NotRequested) => {
                tracing::error!(
                    publisher = self.ledger.name,
                    seq,
                    "the broker did not take the message over"
                );
                self.ledger.uncertain.insert(seq);
                true
            }
            Err(error) => {
                tracing::warn!(publisher = self.ledger.name, seq, %error, "confirm is lost");
                self.ledger.uncertain.insert(seq);
                false
            }
        }
    }

    /// Waits for the outstanding confirms; what does not come while the connection stands is uncertain.
    async fn settle(&mut self, link: &Link) {
        let deadline = Instant::now() + LAST_CONFIRMS;
        let mut look = tokio::time::interval(RETRY);
        while Instant::now() < deadline {
            tokio::select! {
                biased;
                answer = self.waiting.next() => match answer {
                    Some((seq, answer)) => {
                        self.note(seq, answer);
                    }
                    None => break,
                },
                _ = look.tick() => if !link.alive() { break },
            }
        }
        self.waiting.clear();
        self.ledger.uncertain.append(&mut self.open);
    }
}

async fn connect(uri: &AMQPUri, name: &str) -> Result<(Link, Channel), LinkError> {
    let link = Link::open(uri, name).await?;
    let channel = link.channel(0).await?;
    channel.confirm_select(ConfirmSelectOptions::default()).await?;
    Ok((link, channel))
}
