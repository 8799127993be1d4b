//! The consumer that looks for control messages only when it has nothing else to do, and sleeps between connections:
//! deaf under load, exact all the same.

use std::sync::Arc;
use std::time::{Duration, Instant};

use orders::load::{LoadPlan, LoadProgress};
use orders::stop;
use orders::topology::control_queue;

use crate::broker::{eventually, unacknowledged};
use crate::stage::{Running, Stage, assert_exact};

/// A stage for such a consumer.
async fn set(poll: Duration, sleep: Duration, work: Duration) -> Stage {
    let mut stage = Stage::set().await;
    stage.settings.control_poll = Some(poll);
    stage.settings.reconnect_sleep = sleep;
    stage.settings.work = work;
    stage
}

/// Publishes this many orders at this rate, and tells when the last one is confirmed.
async fn publish_at(stage: &Stage, rate: f64, count: u64) {
    let plan = LoadPlan {
        count: Some(count),
        publishers: 2,
        ..stage.plan(rate)
    };
    let (_stop, stop) = stop::channel();
    let ledger = orders::load::run(plan, Arc::new(LoadProgress::default()), stop)
        .await
        .unwrap();
    assert_eq!(
        (ledger.confirmed(), ledger.uncertain(), ledger.returned()),
        (count, 0, 0)
    );
}

/// Waits until the helper queue has its consumer; then the primary queue has none, and nothing is half done.
async fn parked(stage: &Stage, running: &Running, hold: &str) {
    running.reads(hold).await;
    assert_eq!(
        (stage.consumers(&stage.primary).await, stage.consumers(hold).await),
        (0, 1)
    );
    assert_eq!(unacknowledged(&stage.primary).await, 0);
    assert!(running.shared.standing().replaying);
}

/// At six times what it serves it hears nothing; when all is served it goes, and comes back, by way of new connections.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_parks_only_when_it_has_nothing_else_to_do() {
    const SENT: u64 = 400;
    let sleep = Duration::from_secs(3);
    // What it was given ahead lasts a second: a broker that is late does not leave it idle.
    let stage = set(Duration::from_secs(1), sleep, Duration::from_millis(20)).await;
    let (running, hold, control) = (
        stage.start().await,
        stage.helper().await,
        control_queue(&stage.pod),
    );
    let asked = async {
        running.has_applied(5).await;
        stage.start_replay(&stage.pod, &hold).await;
    };
    tokio::join!(publish_at(&stage, 300.0, SENT), asked);
    assert!(running.applied() < SENT, "there was no backlog left");
    assert_eq!(stage.queue(&control).await, (1, 0), "it was read under backlog");
    eventually("the control message is read", async || {
        stage.queue(&control).await == (0, 0)
    })
    .await;
    assert_eq!(running.applied(), SENT, "it was read with work left to do");

    let read = Instant::now();
    parked(&stage, &running, &hold).await;
    assert!(
        read.elapsed() > sleep / 2,
        "it did not sleep: {:?}",
        read.elapsed()
    );
    assert_eq!((running.generation(), stage.queue(&control).await), (2, (0, 0)));

    // What a restored one does: its memory says where it was.
    stage.publish(100).await;
    stage.proxy.cut();
    eventually("it is back on the helper queue", async || {
        running.generation() == 3 && running.queue().as_deref() == Some(hold.as_str())
    })
    .await;
    assert_eq!(
        (running.applied(), stage.queue(&stage.primary).await),
        (SENT, (100, 0))
    );

    stage.end_replay(&stage.pod).await;
    running.reads(&stage.primary).await;
    running.has_applied(SENT + 100).await;
    let state = running.stop().await;
    assert_exact(&state, SENT + 100);
    assert_eq!(state.redelivered, 0);
    stage.strike(&[&hold]).await;
}

/// Bursts far above what it serves, before each park and during it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parking_again_and_again_between_bursts_is_exact() {
    const ROUNDS: u64 = 5;
    const BURST: u64 = 200;
    let (poll, sleep) = (Duration::from_millis(200), Duration::from_millis(300));
    let stage = set(poll, sleep, Duration::from_millis(5)).await;
    let running = stage.start().await;
    let mut holds = Vec::new();
    for round in 0..ROUNDS {
        let hold = stage.helper().await;
        tokio::join!(stage.publish(BURST), stage.start_replay(&stage.pod, &hold));
        // Read a second time, on either queue, it changes nothing.
        stage.start_replay(&stage.pod, &hold).await;
        parked(&stage, &running, &hold).await;
        let applied = running.applied();
        stage.publish(BURST).await;
        assert_eq!(
            running.applied(),
            applied,
            "round {round}: it got something while parked"
        );
        stage.end_replay(&stage.pod).await;
        running.reads(&stage.primary).await;
        assert!(!running.shared.standing().replaying);
        holds.push(hold);
    }
    running.has_applied(2 * BURST * ROUNDS).await;
    let state = running.stop().await;
    assert_exact(&state, 2 * BURST * ROUNDS);
    assert_eq!(state.redelivered, 0);
    let holds: Vec<&str> = holds.iter().map(String::as_str).collect();
    stage.strike(&holds).await;
}

/// A stop does not wait for the sleep between two connections.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_stops_at_once_between_two_connections() {
    let stage = set(Duration::from_secs(1), Duration::from_secs(60), Duration::ZERO).await;
    let running = stage.start().await;
    stage.publish(20).await;
    running.has_applied(20).await;
    eventually("everything is acknowledged", async || {
        unacknowledged(&stage.primary).await == 0
    })
    .await;
    stage.proxy.cut();
    eventually("it has no connection", async || running.queue().is_none()).await;
    let begun = Instant::now();
    assert_exact(&running.stop().await, 20);
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    stage.strike(&[]).await;
}
