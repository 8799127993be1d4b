//! One test for each case.

use lapin::types::AMQPValue;
use reqwest::Method;
use serde_json::json;
use shadow_core::api::HoldKind;
use shadow_core::premise::{Finding, carries_exact};
use shadow_core::reason::Reason;
use shadow_core::wire::Peer;

use crate::pod::{How, ORDINARY, Pod};
use crate::stage::{administrator, api, control, declared, inexact, named, quorum, refused, user, weighed};

#[tokio::test]
async fn a_parkable_pod_is_exact_and_every_premise_is_seen() {
    let (pod, queue) = (Pod::new(&named("a")).await, named("good"));
    declared(&queue, &[]).await;
    let _consumes = pod.consumes(&queue, ORDINARY).await;
    let _reads = pod.consumes(&control(&pod).await, ORDINARY).await;
    let judged = weighed(&administrator(), &queue, &pod, HoldKind::Park).await;
    assert_eq!(judged.finding, Finding::Exact, "{:#?}", judged.told);
    assert!(carries_exact(&judged.told));
}

#[tokio::test]
async fn a_pod_that_looks_into_its_control_queue_now_and_then_is_exact() {
    let (pod, queue) = (Pod::new(&named("k")).await, named("polling"));
    declared(&queue, &[]).await;
    let _consumes = pod.consumes(&queue, ORDINARY).await;
    let looking = pod.looks_into(&control(&pod).await).await;
    // Statistics have to tell a rate first: two intervals.
    looking.often().await;
    let judged = weighed(&administrator(), &queue, &pod, HoldKind::Park).await;
    assert_eq!(judged.finding, Finding::Exact, "{:#?}", judged.told);
}

#[tokio::test]
async fn a_single_active_pod_is_exact_without_any_protocol() {
    let (pod, queue) = (Pod::new(&named("b")).await, named("single"));
    let single = ("x-single-active-consumer", AMQPValue::Boolean(true));
    declared(&queue, &[quorum(), single]).await;
    let how = How {
        prefetch: 50,
        ..ORDINARY
    };
    let _consumes = pod.consumes(&queue, how).await;
    let judged = weighed(&administrator(), &queue, &pod, HoldKind::SingleActive).await;
    assert_eq!(judged.finding, Finding::Exact, "{:#?}", judged.told);
}

#[tokio::test]
async fn a_second_queue_of_the_pod_is_named() {
    let (pod, queue, second) = (Pod::new(&named("c")).await, named("first"), named("second"));
    declared(&queue, &[]).await;
    declared(&second, &[]).await;
    let _consumes = pod.consumes(&queue, ORDINARY).await;
    let _reads = pod.consumes(&control(&pod).await, ORDINARY).await;
    let _also = pod.consumes(&second, ORDINARY).await;
    let why = inexact(weighed(&administrator(), &queue, &pod, HoldKind::Park).await);
    assert!(why.contains(&second), "{why}");
}

#[tokio::test]
async fn automatic_acknowledgement_is_seen_or_said_to_be_unseen() {
    let (pod, queue) = (Pod::new(&named("d")).await, named("automatic"));
    declared(&queue, &[]).await;
    let how = How {
        automatic: true,
        ..ORDINARY
    };
    let _consumes = pod.consumes(&queue, how).await;
    let _reads = pod.consumes(&control(&pod).await, ORDINARY).await;
    let (reason, why) = refused(weighed(&administrator(), &queue, &pod, HoldKind::Park).await);
    assert_eq!(reason, Reason::AutomaticAcknowledgement, "{why}");

    let blind = user("management").await;
    let (reason, why) = refused(weighed(&blind, &queue, &pod, HoldKind::Park).await);
    assert_eq!(reason, Reason::NotKnown, "{why}");
    assert!(why.contains("set_user_tags USER monitoring"), "{why}");
    let sees = user("monitoring").await;
    let (reason, why) = refused(weighed(&sees, &queue, &pod, HoldKind::Park).await);
    assert_eq!(reason, Reason::AutomaticAcknowledgement, "{why}");
}

#[tokio::test]
async fn a_prefetch_that_reorders_is_seen_or_said_to_be_unseen() {
    let (pod, queue) = (Pod::new(&named("e")).await, named("prefetch"));
    declared(&queue, &[quorum()]).await;
    let how = How {
        prefetch: 50,
        ..ORDINARY
    };
    let _consumes = pod.consumes(&queue, how).await;
    let _reads = pod.consumes(&control(&pod).await, ORDINARY).await;
    let why = inexact(weighed(&administrator(), &queue, &pod, HoldKind::Park).await);
    assert!(why.contains("prefetch 50"), "{why}");
    let blind = user("management").await;
    let (reason, why) = refused(weighed(&blind, &queue, &pod, HoldKind::Park).await);
    assert_eq!(reason, Reason::NotKnown, "{why}");
}

