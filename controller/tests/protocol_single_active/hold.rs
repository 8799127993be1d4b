//! A hold by itself: it stops the application, takes nothing, proves it, and lets go.

use std::time::{Duration, Instant};

use lapin::options::{BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::FieldTable;
use shadow_controller::broker::{BrokerError, HoldProof, HoldState};

use super::application::{Application, assert_exact};
use super::publishers::{Load, publish};
use super::scene::{PATIENCE, Scene, connection, until};

/// Messages a second, of three publishers together.
const RATE: u32 = 600;

#[tokio::test]
async fn a_hold_takes_no_message_and_is_proven_within_tens_of_milliseconds() {
    let scene = Scene::new().await;
    let application = Application::start(&scene.queue, Duration::ZERO).await;
    let witness = scene.witness().await;
    scene.facts().await.can_be_held_single_active().unwrap();
    let mut took = Vec::new();
    for round in 0..15_u64 {
        let begun = Instant::now();
        let hold = scene.hold().await;
        let settled = scene.proven(&hold, &witness).await;
        took.push(begun.elapsed());
        assert_eq!(settled.queue(), scene.queue);

        let before = application.applied();
        publish(&scene.queue, 0, round * 20, 20).await;
        assert_eq!(
            scene.counts().await,
            (20, 1),
            "they wait; the hold is the only consumer that counts"
        );
        assert_eq!(application.applied(), before, "the application got something");
        hold.release().await.unwrap();
        application.has_applied(before + 20).await;
    }
    took.sort_unstable();
    println!("hold to proof: {took:?}");
    // A quarter: a machine that is busy with other things slows down single ones at will.
    assert!(took[took.len() / 4] < Duration::from_millis(100), "{took:?}");
    assert_exact(&application.kill().await, &[300]);
}

#[tokio::test]
async fn what_the_application_was_given_is_waited_for() {
    let scene = Scene::new().await;
    let application = Application::start(&scene.queue, Duration::from_millis(20)).await;
    let witness = scene.witness().await;
    publish(&scene.queue, 0, 0, 300).await;
    application.has_applied(5).await;
    let hold = scene.hold().await;
    assert_eq!(hold.state(), HoldState::Waiting);
    let looked = scene.broker.prove_settled(&hold, &witness).await.unwrap();
    assert!(matches!(looked, HoldProof::NotYet(_)), "{looked:?}");

    scene.proven(&hold, &witness).await;
    let applied = application.applied();
    assert!(
        (50..300).contains(&applied),
        "{applied} applied: fifty were under way"
    );
    assert_eq!(scene.counts().await.0, 300 - applied as u64, "the rest waits");
    hold.release().await.unwrap();
    application.has_applied(300).await;
    assert_exact(&application.kill().await, &[300]);
}

#[tokio::test]
async fn a_cancelled_consumer_that_still_holds_messages_is_not_settled() {
    let scene = Scene::new().await;
    let application = connection().await;
    let channel = application.create_channel().await.unwrap();
    channel.basic_qos(50, BasicQosOptions::default()).await.unwrap();
    let (options, arguments) = (BasicConsumeOptions::default(), FieldTable::default());
    let _consumer = channel
        .basic_consume(scene.queue.as_str().into(), "app".into(), options, arguments)
        .await
        .unwrap();
    let witness = scene.witness().await;
    publish(&scene.queue, 0, 0, 10).await;
    until("all are given to it", || async {
        (scene.counts().await.0 == 0).then_some(())
    })
    .await;

    let hold = scene.hold().await;
    channel
        .basic_cancel("app".into(), BasicCancelOptions::default())
        .await
        .unwrap();
    assert_eq!(hold.settled_within(PATIENCE).await, HoldState::Active);
    assert_eq!(
        scene.counts().await,
        (0, 2),
        "a cancelled consumer counts while it holds something"
    );
    let looked = scene.broker.prove_settled(&hold, &witness).await.unwrap();
    assert!(
        matches!(&looked, HoldProof::NotYet(why) if why.contains("cancelled")),
        "{looked:?}"
    );

    let all = BasicAckOptions { multiple: true };
    channel.basic_ack(10, all).await.unwrap();
    until("all are settled", || async {
        (scene.counts().await == (0, 1)).then_some(())
    })
    .await;
    // Settled it is; but a consumer that went away during a hold is never taken for one that waits.
    let looked = scene.broker.prove_settled(&hold, &witness).await.unwrap();
    assert!(matches!(looked, HoldProof::Trapped(_)), "{looked:?}");
}

/// A preflight does all that a hold will need, while the application works.
#[tokio::test]
async fn a_rehearsal_disturbs_nobody() {
    let scene = Scene::new().await;
    let application = Application::start(&scene.queue, Duration::ZERO).await;
    application.has_connected(&scene).await;
    let load = Load::start(&scene.queue, 3, RATE);
    for _ in 0..30 {
        let before = application.applied();
        scene.broker.rehearse_hold(&scene.queue).await.unwrap();
        application.has_applied(before + 10).await;
    }
    let missing = scene.broker.rehearse_hold("no such queue").await.unwrap_err();
    assert!(matches!(missing, BrokerError::NoSuchQueue { .. }), "{missing}");
    let sent = load.stop().await;
    application
        .has_applied(usize::try_from(sent.iter().sum::<u64>()).unwrap())
        .await;
    assert_exact(&application.kill().await, &sent);
}

/// However a hold ends, the application goes on exactly where it stopped.
#[tokio::test]
async fn a_hold_that_is_released_or_dropped_lets_the_application_go_on() {
    let scene = Scene::new().await;
    let application = Application::start(&scene.queue, Duration::ZERO).await;
    let witness = scene.witness().await;
    let load = Load::start(&scene.queue, 3, RATE);
    for round in 0..20 {
        application.has_applied(application.applied() + 50).await;
        let hold = scene.hold().await;
        // Some end before they were proven.
        if round % 4 != 3 {
            scene.proven(&hold, &witness).await;
        }
        if round % 2 == 0 {
            hold.release().await.unwrap();
        } else {
            drop(hold);
        }
    }
    application.has_applied(application.applied() + 50).await;
    let sent = load.stop().await;
    application
        .has_applied(usize::try_from(sent.iter().sum::<u64>()).unwrap())
        .await;
    scene.served_to_its_end().await;
    assert_exact(&application.kill().await, &sent);
}

#[tokio::test]
async fn a_second_hold_waits_behind_the_first() {
    let scene = Scene::new().await;
    let application = Application::start(&scene.queue, Duration::ZERO).await;
    let witness = scene.witness().await;
    let first = scene.hold().await;
    scene.proven(&first, &witness).await;
    let second = scene.hold().await;
    publish(&scene.queue, 0, 0, 20).await;
    let listed = until("both are listed", || async {
        let listed = scene.broker.single_active_consumers(&scene.queue).await.unwrap();
        (listed.holds == 2).then_some(listed)
    })
    .await;
    assert_eq!(listed.application.len(), 1);
    assert_eq!(
        (first.state(), second.state()),
        (HoldState::Active, HoldState::Waiting)
    );

    first.release().await.unwrap();
    scene.proven(&second, &witness).await;
    assert_eq!(
        (scene.counts().await, application.applied()),
        ((20, 1), 0),
        "nobody got anything in between"
    );
    second.release().await.unwrap();
    application.has_applied(20).await;
    assert_exact(&application.kill().await, &[20]);
}

#[tokio::test]
async fn a_hold_stays_alive_and_keeps_the_connection_alive() {
    let scene = Scene::new().await;
    let hold = scene.hold().await;
    assert_eq!(hold.settled_within(PATIENCE).await, HoldState::Active);
    // Longer than either side would bear silence of the other on a link that says nothing.
    tokio::time::sleep(Duration::from_secs(12)).await;
    assert_eq!(hold.state(), HoldState::Active);
    hold.release().await.unwrap();
}
