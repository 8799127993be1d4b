//! The ledger tells the truth: confirmed, uncertain, returned.

use std::sync::Arc;

use orders::load::{LoadLedger, LoadPlan, LoadProgress, Pace, run};
use orders::stop;

use crate::broker::eventually;
use crate::stage::{Stage, assert_exact};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_burst_is_confirmed_and_applied_as_a_whole() {
    let stage = Stage::set().await;
    let running = stage.start().await;
    let plan = LoadPlan {
        pace: Pace::Bursty,
        publishers: 3,
        count: Some(200),
        size: 512,
        ..stage.plan(100.0)
    };
    let (_stop, stop) = stop::channel();
    let ledger = run(plan, Arc::default(), stop).await.unwrap();
    assert_eq!((ledger.confirmed(), ledger.publishers.len()), (200, 3));
    assert!(
        ledger.ended_at_ms - ledger.started_at_ms >= 1_000,
        "the second burst is due after a second"
    );
    running.has_applied(200).await;
    assert_exact(&running.stop().await, 200);
    stage.strike(&[]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_that_no_queue_takes_are_errors() {
    let stage = Stage::set().await;
    let plan = LoadPlan {
        routing_key: "nobody".to_owned(),
        count: Some(20),
        ..stage.plan(1_000.0)
    };
    let (_stop, stop) = stop::channel();
    let ledger = run(plan, Arc::default(), stop).await.unwrap();
    assert_eq!(
        (ledger.confirmed(), ledger.returned(), ledger.uncertain()),
        (0, 20, 0)
    );
    stage.strike(&[]).await;
}

/// Confirms are lost on the way, then the connection: those numbers are uncertain, never sent again,
/// and the next connection takes up with the next number.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lost_confirms_are_uncertain_and_the_numbers_go_on() {
    let stage = Stage::set().await;
    let running = stage.start().await;
    let plan = LoadPlan {
        amqp_uri: stage.proxy.amqp_uri(),
        count: Some(600),
        ..stage.plan(300.0)
    };
    let progress = Arc::<LoadProgress>::default();
    let (_stop, stop) = stop::channel();
    let load = tokio::spawn(run(plan, Arc::clone(&progress), stop));
    eventually("some are confirmed", async || progress.confirmed() >= 50).await;
    stage.proxy.lose_to_client(true);
    let before = progress.published();
    // Confirms that were on their way through the proxy still arrive.
    eventually("some are published", async || progress.published() >= before + 60).await;
    stage.proxy.lose_to_client(false);
    stage.proxy.cut();
    let ledger: LoadLedger = load.await.unwrap().unwrap();
    assert!(ledger.uncertain() >= 20, "{} uncertain", ledger.uncertain());
    assert_eq!(
        (ledger.confirmed() + ledger.uncertain(), ledger.publishers[0].last),
        (600, 600)
    );
    eventually("the last is applied", async || {
        running
            .state()
            .publishers
            .values()
            .all(|publisher| publisher.position.last == 600)
    })
    .await;
    let state = running.stop().await;
    let seen = &state.publishers[&ledger.publishers[0].name].position;
    assert!((1..=600).all(|seq| seen.has(seq) || ledger.publishers[0].uncertain.contains(&seq)));
    stage.strike(&[]).await;
}
