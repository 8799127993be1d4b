//! Control messages of earlier moves never reach anybody.

use shadow_controller::broker::{ControlMessage, Removal};

use super::application::{Application, Settings};
use super::scene::Scene;

#[tokio::test]
async fn the_consumer_of_a_fresh_hold_queue_proves_that_earlier_control_messages_were_read() {
    let scene = Scene::classic().await;
    let (first, second) = (scene.declare_hold(0).await, scene.declare_hold(1).await);
    let application = Application::start(Settings::of(&scene)).await;
    for message in [
        ControlMessage::StartReplay { queue: first.clone() },
        ControlMessage::EndReplay,
        ControlMessage::StartReplay {
            queue: second.clone(),
        },
    ] {
        scene.broker.send_control(&scene.pod(), message).await.unwrap();
    }
    scene.parked(1).await;
    let heard = application.checkpoint().heard;
    let wanted = [
        format!("START_REPLAY {first}"),
        format!("END_REPLAY {}", scene.primary()),
        format!("START_REPLAY {second}"),
    ];
    assert_eq!(heard, wanted);
    assert_eq!(
        scene.counts(&first).await.1,
        0,
        "nobody is left on the earlier hold queue"
    );
}

#[tokio::test]
async fn a_stale_control_message_is_not_read_by_a_new_pod_of_the_same_name_once_its_queue_is_deleted() {
    // Without the deletion it is read: this is what the rule is there for.
    let careless = Scene::classic().await;
    let stale = careless.declare_hold(0).await;
    let message = ControlMessage::StartReplay { queue: stale.clone() };
    careless
        .broker
        .send_control(&careless.pod(), message)
        .await
        .unwrap();
    let _led_astray = Application::start(Settings::of(&careless)).await;
    careless.consumers_become(&stale, 1).await;

    let careful = Scene::classic().await;
    let stale = careful.declare_hold(0).await;
    let message = ControlMessage::StartReplay { queue: stale.clone() };
    careful
        .broker
        .send_control(&careful.pod(), message)
        .await
        .unwrap();
    assert_eq!(
        careful.broker.delete_control_queue(&careful.pod()).await.unwrap(),
        Removal::Deleted
    );
    assert_eq!(
        careful.broker.delete_control_queue(&careful.pod()).await.unwrap(),
        Removal::WasAbsent
    );
    let fresh = Application::start(Settings::of(&careful)).await;
    // All that is in its control queue was read when it has read a message sent now.
    careful
        .broker
        .send_control(&careful.pod(), ControlMessage::EndReplay)
        .await
        .unwrap();
    careful.declare_hold(1).await;
    let start = ControlMessage::StartReplay {
        queue: careful.hold(1),
    };
    careful.broker.send_control(&careful.pod(), start).await.unwrap();
    careful.parked(1).await;
    assert!(
        !fresh
            .checkpoint()
            .heard
            .iter()
            .any(|heard| heard.contains(&stale))
    );
}
