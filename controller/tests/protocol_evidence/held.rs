//! What comes to contradict the premises of a move while its queue is held.

use lapin::types::AMQPValue;
use serde_json::json;
use shadow_core::api::HoldKind;
use shadow_core::premise::{Finding, Told};
use shadow_core::reason::Reason;

use crate::pod::{ORDINARY, Pod};
use crate::stage::{
    administrator, contradiction, control, declared, named, no_policy, policy, quorum, weighed,
};

async fn planned(queue: &str, pod: &Pod, hold: HoldKind) -> Vec<Told> {
    let judged = weighed(&administrator(), queue, pod, hold).await;
    assert_eq!(judged.finding, Finding::Exact, "{:#?}", judged.told);
    judged.told
}

#[tokio::test]
async fn a_queue_that_the_parked_pod_has_begun_to_consume_is_named() {
    let (pod, queue, second) = (Pod::new(&named("q")).await, named("held"), named("begun"));
    declared(&queue, &[]).await;
    declared(&second, &[]).await;
    let consumes = pod.consumes(&queue, ORDINARY).await;
    let _reads = pod.consumes(&control(&pod).await, ORDINARY).await;
    let planned = planned(&queue, &pod, HoldKind::Park).await;
    drop(consumes);
    assert_eq!(contradiction(&queue, &pod, HoldKind::Park, &planned).await, None);
    let _also = pod.consumes(&second, ORDINARY).await;
    let cause = contradiction(&queue, &pod, HoldKind::Park, &planned)
        .await
        .unwrap();
    assert_eq!(cause.reason, Reason::PremiseBroken);
    assert!(cause.message.contains(&second), "{}", cause.message);
}

#[tokio::test]
async fn a_stranger_in_the_line_of_a_single_active_queue_and_a_new_limit_are_named() {
    let (pod, other) = (Pod::new(&named("r")).await, Pod::new(&named("stranger")).await);
    let queue = named("line");
    let single = ("x-single-active-consumer", AMQPValue::Boolean(true));
    declared(&queue, &[quorum(), single]).await;
    let _consumes = pod.consumes(&queue, ORDINARY).await;
    let planned = planned(&queue, &pod, HoldKind::SingleActive).await;
    policy(&queue, json!({"max-length": 7})).await;
    let cause = contradiction(&queue, &pod, HoldKind::SingleActive, &planned)
        .await
        .unwrap();
    assert!(cause.message.contains("max-length 7"), "{}", cause.message);
    no_policy(&queue).await;
    let _waits = other.consumes(&queue, ORDINARY).await;
    let cause = contradiction(&queue, &pod, HoldKind::SingleActive, &planned)
        .await
        .unwrap();
    let address = other.address.to_string();
    assert!(cause.message.contains(&address), "{}", cause.message);
}
