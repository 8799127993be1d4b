//! Publishers with confirms: what they report as sent is in the queue.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use lapin::BasicProperties;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use super::scene::connection;

/// Publishes messages `first..first + count` of one publisher, as fast as it can.
pub(crate) async fn publish(queue: &str, publisher: u64, first: u64, count: u64) {
    send(queue.to_owned(), publisher, first, Duration::ZERO, |sent| {
        sent < count
    })
    .await;
}

/// Publishers that go on until they are told to stop.
pub(crate) struct Load {
    running: Arc<AtomicBool>,
    all: JoinSet<(usize, u64)>,
}

impl Load {
    /// `publishers` publish at `rate` messages a second all together.
    pub(crate) fn start(queue: &str, publishers: u32, rate: u32) -> Self {
        let running = Arc::new(AtomicBool::new(true));
        let pause = Duration::from_secs(1) * publishers / rate;
        let mut all = JoinSet::new();
        for publisher in 0..publishers {
            let (queue, running) = (queue.to_owned(), running.clone());
            let goes_on = move |_| running.load(Ordering::Relaxed);
            all.spawn(async move {
                let sent = send(queue, publisher.into(), 0, pause, goes_on).await;
                (usize::try_from(publisher).unwrap(), sent)
            });
        }
        Self { running, all }
    }

    /// How many each publisher has sent, all of them confirmed.
    pub(crate) async fn stop(mut self) -> Vec<u64> {
        self.running.store(false, Ordering::Relaxed);
        let mut sent = vec![0; self.all.len()];
        while let Some(done) = self.all.join_next().await {
            let (publisher, count) = done.unwrap();
            sent[publisher] = count;
        }
        sent
    }
}

/// Returns how many were sent, all of them confirmed and none returned.
async fn send(
    queue: String,
    publisher: u64,
    first: u64,
    pause: Duration,
    goes_on: impl Fn(u64) -> bool,
) -> u64 {
    let connection = connection().await;
    let channel = connection.create_channel().await.unwrap();
    channel
        .confirm_select(ConfirmSelectOptions::default())
        .await
        .unwrap();
    let mut ticks = (!pause.is_zero()).then(|| interval(pause));
    if let Some(ticks) = &mut ticks {
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    }
    let mut confirms = FuturesUnordered::new();
    let mut sent = 0;
    while goes_on(sent) {
        if let Some(ticks) = &mut ticks {
            ticks.tick().await;
        }
        let body = serde_json::json!({"publisher": publisher, "seq": first + sent}).to_string();
        let mandatory = BasicPublishOptions {
            mandatory: true,
            ..BasicPublishOptions::default()
        };
        let persistent = BasicProperties::default().with_delivery_mode(2);
        let publish = channel.basic_publish(
            "".into(),
            queue.as_str().into(),
            mandatory,
            body.as_bytes(),
            persistent,
        );
        confirms.push(publish.await.unwrap());
        sent += 1;
    }
    while let Some(confirmed) = confirms.next().await {
        let confirmed = confirmed.unwrap();
        assert!(confirmed.is_ack(), "not confirmed: {confirmed:?}");
        assert!(confirmed.take_message().is_none(), "returned: no queue took it");
    }
    connection.close(200, "done".into()).await.unwrap();
    sent
}
