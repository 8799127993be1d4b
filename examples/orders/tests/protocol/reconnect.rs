//! Lost connections and restores: back within 50 ms, on the right queue, with nothing lost.

use std::time::Duration;

use orders::topology::control_queue;

use crate::broker::{close_connection, connections_named, eventually};
use crate::stage::{Running, Stage, assert_exact};

/// Typical time to be consuming again after a loss.
const BACK_MS: u64 = 50;

async fn back(running: &Running, generation: u64) -> u64 {
    eventually(&format!("connection {generation} consumes"), async || {
        running.generation() >= generation && running.queue().is_some()
    })
    .await;
    running.shared.standing().last_reconnect_ms.expect("a time")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cut_connections_are_made_again_at_once_and_nothing_is_lost() {
    let stage = Stage::set().await;
    let running = stage.start().await;
    let load = stage.publish(2_000);
    let cuts = async {
        let mut took = Vec::new();
        for generation in 2..=12 {
            running.has_applied(generation * 100).await;
            stage.proxy.cut();
            took.push(back(&running, generation).await);
        }
        took.sort_unstable();
        took
    };
    let (ledger, took) = tokio::join!(load, cuts);
    eventually("all is applied", async || {
        let state = running.state();
        ledger.publishers.iter().all(|publisher| {
            state
                .publishers
                .get(&publisher.name)
                .is_some_and(|seen| seen.position.last == publisher.last)
        })
    })
    .await;
    let state = running.stop().await;
    assert_eq!((state.missing, state.late, state.gaps), (0, 0, 0));
    // At most the acknowledgements that were on their way are lost.
    assert!(
        state.duplicates <= 3 * 11,
        "{} duplicates in 11 cuts",
        state.duplicates
    );
    assert_eq!(state.applied, 2_000 + state.duplicates);
    // The quickest quarter: a machine that is busy with other things slows down single ones at will.
    assert!(
        took[took.len() / 4] <= BACK_MS,
        "milliseconds to reconnect: {took:?}"
    );
    stage.strike(&[]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_closed_by_the_broker_is_made_again() {
    let stage = Stage::set().await;
    let running = stage.start().await;
    eventually("the broker lists the connection", async || {
        !connections_named(&stage.pod).await.is_empty()
    })
    .await;
    for connection in connections_named(&stage.pod).await {
        close_connection(&connection).await;
    }
    back(&running, 2).await;
    stage.publish(50).await;
    running.has_applied(50).await;
    assert_exact(&running.stop().await, 50);
    stage.strike(&[]).await;
}

/// What a migration is to the process: it parks, wakes up elsewhere under another name with dead
/// connections, and is told to go on. Its primary queue stays the one it started with.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_wakes_up_in_another_pod_serves_its_first_queue() {
    let stage = Stage::set().await;
    stage.publish(600).await;
    let (running, first, second) = (stage.start().await, stage.helper().await, stage.helper().await);
    let shadow = format!("{}-shadow", stage.pod);
    running.has_applied(50).await;
    stage.start_replay(&stage.pod, &first).await;
    running.reads(&first).await;
    let parked_at = running.applied();

    stage.rename_pod(&shadow);
    back(&running, 2).await;
    assert_eq!(running.queue(), Some(first.clone()));
    assert_eq!(
        running.shared.standing().control_queue,
        Some(control_queue(&shadow))
    );
    assert_eq!(
        (running.applied(), stage.consumers(&stage.primary).await),
        (parked_at, 0)
    );
    stage.end_replay(&shadow).await;
    running.reads(&stage.primary).await;
    running.has_applied(parked_at + 50).await;

    stage.start_replay(&shadow, &second).await;
    running.reads(&second).await;
    stage.rename_pod(&stage.pod);
    back(&running, 3).await;
    assert_eq!(running.queue(), Some(second.clone()));
    stage.end_replay(&stage.pod).await;
    running.has_applied(600).await;
    assert_exact(&running.stop().await, 600);
    stage.strike(&[&first, &second, &control_queue(&shadow)]).await;
}

/// While the broker is away the consumer keeps trying, and is back when it is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unreachable_broker_is_tried_until_it_answers() {
    let stage = Stage::set().await;
    let running = stage.start().await;
    stage.proxy.lose_to_client(true);
    stage.proxy.cut();
    eventually("the loss is noticed", async || running.queue().is_none()).await;
    stage.publish(50).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(
        (running.queue(), running.applied()),
        (None, 0),
        "nobody could have answered"
    );
    stage.proxy.lose_to_client(false);
    stage.proxy.cut();
    back(&running, 2).await;
    running.has_applied(50).await;
    assert_exact(&running.stop().await, 50);
    stage.strike(&[]).await;
}
