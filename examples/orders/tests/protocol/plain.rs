//! The consumer without the protocol: it serves its single-active queue, obeys nobody, and comes back by itself.

use std::time::Duration;

use orders::consumer::{PlainSettings, WorkKind};
use orders::oracle::Verdict;
use orders::topology::{QueueType, control_queue};

use crate::broker::{close_connection, connections_named, eventually};
use crate::oracle::judged;
use crate::stage::{Stage, assert_exact};

/// A stage for the plain consumer, told no more than its command line tells it.
async fn set() -> Stage {
    let mut stage = Stage::set_with(QueueType::SingleActive).await;
    let plain = PlainSettings {
        amqp_uri: stage.settings.amqp_uri.clone(),
        exchange: stage.exchange.clone(),
        routing_key: None,
        queue: stage.settings.queue.clone(),
        prefetch: 50,
        work: Duration::from_millis(2),
        work_kind: WorkKind::Sleep,
        hostname_file: stage.settings.hostname_file.clone(),
    };
    stage.settings = plain.settings().unwrap();
    stage
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_serves_its_queue_and_reads_no_control_messages() {
    let stage = set().await;
    let running = stage.start().await;
    let elsewhere = stage.helper().await;
    stage.start_replay(&stage.pod, &elsewhere).await;
    stage.publish(100).await;
    running.has_applied(100).await;
    assert_eq!(running.queue(), Some(stage.primary.clone()));
    assert_eq!(running.shared.standing().control_queue, None);
    assert_eq!(
        stage.queue(&control_queue(&stage.pod)).await,
        (1, 0),
        "nobody reads it"
    );
    assert_exact(&running.stop().await, 100);
    stage.strike(&[&elsewhere]).await;
}

/// Nothing but its broken connection tells it that it was moved.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_does_not_look_at_the_name_of_its_pod_again() {
    let stage = set().await;
    let running = stage.start().await;
    stage.rename_pod(&format!("{}-shadow", stage.pod));
    stage.publish(100).await;
    running.has_applied(100).await;
    assert_eq!(running.generation(), 1, "it reconnected for a name");
    stage.proxy.cut();
    eventually("it is back", async || {
        running.generation() == 2 && running.queue().is_some()
    })
    .await;
    assert_eq!(running.queue(), Some(stage.primary.clone()));
    stage.publish(100).await;
    running.has_applied(200).await;
    let state = running.stop().await;
    assert_eq!((state.missing, state.late), (0, 0));
    // The acknowledgement of the last message may have been on its way.
    assert!(state.duplicates <= 1, "{} duplicates", state.duplicates);
    stage.strike(&[]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_closed_by_the_broker_is_made_again() {
    let stage = set().await;
    let running = stage.start().await;
    eventually("the broker lists the connection", async || {
        !connections_named(&stage.pod).await.is_empty()
    })
    .await;
    for connection in connections_named(&stage.pod).await {
        close_connection(&connection).await;
    }
    eventually("it is back", async || {
        running.generation() == 2 && running.queue().is_some()
    })
    .await;
    stage.publish(50).await;
    running.has_applied(50).await;
    assert_exact(&running.stop().await, 50);
    stage.strike(&[]).await;
}

/// A second one waits, and is served when the first ends.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_one_waits_until_the_first_is_gone() {
    let stage = set().await;
    let (first, second) = (stage.start().await, stage.start().await);
    stage.publish(200).await;
    first.has_applied(200).await;
    assert_eq!(second.applied(), 0, "two are served at once");
    assert_exact(&first.stop().await, 200);
    stage.publish(200).await;
    second.has_applied(200).await;
    assert_exact(&second.stop().await, 200);
    stage.strike(&[]).await;
}

/// The same oracle, with nothing told but the pod's address and routing key.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_oracle_judges_it_like_the_other() {
    let stage = set().await;
    let running = stage.start().await;
    let report = judged(&stage, &running, async { running.has_applied(200).await }).await;
    assert_eq!(report.verdict, Verdict::Passed, "{report}");
    drop(running.stop().await);
    stage.strike(&[]).await;
}
