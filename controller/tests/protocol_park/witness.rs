//! A connection that breaks during the hold is noticed: what was applied and not acknowledged comes again.

use lapin::options::BasicConsumeOptions;
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
