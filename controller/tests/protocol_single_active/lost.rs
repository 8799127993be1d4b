//! A hold that dies says so, and the application goes on.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::json;
use shadow_controller::broker::{BrokerError, HoldProof, HoldState, SingleActiveHold};

use super::application::{Application, assert_exact};
use super::proxy::Proxy;
use super::publishers::{Load, publish};
use super::scene::{Scene, address_with, administer, until};

async fn loss(hold: &SingleActiveHold) -> String {
    until("the loss is noticed", || async {
        match hold.state() {
            HoldState::Lost(reason) => Some(reason),
            HoldState::Waiting | HoldState::Active => None,
        }
    })
    .await
}

#[tokio::test]
async fn a_hold_whose_connection_breaks_is_lost_and_the_application_goes_on() {
    let proxy = Proxy::start().await;
    let address = address_with(|uri| uri.set_port(Some(proxy.port())).unwrap());
    let scene = Scene::seen_through(&address).await;
    let application = Application::start(&scene.queue, Duration::ZERO).await;
    let witness = scene.witness().await;
    let load = Load::start(&scene.queue, 3, 600);
    for _ in 0..10 {
        application.has_applied(application.applied() + 50).await;
        let hold = scene.hold().await;
        scene.proven(&hold, &witness).await;
        let stopped_at = application.applied();
        let cut = Instant::now();
        proxy.cut();
        loss(&hold).await;
        application.has_applied(stopped_at + 1).await;
        println!("served again {:?} after the connection broke", cut.elapsed());
        let looked = scene.broker.prove_settled(&hold, &witness).await.unwrap();
        assert!(matches!(looked, HoldProof::Lost(_)), "{looked:?}");
        let released = hold.release().await.unwrap_err();
        assert!(matches!(released, BrokerError::Lost { .. }), "{released}");
    }
    let sent = load.stop().await;
    application
        .has_applied(usize::try_from(sent.iter().sum::<u64>()).unwrap())
        .await;
    assert_exact(&application.kill().await, &sent);
}

#[tokio::test]
async fn a_connection_closed_by_the_broker_is_a_lost_hold() {
    let scene = Scene::new().await;
    let user = format!("held-{}", scene.tag);
    let tags = json!({"password": "p", "tags": "management"});
    administer(Method::PUT, &format!("/users/{user}"), tags).await;
    let all = json!({"configure": "", "write": "", "read": ".*"});
    administer(Method::PUT, &format!("/permissions/%2F/{user}"), all).await;
    let ours = address_with(|uri| {
        uri.set_username(&user).unwrap();
        uri.set_password(Some("p")).unwrap();
    });
    let broker = shadow_controller::broker::Broker::connect(&ours, &crate::guard::here())
        .await
        .unwrap();
    let application = Application::start(&scene.queue, Duration::ZERO).await;
    scene.witness().await;
    let hold = broker.hold_single_active(&scene.queue).await.unwrap();
    assert_eq!(
        hold.settled_within(super::scene::PATIENCE).await,
        HoldState::Active
    );
    publish(&scene.queue, 0, 0, 20).await;
    assert_eq!(application.applied(), 0);

    let path = format!("/connections/username/{user}");
    until("our connections are listed", || async {
        let all = administer(Method::GET, &path, json!({})).await.unwrap();
        (all.as_array().unwrap().len() == 2).then_some(())
    })
    .await;
    administer(Method::DELETE, &path, json!({})).await;
    let reason = loss(&hold).await;
    assert!(reason.contains("connection"), "{reason}");
    application.has_applied(20).await;
    assert_exact(&application.kill().await, &[20]);
}

/// A deleted queue ends the link, not the connection.
#[tokio::test]
async fn a_deleted_queue_is_a_lost_hold() {
    let scene = Scene::new().await;
    let hold = scene.hold().await;
    assert_eq!(
        hold.settled_within(super::scene::PATIENCE).await,
        HoldState::Active
    );
    let connection = super::scene::connection().await;
    let channel = connection.create_channel().await.unwrap();
    channel
        .queue_delete(scene.queue.as_str().into(), Default::default())
        .await
        .unwrap();
    let reason = loss(&hold).await;
    assert!(reason.contains("link"), "{reason}");
}

#[tokio::test]
async fn a_broker_that_falls_silent_is_a_lost_hold_after_ten_seconds() {
    let proxy = Proxy::start().await;
    let address = address_with(|uri| uri.set_port(Some(proxy.port())).unwrap());
    let scene = Scene::seen_through(&address).await;
    let hold = scene.hold().await;
    assert_eq!(
        hold.settled_within(super::scene::PATIENCE).await,
        HoldState::Active
    );
    let said = proxy.heard();
    let silent = Instant::now();
    proxy.mute();
    let reason = loss(&hold).await;
    assert!(reason.contains("sent nothing"), "{reason}");
    let took = silent.elapsed();
    assert!(
        took > Duration::from_secs(5) && took < Duration::from_secs(20),
        "{took:?}"
    );
    assert!(proxy.heard() >= said + 8, "we sent nothing either");
}
