//! The control messages under backlog: what `Park` relies on.

use std::time::{Duration, Instant};

use lapin::types::{AMQPValue, FieldTable};
use orders::consumer::Held;
use orders::state::StateSnapshot;
use orders::topology::{QueueType, control_queue};

use crate::broker::{eventually, unacknowledged, unique};
use crate::stage::{Stage, assert_exact};

const BACKLOG: u64 = 1_500;

/// Everything delivered is applied and acknowledged, or returned, before the helper queue has its consumer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parking_under_backlog_leaves_nothing_half_done() {
    let state = parks_exactly(Stage::set().await).await;
    assert!(state.redelivered > 0, "nothing was returned");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parking_with_work_to_finish_leaves_nothing_half_done() {
    let mut stage = Stage::set().await;
    stage.settings.held = Some(Held::Finish);
    let state = parks_exactly(stage).await;
    assert_eq!(state.redelivered, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parking_on_a_quorum_queue_leaves_nothing_half_done() {
    parks_exactly(Stage::set_with(QueueType::Quorum).await).await;
}

async fn parks_exactly(stage: Stage) -> StateSnapshot {
    stage.publish(BACKLOG).await;
    let (running, hold) = (stage.start().await, stage.helper().await);
    running.has_applied(100).await;
    stage.start_replay(&stage.pod, &hold).await;
    eventually("the helper queue has a consumer", async || {
        stage.consumers(&hold).await == 1
    })
    .await;
    let applied = running.applied();
    assert!(applied < BACKLOG, "there was no backlog left when it parked");
    assert_eq!(stage.consumers(&stage.primary).await, 0);
    if stage.settings.queue_type == QueueType::Classic {
        assert_eq!(unacknowledged(&stage.primary).await, 0);
    }
    // Whatever was not acknowledged would come back when the connection ends, and be too many here.
    stage.proxy.cut();
    eventually("it is back on the helper queue", async || {
        running.generation() == 2
    })
    .await;
    assert_eq!(running.queue().as_deref(), Some(hold.as_str()));
    assert_eq!(
        stage.queue(&stage.primary).await,
        (u32::try_from(BACKLOG - applied).unwrap(), 0)
    );
    assert_eq!(running.applied(), applied);

    stage.end_replay(&stage.pod).await;
    running.has_applied(BACKLOG).await;
    assert_eq!(running.queue(), Some(stage.primary.clone()));
    let state = running.stop().await;
    assert_exact(&state, BACKLOG);
    stage.strike(&[&hold]).await;
    state
}

/// A control message does not wait behind messages: with 20 ms a message the backlog takes 10 s.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn control_messages_are_read_at_once_under_backlog() {
    let mut stage = Stage::set().await;
    (stage.settings.prefetch, stage.settings.work) = (1, Duration::from_millis(20));
    stage.publish(500).await;
    let (running, hold) = (stage.start().await, stage.helper().await);
    running.has_applied(5).await;
    let begun = Instant::now();
    stage.start_replay(&stage.pod, &hold).await;
    running.reads(&hold).await;
    assert!(
        begun.elapsed() < Duration::from_secs(1),
        "it took {:?}",
        begun.elapsed()
    );
    assert_exact(
        &running.stop().await,
        500 - u64::from(stage.queue(&stage.primary).await.0),
    );
    stage.strike(&[&hold]).await;
}

/// Parks and releases again and again under load; a repeated control message changes nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parking_again_and_again_under_load_is_exact() {
    let stage = Stage::set().await;
    let running = stage.start().await;
    let load = stage.publish(BACKLOG);
    let parks = async {
        let mut holds = Vec::new();
        for _ in 0..10 {
            let hold = stage.helper().await;
            stage.start_replay(&stage.pod, &hold).await;
            stage.start_replay(&stage.pod, &hold).await;
            running.reads(&hold).await;
            stage.end_replay(&stage.pod).await;
            stage.end_replay(&stage.pod).await;
            running.reads(&stage.primary).await;
            holds.push(hold);
        }
        holds
    };
    let (_, holds) = tokio::join!(load, parks);
    running.has_applied(BACKLOG).await;
    let control = control_queue(&stage.pod);
    eventually("every control message is acknowledged", async || {
        unacknowledged(&control).await == 0
    })
    .await;
    assert_eq!((stage.queue(&control).await, running.generation()), ((0, 1), 1));
    assert_exact(&running.stop().await, BACKLOG);
    let holds: Vec<&str> = holds.iter().map(String::as_str).collect();
    stage.strike(&holds).await;
}

/// A queue that exists with other arguments cannot be read: the consumer says so and goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_queue_leaves_the_consumer_where_it_was() {
    let stage = Stage::set().await;
    let running = stage.start().await;
    let (wrong, hold) = (unique("wrong"), stage.helper().await);
    let mut arguments = FieldTable::default();
    arguments.insert("x-max-length".into(), AMQPValue::LongInt(5));
    let options = lapin::options::QueueDeclareOptions {
        durable: true,
        ..Default::default()
    };
    stage
        .channel
        .queue_declare(wrong.as_str().into(), options, arguments)
        .await
        .unwrap();
    stage.start_replay(&stage.pod, &wrong).await;
    stage.control(&stage.pod, "no control message").await;
    stage.publish(100).await;
    running.has_applied(100).await;
    stage.start_replay(&stage.pod, &hold).await;
    running.reads(&hold).await;
    assert_eq!(
        (running.generation(), stage.consumers(&stage.primary).await),
        (1, 0)
    );
    assert_exact(&running.stop().await, 100);
    stage.strike(&[&wrong, &hold]).await;
}

/// Stopped in order, it gives back exactly what it has not applied.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_finishes_what_is_held_and_leaves_the_rest() {
    let stage = Stage::set().await;
    stage.publish(500).await;
    let running = stage.start().await;
    running.has_applied(20).await;
    let state = running.stop().await;
    assert_exact(&state, 500 - u64::from(stage.queue(&stage.primary).await.0));
    assert!(state.applied < 500, "there was no backlog left when it stopped");
    assert_eq!(stage.consumers(&stage.primary).await, 0);
    stage.strike(&[]).await;
}
