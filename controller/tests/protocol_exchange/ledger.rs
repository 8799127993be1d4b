//! What was sent against what was applied, and what lies in queues.

use std::time::{Duration, Instant};

use futures::StreamExt;
use lapin::options::BasicAckOptions;
use lapin::options::BasicConsumeOptions;
use lapin::types::FieldTable;
use serde_json::Value;

use super::application::Memory;
use super::scene::{Scene, connection};

/// Without any progress for so long, nothing more comes.
const STALLED: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_millis(20);

/// Messages of one publisher, in order.
pub(crate) fn of(publisher: u64, messages: &[(u64, u64)]) -> Vec<u64> {
    let own = messages.iter().filter(|(from, _)| *from == publisher);
    own.map(|(_, seq)| *seq).collect()
}

/// Every publisher's messages are there once, in the order in which it sent them.
pub(crate) fn assert_exact(memory: &Memory, sent: &[u64]) {
    for (publisher, count) in (0..).zip(sent) {
        let applied = of(publisher, &memory.applied);
        let wanted: Vec<u64> = (0..*count).collect();
        let first_wrong = applied.iter().zip(&wanted).position(|(a, b)| a != b);
        assert!(
            applied == wanted,
            "publisher {publisher}: {} of {count} applied, first wrong at {first_wrong:?}: {:?}",
            applied.len(),
            first_wrong.map(|at| &applied[at.saturating_sub(3)..(at + 5).min(applied.len())])
        );
    }
}

/// Waits until as many messages are applied as were sent, as long as it takes while there is progress. What it ends with is
/// for [`assert_exact`] to judge.
pub(crate) async fn served_to_the_end(applied: impl Fn() -> usize, sent: &[u64]) {
    let total = usize::try_from(sent.iter().sum::<u64>()).unwrap();
    let mut last = (applied(), Instant::now());
    while last.0 < total && last.1.elapsed() < STALLED {
        tokio::time::sleep(LOOK).await;
        if applied() > last.0 {
            last = (applied(), Instant::now());
        }
    }
}

/// Takes everything out of a queue, in order.
pub(crate) async fn contents(scene: &Scene, queue: &str) -> Vec<(u64, u64)> {
    let (ready, _) = scene.counts(queue).await;
    let connection = connection().await;
    let channel = connection.create_channel().await.unwrap();
    let consumer = channel.basic_consume(
        queue.into(),
        "".into(),
        BasicConsumeOptions::default(),
        FieldTable::default(),
    );
    let mut consumer = consumer.await.unwrap();
    let mut all = Vec::new();
    for _ in 0..ready {
        let message = consumer.next().await.unwrap().unwrap();
        let body: Value = serde_json::from_slice(&message.data).unwrap();
        all.push((body["publisher"].as_u64().unwrap(), body["seq"].as_u64().unwrap()));
        assert!(message.acker.ack(BasicAckOptions::default()).await.unwrap());
    }
    connection.close(200, "done".into()).await.unwrap();
    assert_eq!(
        scene.counts(queue).await.0,
        0,
        "{queue} got more than was counted"
    );
    all
}
