//! What becomes of messages that a pod returns, and how long the broker waits for it: as RabbitMQ does it, and as it is weighed.

use lapin::options::{BasicAckOptions, BasicGetOptions, BasicNackOptions, BasicPublishOptions};
use lapin::types::AMQPValue;
use lapin::{BasicProperties, Connection, ConnectionProperties};
use serde_json::json;
use shadow_controller::broker::{Broker, QueueSeen};
use shadow_core::api::HoldKind;
use shadow_core::premise::{Finding, Premise};
use shadow_core::unfenced::Unfenced;

use crate::pod::{How, ORDINARY, Pod};
use crate::stage::{
    administrator, control, declared, inexact, named, no_policy, policy, quorum, told, uri, weighed,
};

fn delayed() -> [(&'static str, AMQPValue); 3] {
    [
        quorum(),
        ("x-delayed-retry-type", AMQPValue::LongString("all".into())),
        ("x-delayed-retry-min", AMQPValue::LongLongInt(60_000)),
    ]
}

/// Why the move of a pod that consumes this queue so would not be exact.
async fn parked(queue: &str, how: How) -> String {
    let pod = Pod::new(queue).await;
    let _consumes = pod.consumes(queue, how).await;
    let _reads = pod.consumes(&control(&pod).await, ORDINARY).await;
    inexact(weighed(&administrator(), queue, &pod, HoldKind::Park).await)
}

/// The fact that the premise rests on: it comes after newer ones, and meanwhile nobody counts it.
#[tokio::test]
async fn a_returned_message_is_overtaken_and_hidden_where_retry_is_delayed() {
    let queue = named("overtaken");
    declared(&queue, &delayed()).await;
    let connection = Connection::connect(&uri(), ConnectionProperties::default())
        .await
        .unwrap();
    let channel = connection.create_channel().await.unwrap();
    for message in [b"1", b"2"] {
        let options = BasicPublishOptions::default();
        channel
            .basic_publish(
                "".into(),
                queue.as_str().into(),
                options,
                message,
                BasicProperties::default(),
            )
            .await
            .unwrap();
    }
    let get = || channel.basic_get(queue.as_str().into(), BasicGetOptions::default());
    let first = loop {
        if let Some(message) = get().await.unwrap() {
            break message;
        }
    };
    assert_eq!(first.delivery.data, b"1");
    let back = BasicNackOptions {
        requeue: true,
        ..BasicNackOptions::default()
    };
    first.delivery.acker.nack(back).await.unwrap();
    let next = loop {
        if let Some(message) = get().await.unwrap() {
            break message;
        }
    };
    assert_eq!(
        next.delivery.data, b"2",
        "the message that was returned is overtaken"
    );
    next.delivery.acker.ack(BasicAckOptions::default()).await.unwrap();
    assert!(get().await.unwrap().is_none());
    let broker = Broker::connect(&administrator(), &crate::guard::here())
        .await
        .unwrap();
    let seen = broker.queue(&queue).await.unwrap();
    assert!(matches!(seen, QueueSeen::Present { ready: 0, .. }), "{seen:?}");
    // A program that waits until the queue is worked off would go on without it: a port stands before classic queues only.
    let facts = broker.describe(&queue).await.unwrap().unwrap();
    let unfenced = broker.no_port_before(&facts).await.unwrap();
    assert_eq!(unfenced, Some(Unfenced::NotClassic));
}

#[tokio::test]
async fn delayed_retry_by_argument_or_policy_is_seen() {
    let (queue, by_policy) = (named("delays"), named("delayed"));
    declared(&queue, &delayed()).await;
    declared(&by_policy, &[quorum()]).await;
    policy(
        &by_policy,
        json!({"delayed-retry-type": "returned", "delayed-retry-min": 5000}),
    )
    .await;
    for (queue, delay) in [(&queue, "60000 ms"), (&by_policy, "5000 ms")] {
        let why = parked(queue, ORDINARY).await;
        assert!(why.contains("delayed-retry-type") && why.contains(delay), "{why}");
    }
    no_policy(&by_policy).await;
}

/// Nothing is returned by a hold of ours there.
#[tokio::test]
async fn delayed_retry_of_a_single_active_queue_is_told_and_exact() {
    let (pod, queue) = (Pod::new(&named("m")).await, named("delays-one"));
    let single = ("x-single-active-consumer", AMQPValue::Boolean(true));
    declared(&queue, &[delayed().as_slice(), &[single]].concat()).await;
    let _consumes = pod.consumes(&queue, ORDINARY).await;
    let judged = weighed(&administrator(), &queue, &pod, HoldKind::SingleActive).await;
    assert_eq!(judged.finding, Finding::Exact, "{:#?}", judged.told);
    assert!(told(&judged, Premise::ReturnsAtOnce).contains("60000 ms"));
}

#[tokio::test]
async fn a_delivery_limit_that_a_move_can_reach_is_seen() {
    let (queue, by_policy) = (named("limit"), named("limits"));
    let limit = ("x-delivery-limit", AMQPValue::LongInt(3));
    declared(&queue, &[quorum(), limit]).await;
    declared(&by_policy, &[quorum()]).await;
    policy(&by_policy, json!({"delivery-limit": 0})).await;
    for (queue, limit) in [(&queue, "more than 3 times"), (&by_policy, "more than 0 times")] {
        let why = parked(queue, ORDINARY).await;
        assert!(why.contains(limit), "{why}");
    }
    no_policy(&by_policy).await;
}

#[tokio::test]
async fn a_consumer_timeout_shorter_than_a_hold_is_seen() {
    let (queue, by_policy) = (named("impatient"), named("hurries"));
    declared(&queue, &[quorum()]).await;
    declared(&by_policy, &[quorum()]).await;
    policy(&by_policy, json!({"consumer-timeout": 7000})).await;
    let how = How {
        timeout_millis: Some(5_000),
        ..ORDINARY
    };
    for (queue, how, timeout) in [(&queue, how, "5000 ms"), (&by_policy, ORDINARY, "7000 ms")] {
        let why = parked(queue, how).await;
        assert!(why.contains(timeout), "{why}");
    }
    no_policy(&by_policy).await;
}

#[tokio::test]
async fn publishes_without_confirms_are_told() {
    let (pod, queue, other) = (Pod::new(&named("p")).await, named("in"), named("out"));
    declared(&queue, &[]).await;
    declared(&other, &[]).await;
    let _consumes = pod.consumes(&queue, ORDINARY).await;
    let _reads = pod.consumes(&control(&pod).await, ORDINARY).await;
    let _confirmed = pod.publishes(&other, true).await;
    said(&pod, &queue, "with confirms: ").await;
    let _unconfirmed = pod.publishes(&other, false).await;
    said(&pod, &queue, "without confirms (channel ").await;
}

/// Statistics tell it within 5 s.
async fn said(pod: &Pod, queue: &str, wanted: &str) {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(15);
    loop {
        let judged = weighed(&administrator(), queue, pod, HoldKind::Park).await;
        assert_eq!(
            judged.finding,
            Finding::Exact,
            "it forbids nothing: {:#?}",
            judged.told
        );
        let said = told(&judged, Premise::Publishes);
        if said.starts_with(wanted) {
            return;
        }
        assert!(std::time::Instant::now() < deadline, "{said}");
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    }
}
