//! Live moves: the source goes on with copies of the stream while its copy is made, and what it does meanwhile is thrown
//! away with it.

use std::time::Duration;

use shadow_controller::broker::QueueSeen;
use shadow_controller::broker::port::PortState;
use shadow_core::machine::port::worked_off;
use shadow_core::names;

use super::application::{Application, Settings};
use super::driver::Driver;
use super::feeding::Feeding;
use super::ledger::{assert_exact, served_to_the_end};
use super::load::Load;
use super::scene::{Scene, until};

const PUBLISHERS: u32 = 3;
const SOME: usize = 60;
const WORK: Duration = Duration::from_millis(10);

struct Mirrored<'a> {
    driver: Driver<'a>,
    mirror: String,
    source: Application,
    target: Application,
    load: Load,
}

fn settings(scene: &Scene, pod: String) -> Settings {
    Settings {
        pod,
        work: WORK,
        ..Settings::of(scene)
    }
}

/// Up to the commit: the copy waits on the hold queue, the source reads the mirror.
async fn mirrored<'a>(scene: &'a Scene, feeding: Feeding, waiting: u64, rate: u32) -> Mirrored<'a> {
    feeding.declare(&scene.primary()).await;
    let load = Load::start(&feeding, PUBLISHERS, waiting / u64::from(PUBLISHERS), rate);
    let source = Application::start(settings(scene, scene.pod())).await;
    source.has_applied(SOME.min(usize::try_from(rate).unwrap())).await;

    let (broker, mut driver) = (&scene.broker, Driver::new(scene));
    let mirror = names::mirror_queue(&driver.key);
    broker.adopt(&driver.port).await.unwrap();
    for queue in [&driver.waiting, &mirror] {
        broker.declare_branch(queue, &scene.facts().await).await.unwrap();
    }
    let twins = broker.branch_twins(&driver.port, &driver.key).await.unwrap();
    driver.twins = Some(twins);
    assert_eq!(broker.fence(&driver.port).await.unwrap().strays, []);
    until("the source has worked off what it had", || async {
        worked_off(driver.seen().await.primary).then_some(())
    })
    .await;
    driver.park(&scene.pod()).await;
    let checkpoint = source.checkpoint();
    driver.tell(&scene.pod(), &mirror).await;
    let target = Application::restore(settings(scene, format!("{}-shadow", scene.pod())), checkpoint).await;
    scene.consumers_become(&mirror, 1).await;
    scene.consumers_become(&driver.hold(), 1).await;
    // It goes on while the copy waits.
    source.has_applied(source.applied() + SOME).await;
    Mirrored {
        driver,
        mirror,
        source,
        target,
        load,
    }
}

async fn nothing_of_ours_is_left(driver: &Driver<'_>) {
    let broker = &driver.scene.broker;
    assert_eq!(
        broker.port_state(&driver.port).await.unwrap(),
        PortState::NotAdopted
    );
    for queue in [
        names::backlog_queue(&driver.key),
        names::mirror_queue(&driver.key),
    ] {
        assert_eq!(broker.queue(&queue).await.unwrap(), QueueSeen::Absent, "{queue}");
    }
}

async fn ends_exact(load: Load, last: Application) {
    last.has_applied(last.applied() + 1).await;
    let sent = load.stop().await;
    served_to_the_end(|| last.applied(), &sent).await;
    assert_exact(&last.kill().await, &sent);
}

async fn a_live_move_is_exact(of: impl Fn(&Scene) -> Feeding, waiting: u64, rate: u32) {
    let scene = Scene::classic().await;
    let Mirrored {
        mut driver,
        mirror,
        source,
        target,
        load,
    } = mirrored(&scene, of(&scene), waiting, rate).await;
    let copied = target.applied();
    source.kill().await;
    scene.consumers_become(&mirror, 0).await;
    driver.release(&format!("{}-shadow", scene.pod())).await;
    driver.drop_hold(0).await;
    driver.report(&format!("live, {rate}/s, {waiting} waiting"));
    nothing_of_ours_is_left(&driver).await;
    assert!(target.applied() > copied);
    ends_exact(load, target).await;
}

#[tokio::test]
async fn a_live_move_is_exact_at_80_a_second() {
    a_live_move_is_exact(Feeding::direct, 90, 80).await;
}

#[tokio::test]
async fn a_live_move_is_exact_at_120_a_second_which_neither_side_can_serve() {
    a_live_move_is_exact(Feeding::direct, 150, 120).await;
}

#[tokio::test]
async fn a_live_move_behind_a_fanout_exchange_is_exact() {
    a_live_move_is_exact(Feeding::fanout, 30, 80).await;
}

#[tokio::test]
async fn a_live_move_behind_a_topic_exchange_with_overlapping_patterns_is_exact() {
    a_live_move_is_exact(Feeding::topic, 30, 80).await;
}

#[tokio::test]
async fn a_live_move_behind_a_headers_exchange_is_exact() {
    a_live_move_is_exact(Feeding::headers, 30, 80).await;
}

#[tokio::test]
async fn a_live_move_behind_several_exchanges_of_all_types_is_exact() {
    a_live_move_is_exact(Feeding::several, 30, 80).await;
}

#[tokio::test]
async fn an_abandoned_live_move_leaves_the_source_exact() {
    let scene = Scene::classic().await;
    let Mirrored {
        mut driver,
        mirror,
        source,
        target,
        load,
    } = mirrored(&scene, Feeding::direct(&scene), 90, 80).await;
    target.kill().await;
    scene.consumers_become(&driver.hold(), 0).await;
    // To the source, the mirror is what the backlog is to the copy.
    driver.waiting = mirror;
    driver.release(&scene.pod()).await;
    driver.drop_hold(0).await;
    driver.report("live, abandoned, 80/s");
    nothing_of_ours_is_left(&driver).await;
    ends_exact(load, source).await;
}
