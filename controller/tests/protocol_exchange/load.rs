//! Publishers with confirms, to exchanges. What they report as sent was confirmed and taken by some queue.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use lapin::BasicProperties;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use super::feeding::Feeding;
use super::scene::connection;

/// Publishers that go on until they are told to stop.
pub(crate) struct Load {
    running: Arc<AtomicBool>,
    all: JoinSet<(usize, u64)>,
}

impl Load {
    /// Each of the `publishers` publishes `burst` messages at once, then all together `rate` a second.
    pub(crate) fn start(feeding: &Feeding, publishers: u32, burst: u64, rate: u32) -> Self {
        let running = Arc::new(AtomicBool::new(true));
        let pause = Duration::from_secs(1) * publishers / rate;
        let mut all = JoinSet::new();
        for publisher in 0..publishers {
            let (feeding, running) = (feeding.clone(), running.clone());
            all.spawn(async move {
                let sent = send(&feeding, publisher.into(), burst, pause, &running).await;
                (usize::try_from(publisher).unwrap(), sent)
            });
        }
        Self { running, all }
    }

    /// How many each publisher has sent.
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

async fn send(feeding: &Feeding, publisher: u64, burst: u64, pause: Duration, running: &AtomicBool) -> u64 {
    let connection = connection().await;
    let channel = connection.create_channel().await.unwrap();
    channel
        .confirm_select(ConfirmSelectOptions::default())
        .await
        .unwrap();
    let mut ticks = interval(pause);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut confirms = FuturesUnordered::new();
    let mut sent = 0;
    while running.load(Ordering::Relaxed) {
        if sent >= burst {
            ticks.tick().await;
        }
        let way = &feeding.ways[usize::try_from(sent).unwrap() % feeding.ways.len()];
        let body = serde_json::json!({"publisher": publisher, "seq": sent}).to_string();
        let mandatory = BasicPublishOptions {
            mandatory: true,
            ..BasicPublishOptions::default()
        };
        let properties = BasicProperties::default()
            .with_delivery_mode(2)
            .with_headers(way.headers.clone());
        let publish = channel.basic_publish(
            way.exchange.as_str().into(),
            way.key.into(),
            mandatory,
            body.as_bytes(),
            properties,
        );
        confirms.push(publish.await.unwrap());
        sent += 1;
        if sent == burst {
            // What comes after is paced from here, not from the start of the burst.
            ticks.reset();
        }
    }
    while let Some(confirmed) = confirms.next().await {
        let confirmed = confirmed.unwrap();
        assert!(confirmed.is_ack(), "not confirmed: {confirmed:?}");
        assert!(confirmed.take_message().is_none(), "returned: no queue took it");
    }
    connection.close(200, "done".into()).await.unwrap();
    sent
}
