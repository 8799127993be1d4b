//! Nothing that may hold a message is ever deleted.

use futures::StreamExt;
use lapin::options::{BasicAckOptions, BasicConsumeOptions, BasicGetOptions};
use lapin::types::FieldTable;
use shadow_controller::broker::{BrokerError, ControlMessage, Drained, Drainedness, QueueKind, Removal};

use super::application::{Application, Settings};
use super::publishers::publish;
use super::scene::{Scene, connection};

async fn proof(scene: &Scene, queue: &str) -> Drained {
    match scene.broker.drained(queue).await.unwrap() {
        Drainedness::Proven(proof) => proof,
        other @ (Drainedness::Absent | Drainedness::NotYet(_)) => {
            panic!("{queue} is empty and unused, and yet: {other:?}")
        }
    }
}

#[tokio::test]
async fn a_queue_with_a_message_or_a_consumer_cannot_be_proven_drained() {
    for kind in [QueueKind::Classic, QueueKind::Quorum] {
        let scene = Scene::new(kind).await;
        let hold = scene.declare_hold(0).await;
        publish(&hold, 0, 0, 1).await;
        assert!(matches!(
            scene.broker.drained(&hold).await.unwrap(),
            Drainedness::NotYet(_)
        ));
        let _consumer = Application::start(Settings::of(&scene)).await;
        assert!(matches!(
            scene.broker.drained(&scene.primary()).await.unwrap(),
            Drainedness::NotYet(_)
        ));
    }
}

#[tokio::test]
async fn a_queue_whose_only_message_is_unacknowledged_cannot_be_proven_drained() {
    let scene = Scene::classic().await;
    let hold = scene.declare_hold(0).await;
    publish(&hold, 0, 0, 1).await;
    let connection = connection().await;
    let channel = connection.create_channel().await.unwrap();
    let held = channel
        .basic_get(hold.as_str().into(), BasicGetOptions::default())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        scene.counts(&hold).await,
        (0, 0),
        "to a passive declare it looks empty and unused"
    );
    assert!(matches!(
        scene.broker.drained(&hold).await.unwrap(),
        Drainedness::NotYet(_)
    ));
    assert!(held.delivery.acker.ack(BasicAckOptions::default()).await.unwrap());
    // The acknowledgement has no answer; an answer on the same channel comes after it.
    channel
        .basic_get(hold.as_str().into(), BasicGetOptions::default())
        .await
        .unwrap();
    proof(&scene, &hold).await;
}

#[tokio::test]
async fn a_queue_that_was_filled_or_used_after_the_proof_is_not_deleted() {
    for kind in [QueueKind::Classic, QueueKind::Quorum] {
        let scene = Scene::new(kind).await;
        let hold = scene.declare_hold(0).await;
        let stale = proof(&scene, &hold).await;
        publish(&hold, 0, 0, 1).await;
        let refused = scene.broker.delete_queue(stale).await.unwrap_err();
        assert!(
            matches!(
                refused,
                BrokerError::InUse {
                    ready: 1,
                    consumers: 0,
                    ..
                }
            ),
            "{refused}"
        );
        assert_eq!(scene.counts(&hold).await, (1, 0));

        let stale = proof(&scene, &scene.primary()).await;
        let _consumer = Application::start(Settings::of(&scene)).await;
        let refused = scene.broker.delete_queue(stale).await.unwrap_err();
        assert!(
            matches!(
                refused,
                BrokerError::InUse {
                    ready: 0,
                    consumers: 1,
                    ..
                }
            ),
            "{refused}"
        );
        assert_eq!(scene.counts(&scene.primary()).await, (0, 1));
    }
}

#[tokio::test]
async fn deleting_what_is_gone_is_done_already() {
    for kind in [QueueKind::Classic, QueueKind::Quorum] {
        let scene = Scene::new(kind).await;
        let hold = scene.declare_hold(0).await;
        let (first, second) = (proof(&scene, &hold).await, proof(&scene, &hold).await);
        assert_eq!(scene.broker.delete_queue(first).await.unwrap(), Removal::Deleted);
        assert_eq!(
            scene.broker.delete_queue(second).await.unwrap(),
            Removal::WasAbsent
        );
        assert!(matches!(
            scene.broker.drained(&hold).await.unwrap(),
            Drainedness::Absent
        ));
    }
}

#[tokio::test]
async fn a_control_queue_that_somebody_reads_is_not_deleted() {
    let scene = Scene::classic().await;
    let application = Application::start(Settings::of(&scene)).await;
    scene
        .broker
        .send_control(&scene.pod(), ControlMessage::EndReplay)
        .await
        .unwrap();
    scene
        .consumers_become(&format!("ms2m.control.{}", scene.pod()), 1)
        .await;
    let refused = scene.broker.delete_control_queue(&scene.pod()).await.unwrap_err();
    assert!(
        matches!(refused, BrokerError::InUse { consumers: 1, .. }),
        "{refused}"
    );
    application.kill().await;
}

/// As a client library does that restores all consumers: a copy reads the queue of the pod that it was dumped in.
#[tokio::test]
async fn a_control_queue_is_refused_to_whoever_consumes_it() {
    let scene = Scene::classic().await;
    scene
        .broker
        .send_control(&scene.pod(), ControlMessage::EndReplay)
        .await
        .unwrap();
    let queue = shadow_core::names::control_queue(&scene.pod());
    let connection = connection().await;
    let channel = connection.create_channel().await.unwrap();
    let mut consumer = channel
        .basic_consume(
            queue.as_str().into(),
            "restored".into(),
            BasicConsumeOptions::default(),
            FieldTable::default(),
        )
        .await
        .unwrap();
    consumer.next().await.unwrap().unwrap();
    let refused = scene.broker.delete_control_queue(&scene.pod()).await.unwrap_err();
    assert!(
        matches!(refused, BrokerError::InUse { consumers: 1, .. }),
        "{refused}"
    );
    let removed = scene.broker.refuse_control_queue(&scene.pod()).await.unwrap();
    assert_eq!(removed, Removal::Deleted);
    assert!(consumer.next().await.is_none(), "the broker cancels the consumer");
    assert!(channel.status().connected(), "its channel goes on");
    let again = scene.broker.refuse_control_queue(&scene.pod()).await.unwrap();
    assert_eq!(again, Removal::WasAbsent);
}
