//! A connection that breaks during the hold is noticed: what was applied and not acknowledged comes again.

use lapin::BasicProperties;
use lapin::options::{BasicAckOptions, BasicConsumeOptions, BasicGetOptions, BasicPublishOptions};
use lapin::types::FieldTable;
use serde_json::json;
use shadow_core::machine::ConnectionSeen;

use super::connection::administer;
use super::scene::{Scene, connection, until};

#[tokio::test]
async fn a_lost_connection_of_the_application_is_noticed_and_no_other() {
    let scene = Scene::classic().await;
    let application = connection().await;
    let channel = application.create_channel().await.unwrap();
    let tag = scene.pod();
    let _consumer = channel
        .basic_consume(
            scene.primary().into(),
            tag.as_str().into(),
            BasicConsumeOptions::default(),
            FieldTable::default(),
        )
        .await
        .unwrap();
    // Statistics list a consumer's address seconds later.
    let facts = until("the consumer is listed with its address", || async {
        let facts = scene.facts().await;
        facts.consumers.iter().any(|c| c.peer_port != 0).then_some(facts)
    })
    .await;
    let address = facts.consumers[0].peer_host.clone();

    let stranger = scene.broker.witness(&facts, Some("10.255.255.1")).await.unwrap();
    assert_eq!(stranger.application, None);
    let witness = scene.broker.witness(&facts, Some(&address)).await.unwrap();
    let name = witness
        .application
        .clone()
        .expect("the application's connection is known");
    assert_eq!(scene.broker.still(&witness).await.unwrap(), ConnectionSeen::Held);

    let path = format!("/connections/{}", name.replace(' ', "%20").replace('>', "%3E"));
    administer(reqwest::Method::DELETE, &path, json!({})).await;
    until("the loss is noticed", || async {
        let seen = scene.broker.still(&witness).await.unwrap();
        matches!(seen, ConnectionSeen::Lost(_)).then_some(())
    })
    .await;
    assert_eq!(scene.broker.still(&stranger).await.unwrap(), ConnectionSeen::Held);
}

/// Publishes two messages and takes the first one on a connection that ends; with or without having acknowledged it.
async fn read_one_and_end(scene: &Scene, queue: &str, acknowledged: bool) {
    let ours = connection().await;
    let channel = ours.create_channel().await.unwrap();
    for _ in 0..2 {
        let options = BasicPublishOptions::default();
        let published = channel.basic_publish(
            "".into(),
            queue.into(),
            options,
            b"order",
            BasicProperties::default(),
        );
        published.await.unwrap().await.unwrap();
    }
    let taken = until("a message is there", || async {
        channel
            .basic_get(queue.into(), BasicGetOptions::default())
            .await
            .unwrap()
    })
    .await;
    if acknowledged {
        taken.ack(BasicAckOptions::default()).await.unwrap();
    }
    ours.close(200, "done".into()).await.unwrap();
    let left = if acknowledged { 1 } else { 2 };
    until("the queue has what is left", || async {
        (scene.counts(queue).await.0 == left).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_connection_closed_in_order_brings_nothing_back() {
    let scene = Scene::classic().await;
    let witness = scene.broker.witness(&scene.facts().await, None).await.unwrap();
    read_one_and_end(&scene, &scene.primary(), true).await;
    assert_eq!(
        scene.broker.came_back(&scene.primary(), &witness).await.unwrap(),
        None
    );
    assert_eq!(
        scene.broker.came_back("no-such-queue", &witness).await.unwrap(),
        None
    );
}

#[tokio::test]
async fn what_came_back_is_told_with_its_queue() {
    let scene = Scene::classic().await;
    let witness = scene.broker.witness(&scene.facts().await, None).await.unwrap();
    read_one_and_end(&scene, &scene.primary(), false).await;
    let told = scene
        .broker
        .came_back(&scene.primary(), &witness)
        .await
        .unwrap()
        .unwrap();
    assert!(told.contains(&scene.primary()), "{told}");
    until("the message that was looked at is back", || async {
        (scene.counts(&scene.primary()).await.0 == 2).then_some(())
    })
    .await;
}

/// So a queue that was not read since is not to be asked: see `read_since`.
#[tokio::test]
async fn a_look_leaves_its_mark_and_the_witness_knows_which_queue_was_read() {
    let scene = Scene::classic().await;
    let unread = scene.broker.witness(&scene.facts().await, None).await.unwrap();
    assert_eq!(unread.queue, None);
    read_one_and_end(&scene, &scene.primary(), true).await;
    assert_eq!(
        scene.broker.came_back(&scene.primary(), &unread).await.unwrap(),
        None
    );
    let again = scene.broker.came_back(&scene.primary(), &unread).await.unwrap();
    assert!(again.is_some(), "a look left no mark: one may ask more than once");

    let reader = connection().await;
    let channel = reader.create_channel().await.unwrap();
    let options = BasicConsumeOptions::default();
    let consuming = channel.basic_consume(scene.primary().into(), "".into(), options, FieldTable::default());
    let _consumer = consuming.await.unwrap();
    let read = scene.broker.witness(&scene.facts().await, None).await.unwrap();
    assert_eq!(read.queue, Some(scene.primary()));
}
