//! A queue is gone for good only where AMQP and the management API agree, and all nodes run.

use shadow_controller::broker::{Broker, BrokerAddress, BrokerError, Drainedness, QueueKind};

use super::scene::Scene;

#[tokio::test]
async fn a_broker_is_without_a_queue_that_was_deleted_and_with_one_that_is_there() {
    for kind in [QueueKind::Classic, QueueKind::Quorum] {
        let scene = Scene::new(kind).await;
        let hold = scene.declare_hold(0).await;
        assert!(!scene.broker.is_without(&hold).await.unwrap());
        let Drainedness::Proven(proof) = scene.broker.drained(&hold).await.unwrap() else {
            panic!("{hold} is not empty");
        };
        scene.broker.delete_queue(proof).await.unwrap();
        assert!(scene.broker.is_without(&hold).await.unwrap());
    }
}

#[tokio::test]
async fn without_a_management_api_no_queue_is_known_to_be_gone() {
    let scene = Scene::classic().await;
    let alone = BrokerAddress {
        management_uri: None,
        ..scene.broker.address().clone()
    };
    let broker = Broker::connect(&alone, &crate::guard::here()).await.unwrap();
    let error = broker.is_without("never-declared").await.unwrap_err();
    assert!(matches!(error, BrokerError::NoManagement { .. }), "{error}");
}
