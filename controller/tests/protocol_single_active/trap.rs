//! The trap: the application's connection breaks between hold and proof, with messages unacknowledged. RabbitMQ keeps
//! the dead consumer first in line, where nothing lists it, and gives it the queue as soon as the hold ends.

use std::time::Duration;

use shadow_controller::broker::{HoldProof, HoldState};

use super::application::Application;
use super::publishers::publish;
use super::scene::{PATIENCE, Scene, until};

#[tokio::test]
async fn an_application_that_dies_with_messages_in_hand_is_noticed_and_named() {
    let scene = Scene::new().await;
    let source = Application::start(&scene.queue, Duration::from_secs(1000)).await;
    let witness = scene.witness().await;
    publish(&scene.queue, 0, 0, 10).await;
    until("it has them in hand", || async {
        (scene.counts().await.0 == 0).then_some(())
    })
    .await;
    let hold = scene.hold().await;
    assert_eq!(hold.state(), HoldState::Waiting);
    source.kill().await;

    // The broker takes this for a hold that is complete; we do not.
    assert_eq!(hold.settled_within(PATIENCE).await, HoldState::Active);
    assert_eq!(scene.counts().await, (10, 1));
    let restarted = Application::start(&scene.queue, Duration::ZERO).await;
    let HoldProof::Trapped(why) = scene.broker.prove_settled(&hold, &witness).await.unwrap() else {
        panic!("a dead consumer was not noticed");
    };
    assert!(
        why.contains(&scene.queue) && why.contains("transfer_leadership"),
        "{why}"
    );

    // What would happen, and how a person is told what it is.
    hold.release().await.unwrap();
    until("the next move is refused, and what is dead is named", || async {
        let refused = scene.facts().await.can_be_held_single_active().err()?;
        let why = refused.to_string();
        (why.contains("dead") && why.contains("transfer_leadership")).then_some(())
    })
    .await;
    assert_eq!(restarted.applied(), 0, "the dead consumer has the queue");
}

/// After the proof there is nothing in hand, and a death does no harm: this is how every move ends.
#[tokio::test]
async fn an_application_that_dies_after_the_proof_leaves_nothing_behind() {
    let scene = Scene::new().await;
    let source = Application::start(&scene.queue, Duration::ZERO).await;
    let witness = scene.witness().await;
    let hold = scene.hold().await;
    scene.proven(&hold, &witness).await;
    publish(&scene.queue, 0, 0, 10).await;
    source.cut();
    until("its old consumer is gone", || async {
        let gone = scene.broker.source_is_gone(&scene.queue, &witness).await.unwrap();
        gone.then_some(())
    })
    .await;
    // The same look: it cannot be told whether anything was in hand, so the careful answer is given.
    let looked = scene.broker.prove_settled(&hold, &witness).await.unwrap();
    assert!(matches!(looked, HoldProof::Trapped(_)), "{looked:?}");
    hold.release().await.unwrap();
    source.has_applied(10).await;
    until("the next move is not refused", || async {
        scene.facts().await.can_be_held_single_active().ok()
    })
    .await;
    source.kill().await;
}
