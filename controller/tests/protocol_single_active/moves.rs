//! The whole handoff under load, again and again: hold, copy, exclude, release. Nothing missing, nothing twice,
//! nothing out of order, nothing delivered a second time.

use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::application::{Application, assert_exact};
use super::publishers::Load;
use super::scene::{Scene, until};

/// Messages a second on each queue.
const RATE: u32 = 300;
/// Queues at the same time, since a new consumer is listed up to 5 s late and each move waits for that.
const QUEUES: usize = 3;
/// Enough to be in full swing before and after.
const SOME: usize = 100;

/// From hold to release, and hold to proof.
struct Times {
    held: Duration,
    proven: Duration,
}

/// How many moves each queue makes.
fn moves() -> usize {
    std::env::var("SHADOW_TEST_MOVES").map_or(8, |moves| moves.parse().expect("a number"))
}

/// Moves the application once; returns the copy.
async fn moved(scene: &Scene, source: Application) -> (Application, Times) {
    let witness = scene.witness().await;
    scene.can_be_held().await;
    source.has_applied(source.applied() + SOME).await;

    let begun = Instant::now();
    let hold = scene.hold().await;
    scene.proven(&hold, &witness).await;
    let proven = begun.elapsed();
    let checkpoint = source.checkpoint();
    let target = Application::restore(&scene.queue, Duration::ZERO, checkpoint.clone()).await;
    target.waits_in_line().await;
    let at_the_end = source.kill().await;
    assert_eq!(
        at_the_end.applied.len(),
        checkpoint.applied.len(),
        "the source went on after the proof"
    );
    until("the source is gone", || async {
        let gone = scene.broker.source_is_gone(&scene.queue, &witness).await.unwrap();
        gone.then_some(())
    })
    .await;
    hold.release().await.unwrap();
    let held = begun.elapsed();
    target.has_applied(checkpoint.applied.len() + 1).await;
    (target, Times { held, proven })
}

async fn chain(moves: usize) -> (u64, Vec<Times>) {
    let scene = Scene::new().await;
    let mut application = Application::start(&scene.queue, Duration::ZERO).await;
    let load = Load::start(&scene.queue, 3, RATE);
    let mut times = Vec::new();
    for _ in 0..moves {
        let (target, took) = moved(&scene, application).await;
        application = target;
        times.push(took);
    }
    let sent = load.stop().await;
    let all = sent.iter().sum::<u64>();
    application.has_applied(usize::try_from(all).unwrap()).await;
    scene.served_to_its_end().await;
    assert_exact(&application.kill().await, &sent);
    (all, times)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn moves_under_load_are_exact() {
    let mut chains = JoinSet::new();
    for _ in 0..QUEUES {
        chains.spawn(chain(moves()));
    }
    let (mut messages, mut times) = (0, Vec::new());
    while let Some(done) = chains.join_next().await {
        let (sent, took) = done.unwrap();
        messages += sent;
        times.extend(took);
    }
    assert_eq!(times.len(), QUEUES * moves());
    let median = |of: fn(&Times) -> Duration| {
        let mut sorted: Vec<Duration> = times.iter().map(of).collect();
        sorted.sort_unstable();
        (sorted[sorted.len() / 2], sorted[sorted.len() - 1])
    };
    println!(
        "{} moves, {messages} messages; (median, longest): hold to proof {:?}, hold to release {:?}",
        times.len(),
        median(|t| t.proven),
        median(|t| t.held)
    );
}
