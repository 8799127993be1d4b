//! Parks that starving helps: however much waits, the application has nothing to do within a second, reads its control
//! queue and parks; then all that waited is back in its place.

use std::time::{Duration, Instant};

use shadow_controller::broker::Starving;
use shadow_controller::broker::port::SETTLE;
use shadow_core::machine::QueueSeen;
use shadow_core::machine::port::{Verb, after_release};

use super::driver::Driver;
use super::feeding::Feeding;
use super::ledger::{assert_exact, served_to_the_end};
use super::load::Load;
use super::polling::Polling;
use super::scene::{Scene, until};

const PUBLISHERS: u32 = 3;
const SOME: usize = 60;
/// What the application is given at once.
const PREFETCH: u64 = 50;

async fn primary(driver: &Driver<'_>) -> (u64, u64, u64) {
    match driver.seen().await.primary {
        QueueSeen::Present {
            ready,
            consumers,
            unacked,
        } => (ready, unacked.expect("classic queues are counted"), consumers),
        QueueSeen::Absent | QueueSeen::Unseen => panic!("the primary queue is gone"),
    }
}

/// Freezes, takes what waits, thaws.
async fn starved(driver: &Driver<'_>, application: &Polling) -> Starving {
    application.freeze();
    tokio::time::sleep(SETTLE).await;
    let starving = driver.scene.broker.starve(&driver.port.primary).await.unwrap();
    until("all that waited is held", || async {
        let (ready, unacked, _) = primary(driver).await;
        let ours = starving.held();
        (ready == 0 && unacked <= ours + PREFETCH).then_some(())
    })
    .await;
    application.thaw();
    starving
}

async fn fenced(driver: &Driver<'_>) {
    let broker = &driver.scene.broker;
    broker.adopt(&driver.port).await.unwrap();
    let like = driver.scene.facts().await;
    broker.declare_branch(&driver.waiting, &like).await.unwrap();
    broker.branch(&driver.port, &driver.waiting).await.unwrap();
    assert_eq!(broker.fence(&driver.port).await.unwrap().strays, []);
}

/// What waits when a park is asked for: `waiting`, at `rate` more each second.
async fn a_starved_park(waiting: u64, rate: u32, behind_a_fence: bool) {
    let scene = Scene::classic().await;
    let feeding = Feeding::direct(&scene);
    feeding.declare(&scene.primary()).await;
    let load = Load::start(&feeding, PUBLISHERS, waiting / u64::from(PUBLISHERS), rate);
    let source = Polling::start(&scene, &scene.pod()).await;
    source.has_applied(SOME).await;
    let mut driver = Driver::new(&scene);
    if behind_a_fence {
        fenced(&driver).await;
    }

    let asked = Instant::now();
    scene.declare_hold(0).await;
    driver.tell(&scene.pod(), &driver.hold()).await;
    let starving = starved(&driver, &source).await;
    let thawed = asked.elapsed();
    scene.consumers_become(&driver.hold(), 1).await;
    let held = starving.held();
    assert!(!starving.lost());
    starving.let_go().await.unwrap();
    driver.help_until_parked(&scene.pod()).await;
    eprintln!(
        "starved, {rate}/s, {waiting} waiting, fence {behind_a_fence}: {held} held, thawed after {:.2} s, parked after {:.2} s",
        thawed.as_secs_f32(),
        asked.elapsed().as_secs_f32()
    );
    let (ready, unacked, consumers) = primary(&driver).await;
    assert!(
        ready >= held && unacked == 0 && consumers == 0,
        "{held} held, {ready} ready"
    );
    assert!(
        held > PREFETCH,
        "the backlog was worked off, which proves nothing"
    );

    let shadow = format!("{}-shadow", scene.pod());
    let target = Polling::restore(&scene, &shadow, source.checkpoint());
    scene.consumers_become(&driver.hold(), 2).await;
    source.kill().await;
    scene.consumers_become(&driver.hold(), 1).await;
    let sent = load.stop().await;
    let first_verb = after_release(&driver.seen().await);
    driver.release(&shadow).await;
    driver.drop_hold(0).await;
    driver.report("  released");
    assert_eq!(first_verb, Verb::TellPrimary);
    ends_exact(target, &sent).await;
}

async fn ends_exact(last: Polling, sent: &[u64]) {
    served_to_the_end(|| last.applied(), sent).await;
    assert_exact(&last.kill().await, sent);
}

#[tokio::test]
async fn a_thousand_waiting_at_120_a_second_do_not_keep_it_from_parking() {
    a_starved_park(1000, 120, true).await;
}

#[tokio::test]
async fn without_a_fence_new_messages_are_held_back_as_well() {
    a_starved_park(1000, 80, false).await;
}

/// The connection that holds everything dies at many points; each time the application goes on where it was.
#[tokio::test]
async fn whoever_starves_it_may_die_at_any_point() {
    let scene = Scene::classic().await;
    let feeding = Feeding::direct(&scene);
    feeding.declare(&scene.primary()).await;
    let load = Load::start(&feeding, PUBLISHERS, 300, 40);
    let source = Polling::start(&scene, &scene.pod()).await;
    source.has_applied(SOME).await;
    let mut driver = Driver::new(&scene);
    fenced(&driver).await;
    let mut held = Vec::new();
    for round in 0..9_u64 {
        let starving = if round % 3 == 2 {
            // When all are held and the application runs again.
            let starving = starved(&driver, &source).await;
            tokio::time::sleep(Duration::from_millis(round * 40)).await;
            starving
        } else {
            // While they still come.
            source.freeze();
            tokio::time::sleep(SETTLE).await;
            let starving = scene.broker.starve(&scene.primary()).await.unwrap();
            tokio::time::sleep(Duration::from_millis(round * 4)).await;
            starving
        };
        held.push(starving.held());
        drop(starving);
        // Whoever thaws it looks first whether the one that starved it is gone.
        until("the dead consumer is gone", || async {
            (scene.counts(&scene.primary()).await.1 <= 1).then_some(())
        })
        .await;
        source.thaw();
        source.has_applied(source.applied() + SOME).await;
    }
    eprintln!("held when it died: {held:?}");
    assert!(held.iter().any(|held| *held > 300), "{held:?}");
    let sent = load.stop().await;
    driver.release(&scene.pod()).await;
    ends_exact(source, &sent).await;
}
