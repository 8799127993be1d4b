//! What is seen of the queues of a `Park` while nodes are away: a queue that cannot be asked is not a queue that is gone.

use std::time::Duration;

use shadow_controller::broker::{BrokerError, ControlMessage, Drainedness, QueueSeen};

use super::scene::{Cluster, Node, led_by_another, publish, until};

/// A classic queue lives on one node. While that is away the broker lets us wait, and then says that the queue is not found.
#[tokio::test]
#[ignore = "needs a broker of three nodes"]
async fn a_classic_queue_whose_node_is_away_is_not_taken_for_gone() {
    let mut cluster = Cluster::whole().await;
    let queue = cluster.queue("classic", Node::Two).await;
    publish(Node::One, &queue, 0, 3).await;
    let broker = Node::One.broker().await;
    cluster.broken(Node::Two, &["stop"], &["start"]).await;
    for _ in 0..3 {
        let seen = broker.queue_with_unacked(&queue).await;
        let error = seen.expect_err("a queue whose node is away was seen");
        assert!(error.is_transient(), "{error}");
        let drained = broker.drained(&queue).await;
        assert!(drained.is_err(), "{drained:?}");
    }
    cluster.mended().await;
    let three = QueueSeen::Present {
        ready: 3,
        consumers: 0,
        unacked: Some(0),
    };
    until("the queue is seen again", || async {
        (broker.queue_with_unacked(&queue).await.ok()? == three).then_some(())
    })
    .await;
}

#[tokio::test]
#[ignore = "needs a broker of three nodes"]
async fn a_queue_without_a_majority_is_not_taken_for_empty() {
    let mut cluster = Cluster::whole().await;
    let queue = cluster.queue("quorum", Node::One).await;
    publish(Node::One, &queue, 0, 3).await;
    let broker = Node::One.broker().await;
    for node in [Node::Two, Node::Three] {
        cluster.broken(node, &["stop"], &["start"]).await;
    }
    let deadline = tokio::time::Instant::now() + Duration::from_secs(15);
    while tokio::time::Instant::now() < deadline {
        match broker.queue_with_unacked(&queue).await {
            Ok(QueueSeen::Present { ready: 3, .. }) | Err(_) => {}
            Ok(wrong) => panic!("{wrong:?}"),
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let error = broker.queue_with_unacked(&queue).await.unwrap_err();
    assert!(error.is_transient(), "{error}");
    assert!(
        !matches!(
            broker.drained(&queue).await,
            Ok(Drainedness::Absent | Drainedness::Proven(_))
        ),
        "a queue with three messages"
    );
    cluster.mended().await;
    until("the queue is seen again", || async {
        let seen = broker.queue_with_unacked(&queue).await.ok()?;
        matches!(seen, QueueSeen::Present { ready: 3, .. }).then_some(())
    })
    .await;
}

/// A hold stands: queues, our connections and what we say outlive a rolling restart of all three nodes.
#[tokio::test]
#[ignore = "needs a broker of three nodes"]
async fn a_rolling_restart_keeps_hold_queue_and_control_messages() {
    let cluster = Cluster::whole().await;
    let queue = cluster.queue("quorum", Node::One).await;
    publish(Node::One, &queue, 0, 3).await;
    let broker = Node::Two.broker().await;
    let (hold, pod) = (
        format!("ms2m.hold.{}", cluster.tag),
        format!("orders-{}", cluster.tag),
    );
    let facts = broker.describe(&queue).await.unwrap().unwrap();
    broker.declare_hold_queue(&hold, &facts).await.unwrap();
    let start = ControlMessage::StartReplay { queue: hold.clone() };
    broker.send_control(&pod, start).await.unwrap();
    for node in [Node::One, Node::Two, Node::Three] {
        node.act(&["stop"]).await;
        node.act(&["start"]).await;
    }
    for (name, ready) in [(&queue, 3), (&hold, 0)] {
        until("the queue is seen with what is in it", || async {
            let seen = broker.queue_with_unacked(name).await.ok()?;
            matches!(seen, QueueSeen::Present { ready: now, consumers: 0, .. } if now == ready).then_some(())
        })
        .await;
    }
    until("the next control message is taken", || async {
        broker.send_control(&pod, ControlMessage::EndReplay).await.ok()
    })
    .await;
    let Drainedness::Proven(drained) = broker.drained(&hold).await.unwrap() else {
        panic!("the hold queue is not empty");
    };
    broker.delete_queue(drained).await.unwrap();
    assert_eq!(broker.queue(&hold).await.unwrap(), QueueSeen::Absent);
}

#[tokio::test]
#[ignore = "needs a broker of three nodes"]
async fn a_leader_that_hands_over_costs_one_look_at_most() {
    let cluster = Cluster::whole().await;
    let queue = cluster.queue("quorum", Node::One).await;
    publish(Node::One, &queue, 0, 3).await;
    let broker = Node::Two.broker().await;
    Node::One
        .act(&["queues", "transfer_leadership", &queue, "rabbit@two"])
        .await;
    led_by_another(&queue, Node::One, Node::Three).await;
    let seen = broker.queue_with_unacked(&queue).await;
    match seen {
        Ok(QueueSeen::Present { ready: 3, .. }) => {}
        Err(BrokerError::NoLeader { .. }) => {}
        other => panic!("{other:?}"),
    }
}
