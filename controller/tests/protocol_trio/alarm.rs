//! A memory alarm of one node stops publishers at all of them. What we publish has a limit, and what we hold stays held.

use std::time::{Duration, Instant};

use shadow_controller::broker::{BrokerError, ControlMessage, HoldState};

use super::application::Application;
use super::scene::{Cluster, Node, PATIENCE, publish, until};

const RAISE: [&str; 3] = ["ctl", "set_vm_memory_high_watermark", "0.000001"];
const CLEAR: [&str; 3] = ["ctl", "set_vm_memory_high_watermark", "0.6"];
/// What an effect may take at the broker.
const LIMIT: Duration = Duration::from_secs(12);

#[tokio::test]
#[ignore = "needs a broker of three nodes"]
async fn a_control_message_that_an_alarm_keeps_back_says_so_in_time() {
    let mut cluster = Cluster::whole().await;
    let broker = Node::One.broker().await;
    let pod = format!("orders-{}", cluster.tag);
    broker
        .send_control(&pod, ControlMessage::EndReplay)
        .await
        .unwrap();
    cluster.broken(Node::Three, &RAISE, &CLEAR).await;
    let blocked = until("the alarm is told", || async {
        let asked = Instant::now();
        let sent = broker.send_control(&pod, ControlMessage::EndReplay).await;
        assert!(asked.elapsed() < LIMIT, "it took {:?}", asked.elapsed());
        sent.err()
    })
    .await;
    assert!(matches!(blocked, BrokerError::Blocked { .. }), "{blocked}");
    assert!(
        blocked.is_transient() && blocked.to_string().contains("alarm"),
        "{blocked}"
    );
    // Looking goes on.
    broker.queue(&format!("ms2m.control.{pod}")).await.unwrap();
    cluster.mended().await;
    until("control messages are taken again", || async {
        broker.send_control(&pod, ControlMessage::EndReplay).await.ok()
    })
    .await;
}

#[tokio::test]
#[ignore = "needs a broker of three nodes"]
async fn a_single_active_queue_is_held_and_released_during_an_alarm() {
    let mut cluster = Cluster::whole().await;
    let queue = cluster.queue("single-active", Node::One).await;
    let application = Application::start(Node::Two, &queue);
    publish(Node::One, &queue, 0, 1).await;
    application.has_applied(&[0]).await;
    cluster.broken(Node::Three, &RAISE, &CLEAR).await;
    let broker = Node::One.broker().await;
    let hold = broker.hold_single_active(&queue).await.unwrap();
    assert_eq!(hold.settled_within(PATIENCE).await, HoldState::Active);
    hold.release().await.unwrap();
    cluster.mended().await;
    publish(Node::One, &queue, 1, 1).await;
    application.has_applied(&[0, 1]).await;
}
