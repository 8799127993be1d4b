//! The whole handoff under load: park, copy, release. Nothing missing, nothing twice, nothing out of order.

use shadow_controller::broker::{ControlMessage, Drainedness, QueueKind, Removal};

use super::application::{Application, Memory, Settings};
use super::publishers::Load;
use super::scene::{Scene, until};

/// Messages a second.
const RATE: u32 = 1000;
/// Enough to be in full swing before and after.
const SOME: usize = 500;

/// Every publisher's messages are there once, in the order in which it sent them.
fn assert_exact(memory: &Memory, sent: &[u64]) {
    for (publisher, count) in (0..).zip(sent) {
        let applied: Vec<u64> = memory
            .applied
            .iter()
            .filter(|(from, _)| *from == publisher)
            .map(|(_, seq)| *seq)
            .collect();
        let wanted: Vec<u64> = (0..*count).collect();
        let first_wrong = applied.iter().zip(&wanted).position(|(a, b)| a != b);
        assert!(
            applied == wanted,
            "publisher {publisher}: {} of {count} applied, first wrong at {first_wrong:?}",
            applied.len()
        );
    }
}

/// Parks `source` on a fresh hold queue while messages keep coming. Returns the hold queue.
async fn park(scene: &Scene, attempt: u32) -> String {
    let hold = scene.declare_hold(attempt).await;
    let start = ControlMessage::StartReplay { queue: hold.clone() };
    scene.broker.send_control(&scene.pod(), start).await.unwrap();
    scene.parked(attempt).await;
    hold
}

async fn remove(scene: &Scene, queue: &str) {
    let proof = until("the hold queue is drained", || async {
        match scene.broker.drained(queue).await.unwrap() {
            Drainedness::Proven(proof) => Some(proof),
            Drainedness::NotYet(_) => None,
            Drainedness::Absent => panic!("{queue} is gone"),
        }
    })
    .await;
    assert_eq!(scene.broker.delete_queue(proof).await.unwrap(), Removal::Deleted);
}

async fn nothing_waits(scene: &Scene) {
    until("the primary queue is served to its end", || async {
        (scene.counts(&scene.primary()).await.0 == 0).then_some(())
    })
    .await;
}

async fn a_move_is_exact(kind: QueueKind, prefetch: u16, rate: u32) {
    let scene = Scene::new(kind).await;
    let settings = Settings {
        prefetch,
        ..Settings::of(&scene)
    };
    let source = Application::start(settings.clone()).await;
    let load = Load::start(&scene.primary(), 3, rate);
    source.has_applied(SOME).await;

    let hold = park(&scene, 0).await;
    let copy = Settings {
        pod: format!("{}-shadow", scene.pod()),
        ..settings
    };
    let target = Application::restore(copy.clone(), source.checkpoint()).await;
    scene.consumers_become(&hold, 2).await;
    source.kill().await;
    scene.consumers_become(&hold, 1).await;
    scene
        .broker
        .send_control(&copy.pod, ControlMessage::EndReplay)
        .await
        .unwrap();
    scene.consumers_become(&scene.primary(), 1).await;
    remove(&scene, &hold).await;

    target.has_applied(target.applied() + SOME).await;
    let sent = load.stop().await;
    target
        .has_applied(usize::try_from(sent.iter().sum::<u64>()).unwrap())
        .await;
    nothing_waits(&scene).await;
    assert_exact(&target.kill().await, &sent);
    for pod in [scene.pod(), copy.pod] {
        until("nobody reads the control queue", || async {
            scene.broker.delete_control_queue(&pod).await.ok()
        })
        .await;
    }
}

#[tokio::test]
async fn a_classic_queue_is_handed_over_exactly_under_load_at_prefetch_50() {
    a_move_is_exact(QueueKind::Classic, 50, RATE).await;
}

#[tokio::test]
async fn a_classic_queue_is_handed_over_exactly_under_load_at_prefetch_1() {
    // One message under way at a time is a slow way to serve a queue.
    a_move_is_exact(QueueKind::Classic, 1, 200).await;
}

#[tokio::test]
async fn a_quorum_queue_is_handed_over_exactly_when_the_application_finishes_what_it_holds() {
    a_move_is_exact(QueueKind::Quorum, 50, RATE).await;
}

#[tokio::test]
async fn an_abandoned_move_releases_the_source_exactly_where_it_stopped() {
    let scene = Scene::classic().await;
    let settings = Settings::of(&scene);
    let source = Application::start(settings.clone()).await;
    let load = Load::start(&scene.primary(), 3, RATE);
    source.has_applied(SOME).await;

    let hold = park(&scene, 0).await;
    let copy = Settings {
        pod: format!("{}-shadow", scene.pod()),
        ..settings
    };
    let target = Application::restore(copy, source.checkpoint()).await;
    scene.consumers_become(&hold, 2).await;
    scene
        .broker
        .send_control(&scene.pod(), ControlMessage::EndReplay)
        .await
        .unwrap();
    scene.consumers_become(&scene.primary(), 1).await;
    // The copy still consumes the hold queue: it is not deleted under it, or it would declare it again.
    assert!(matches!(
        scene.broker.drained(&hold).await.unwrap(),
        Drainedness::NotYet(_)
    ));
    target.kill().await;
    remove(&scene, &hold).await;

    source.has_applied(source.applied() + SOME).await;
    let sent = load.stop().await;
    source
        .has_applied(usize::try_from(sent.iter().sum::<u64>()).unwrap())
        .await;
    nothing_waits(&scene).await;
    assert_exact(&source.kill().await, &sent);
}

#[tokio::test]
async fn parking_a_quorum_queue_more_often_than_its_delivery_limit_loses_nothing() {
    let scene = Scene::new(QueueKind::Quorum).await;
    let source = Application::start(Settings::of(&scene)).await;
    let load = Load::start(&scene.primary(), 1, 300);
    for attempt in 0..25 {
        let hold = park(&scene, attempt).await;
        scene
            .broker
            .send_control(&scene.pod(), ControlMessage::EndReplay)
            .await
            .unwrap();
        scene.consumers_become(&scene.primary(), 1).await;
        remove(&scene, &hold).await;
    }
    source.has_applied(source.applied() + SOME).await;
    let sent = load.stop().await;
    source
        .has_applied(usize::try_from(sent.iter().sum::<u64>()).unwrap())
        .await;
    assert_exact(&source.kill().await, &sent);
}