#[tokio::test]
async fn a_limit_by_an_operator_policy_is_seen() {
    let (pod, queue) = (Pod::new(&named("f")).await, named("limited"));
    declared(&queue, &[]).await;
    let policy =
        json!({"pattern": format!("^{queue}$"), "definition": {"max-length": 100}, "apply-to": "queues"});
    api(Method::PUT, &format!("/operator-policies/%2F/{queue}"), policy).await;
    let _consumes = pod.consumes(&queue, ORDINARY).await;
    let _reads = pod.consumes(&control(&pod).await, ORDINARY).await;
    let why = inexact(weighed(&administrator(), &queue, &pod, HoldKind::Park).await);
    assert!(why.contains("max-length 100"), "{why}");
    api(
        Method::DELETE,
        &format!("/operator-policies/%2F/{queue}"),
        json!({}),
    )
    .await;
}

#[tokio::test]
async fn an_exclusive_consumer_is_refused_by_name() {
    let (pod, queue) = (Pod::new(&named("g")).await, named("exclusive"));
    declared(&queue, &[]).await;
    let how = How {
        exclusive: true,
        ..ORDINARY
    };
    let _consumes = pod.consumes(&queue, how).await;
    let _reads = pod.consumes(&control(&pod).await, ORDINARY).await;
    let (reason, why) = refused(weighed(&administrator(), &queue, &pod, HoldKind::Park).await);
    assert_eq!(reason, Reason::ExclusiveConsumer, "{why}");
    assert!(why.contains(&pod.address.to_string()), "{why}");
}

#[tokio::test]
async fn a_control_queue_that_another_pod_reads_is_refused() {
    let (pod, other) = (Pod::new(&named("h")).await, Pod::new(&named("h")).await);
    let queue = named("shared");
    declared(&queue, &[]).await;
    let _consumes = pod.consumes(&queue, ORDINARY).await;
    let control = control(&pod).await;
    let anothers = other.consumes(&control, ORDINARY).await;
    let (reason, why) = refused(weighed(&administrator(), &queue, &pod, HoldKind::Park).await);
    assert_eq!(reason, Reason::ControlQueueShared, "{why}");
    assert!(why.contains(&other.address.to_string()), "{why}");

    let _reads = pod.consumes(&control, ORDINARY).await;
    let (reason, why) = refused(weighed(&administrator(), &queue, &pod, HoldKind::Park).await);
    assert!(
        matches!(reason, Reason::ControlQueueShared | Reason::NotKnown),
        "{why}"
    );
    drop(anothers);
}

#[tokio::test]
async fn a_consumer_from_another_address_is_refused_with_the_address_that_the_broker_sees() {
    let (pod, proxy) = (Pod::new(&named("i")).await, Pod::new(&named("proxy")).await);
    let queue = named("proxied");
    declared(&queue, &[]).await;
    let _consumes = proxy.consumes(&queue, ORDINARY).await;
    let _reads = proxy.consumes(&control(&pod).await, ORDINARY).await;
    let (reason, why) = refused(weighed(&administrator(), &queue, &pod, HoldKind::Park).await);
    assert_eq!(reason, Reason::UnexpectedConsumers, "{why}");
    assert!(
        why.contains(&proxy.address.to_string()) && why.contains(&pod.address.to_string()),
        "{why}"
    );
}

#[tokio::test]
async fn a_connection_that_the_broker_does_not_list_is_not_known() {
    let (pod, queue) = (Pod::new(&named("j")).await, named("unlisted"));
    declared(&queue, &[]).await;
    let _consumes = pod.consumes(&queue, ORDINARY).await;
    let _reads = pod.consumes(&control(&pod).await, ORDINARY).await;
    let elsewhere = pod.and_another_peer(Peer {
        local: 1,
        address: [10, 96, 0, 9].into(),
        port: 5_672,
    });
    let (reason, why) = refused(weighed(&administrator(), &queue, elsewhere, HoldKind::Park).await);
    assert_eq!(reason, Reason::NotKnown, "{why}");
    assert!(why.contains("10.96.0.9:5672"), "{why}");
}
