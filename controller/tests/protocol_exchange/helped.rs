//! Parks that a fence helps: an application that reads control messages only when it has nothing else to do is moved
//! exactly, at rates at which it never has nothing else to do. One handoff at 10, 80 and 120 messages a second is moved on
//! the cluster.

use shadow_controller::broker::QueueSeen;
use shadow_controller::broker::port::PortState;
use shadow_core::machine::port::{PortChange, Verb};

use super::application::Memory;
use super::driver::Driver;
use super::feeding::Feeding;
use super::ledger::{assert_exact, served_to_the_end};
use super::load::Load;
use super::polling::Polling;
use super::scene::Scene;

const PUBLISHERS: u32 = 3;
/// Enough to be in full swing.
const SOME: usize = 60;

struct Stage {
    scene: Scene,
    load: Load,
    source: Polling,
}

/// An application with `waiting` messages before it, and `rate` new ones each second.
async fn begin(waiting: u64, rate: u32) -> Stage {
    let scene = Scene::classic().await;
    let feeding = Feeding::topic(&scene);
    feeding.declare(&scene.primary()).await;
    let load = Load::start(&feeding, PUBLISHERS, waiting / u64::from(PUBLISHERS), rate);
    let source = Polling::start(&scene, &scene.pod()).await;
    source.has_applied(SOME.min(usize::try_from(rate).unwrap())).await;
    Stage { scene, load, source }
}

/// The copy of a parked instance is up and waits beside it; then the instance ends.
async fn handed_over(driver: &Driver<'_>, from: Polling, pod: &str) -> Polling {
    let to = Polling::restore(driver.scene, pod, from.checkpoint());
    driver.scene.consumers_become(&driver.hold(), 2).await;
    from.kill().await;
    driver.scene.consumers_become(&driver.hold(), 1).await;
    to
}

async fn ends_exact(driver: &Driver<'_>, load: Load, last: Polling) -> Memory {
    let scene = driver.scene;
    assert_eq!(
        scene.broker.port_state(&driver.port).await.unwrap(),
        PortState::NotAdopted
    );
    assert_eq!(
        scene.broker.queue(&driver.waiting).await.unwrap(),
        QueueSeen::Absent
    );
    last.has_applied(last.applied() + 1).await;
    let sent = load.stop().await;
    served_to_the_end(|| last.applied(), &sent).await;
    let memory = last.kill().await;
    assert_exact(&memory, &sent);
    memory
}

/// Every verb is cut off after its first change, and what is left of it is decided anew.
#[tokio::test]
async fn controllers_that_die_in_the_middle_of_every_verb_bring_it_to_the_same_end() {
    let Stage { scene, load, source } = begin(150, 80).await;
    let mut driver = Driver::new(&scene);
    driver.frail = true;
    driver.park(&scene.pod()).await;
    let shadow = format!("{}-shadow", scene.pod());
    let target = handed_over(&driver, source, &shadow).await;
    driver.release(&shadow).await;
    driver.drop_hold(0).await;
    driver.report("frail controllers, 80/s, 150 waiting");
    assert!(
        driver
            .verbs
            .iter()
            .any(|(_, verb)| *verb == Verb::Make(PortChange::Fence))
    );
    ends_exact(&driver, load, target).await;
}

#[tokio::test]
async fn two_handoffs_at_120_a_second_need_one_fence_and_one_flip() {
    let Stage { scene, load, source } = begin(150, 120).await;
    let mut driver = Driver::new(&scene);
    driver.park(&scene.pod()).await;
    let shadow = format!("{}-shadow", scene.pod());
    let stand_in = handed_over(&driver, source, &shadow).await;
    driver.release_until_flipped(&shadow).await;
    // It reads the backlog, which is finite now: when that is worked off, it parks by itself.
    driver.attempt = 1;
    driver.park(&shadow).await;
    driver.drop_hold(0).await;
    let last = handed_over(&driver, stand_in, &scene.pod()).await;
    driver.release(&scene.pod()).await;
    driver.drop_hold(1).await;
    driver.report("two handoffs, 120/s, 150 waiting");
    let fences = driver
        .verbs
        .iter()
        .filter(|(_, verb)| *verb == Verb::Make(PortChange::Fence))
        .count();
    assert_eq!(fences, 1, "{:?}", driver.verbs);
    let memory = ends_exact(&driver, load, last).await;
    let backlog = format!("START_REPLAY {}", driver.waiting);
    assert!(memory.heard.contains(&backlog), "{:?}", memory.heard);
}

#[tokio::test]
async fn an_abandoned_helped_park_leads_the_source_through_what_waits() {
    let Stage { scene, load, source } = begin(150, 120).await;
    let mut driver = Driver::new(&scene);
    driver.park(&scene.pod()).await;
    let target = Polling::restore(&scene, &format!("{}-shadow", scene.pod()), source.checkpoint());
    scene.consumers_become(&driver.hold(), 2).await;
    target.kill().await;
    scene.consumers_become(&driver.hold(), 1).await;
    driver.release(&scene.pod()).await;
    driver.drop_hold(0).await;
    driver.report("abandoned after the park, 120/s");
    ends_exact(&driver, load, source).await;
}

#[tokio::test]
async fn a_park_that_is_abandoned_before_it_came_leads_the_source_through_what_waits() {
    let Stage { scene, load, source } = begin(600, 120).await;
    let mut driver = Driver::new(&scene);
    scene.broker.adopt(&driver.port).await.unwrap();
    let like = scene.facts().await;
    scene.broker.declare_branch(&driver.waiting, &like).await.unwrap();
    scene.broker.branch(&driver.port, &driver.waiting).await.unwrap();
    assert_eq!(scene.broker.fence(&driver.port).await.unwrap().strays, []);
    source.has_applied(source.applied() + SOME).await;
    driver.release(&scene.pod()).await;
    driver.report("abandoned before the park, 120/s");
    ends_exact(&driver, load, source).await;
}
