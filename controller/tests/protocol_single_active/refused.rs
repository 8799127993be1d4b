//! What cannot be held, and what is said about it.

use std::time::{Duration, Instant};

use lapin::options::BasicConsumeOptions;
use lapin::types::{AMQPValue, FieldTable, LongString};
use lapin::{Connection, Consumer};
use reqwest::Method;
use serde_json::json;
use shadow_controller::broker::{Broker, BrokerError, HoldState};

use super::application::Application;
use super::scene::{Scene, address_with, administer, connection, until};

async fn consumer(queue: &str, no_ack: bool, priority: Option<i32>) -> (Connection, Consumer) {
    let connection = connection().await;
    let channel = connection.create_channel().await.unwrap();
    let options = BasicConsumeOptions {
        no_ack,
        ..BasicConsumeOptions::default()
    };
    let mut arguments = FieldTable::default();
    if let Some(priority) = priority {
        arguments.insert("x-priority".into(), AMQPValue::LongInt(priority));
    }
    let consumer = channel
        .basic_consume(queue.into(), "".into(), options, arguments)
        .await
        .unwrap();
    (connection, consumer)
}

/// The refusal, once the broker lists `consumers`.
async fn refusal(scene: &Scene, consumers: usize) -> String {
    let facts = until("the consumers are listed", || async {
        let facts = scene.facts().await;
        let known = facts.consumers.iter().filter(|c| c.peer_port != 0).count();
        (known == consumers).then_some(facts)
    })
    .await;
    let error = facts.can_be_held_single_active().unwrap_err();
    assert!(
        matches!(error, BrokerError::CannotHold { .. }) && !error.is_transient(),
        "{error}"
    );
    error.to_string()
}

#[tokio::test]
async fn other_kinds_of_queue_and_other_consumers_are_refused_by_name() {
    let quorum = || {
        let mut table = FieldTable::default();
        let kind = AMQPValue::LongString(LongString::from("quorum"));
        table.insert("x-queue-type".into(), kind);
        table
    };
    let classic = Scene::with_arguments(FieldTable::default()).await;
    assert!(refusal(&classic, 0).await.contains("x-queue-type"));
    let plain = Scene::with_arguments(quorum()).await;
    assert!(refusal(&plain, 0).await.contains("x-single-active-consumer"));

    let (unused, careless, eager, doubled) = (
        Scene::new().await,
        Scene::new().await,
        Scene::new().await,
        Scene::new().await,
    );
    assert!(refusal(&unused, 0).await.contains("none that is listed"));
    let _careless = consumer(&careless.queue, true, None).await;
    assert!(refusal(&careless, 1).await.contains("no-ack"));
    let _eager = consumer(&eager.queue, false, Some(3)).await;
    assert!(refusal(&eager, 1).await.contains("x-priority: 3"));
    let _active = consumer(&doubled.queue, false, None).await;
    let _standby = consumer(&doubled.queue, false, None).await;
    assert!(refusal(&doubled, 2).await.contains("second consumer"));
}

/// Should such a queue be held all the same, nothing is ever taken for proven.
#[tokio::test]
async fn a_hold_of_another_kind_of_queue_never_becomes_active() {
    let classic = Scene::with_arguments(FieldTable::default()).await;
    let application = Application::start(&classic.queue, Duration::ZERO).await;
    let hold = classic.hold().await;
    super::publishers::publish(&classic.queue, 0, 0, 20).await;
    application.has_applied(20).await;
    assert_eq!(
        hold.settled_within(Duration::from_secs(1)).await,
        HoldState::Waiting
    );
    hold.release().await.unwrap();
    application.kill().await;
}

/// What changes between a plan and its hold.
#[tokio::test]
async fn a_hold_says_why_it_cannot_be_had() {
    let scene = Scene::new().await;
    let missing = scene
        .broker
        .hold_single_active("no such queue")
        .await
        .unwrap_err();
    assert!(matches!(missing, BrokerError::NoSuchQueue { .. }), "{missing}");

    let (user, vhost) = (format!("limited-{}", scene.tag), format!("shop-{}", scene.tag));
    let password = |password: &str| json!({"password": password, "tags": "management"});
    let all = json!({"configure": ".*", "write": ".*", "read": ".*"});
    administer(Method::PUT, &format!("/vhosts/{vhost}"), json!({})).await;
    administer(Method::PUT, &format!("/users/{user}"), password("topsecret")).await;
    for allowed in ["%2F", &vhost] {
        administer(
            Method::PUT,
            &format!("/permissions/{allowed}/{user}"),
            all.clone(),
        )
        .await;
    }
    let in_vhost = |path: &str| {
        address_with(|uri| {
            uri.set_username(&user).unwrap();
            uri.set_password(Some("topsecret")).unwrap();
            uri.set_path(path);
        })
    };
    let default = Broker::connect(&in_vhost("/%2F"), &crate::guard::here())
        .await
        .unwrap();
    let shop = Broker::connect(&in_vhost(&format!("/{vhost}")), &crate::guard::here())
        .await
        .unwrap();
    let refused = async |broker: &Broker| {
        let error = broker.hold_single_active(&scene.queue).await.unwrap_err();
        assert!(!format!("{error} {error:?}").contains("topsecret"), "{error}");
        error
    };

    let none = json!({"configure": "", "write": "", "read": "^$"});
    administer(Method::PUT, &format!("/permissions/%2F/{user}"), none).await;
    let error = refused(&default).await;
    assert!(
        matches!(&error, BrokerError::Forbidden { resource, .. } if *resource == scene.queue),
        "{error}"
    );
    administer(Method::DELETE, &format!("/permissions/%2F/{user}"), json!({})).await;
    let error = refused(&default).await;
    assert!(matches!(error, BrokerError::VhostForbidden { .. }), "{error}");
    administer(Method::DELETE, &format!("/vhosts/{vhost}"), json!({})).await;
    let error = refused(&shop).await;
    assert!(matches!(error, BrokerError::NoSuchVhost { .. }), "{error}");
    administer(Method::PUT, &format!("/users/{user}"), password("changed")).await;
    let error = refused(&default).await;
    assert!(matches!(error, BrokerError::Credentials { .. }), "{error}");
}

/// Statistics list it without its channel, or not at all, for up to 5 s: a move that is asked for then waits.
#[tokio::test]
async fn a_consumer_that_has_just_connected_is_waited_for() {
    let scene = Scene::new().await;
    // Three times, since it is chance how far the statistics interval has run.
    for _ in 0..3 {
        let (connection, _consumer) = consumer(&scene.queue, false, None).await;
        let facts = scene
            .broker
            .describe_for_single_active(&scene.queue)
            .await
            .unwrap()
            .expect("the queue exists");
        let [only] = facts.consumers.as_slice() else {
            panic!("one consumer: {:?}", facts.consumers);
        };
        assert!(only.active && !only.channel.is_empty(), "{only:?}");
        connection.close(200, "done".into()).await.unwrap();
    }
}

/// The pod is on its way: nobody consumes when the move is asked for, as between two connections.
#[tokio::test]
async fn a_consumer_that_connects_meanwhile_is_waited_for() {
    let scene = Scene::new().await;
    let asked = scene.broker.describe_for_single_active(&scene.queue);
    let comes = async {
        until("it was looked at in vain", || async {
            let seen = scene.broker.single_active_consumers(&scene.queue).await.unwrap();
            seen.application.is_empty().then_some(())
        })
        .await;
        consumer(&scene.queue, false, None).await
    };
    let (described, _kept) = tokio::join!(asked, comes);
    let facts = described.unwrap().expect("the queue exists");
    facts.can_be_held_single_active().unwrap();
}

/// What nobody but a person can change is said at once; what might have passed, after one statistics interval.
#[tokio::test]
async fn what_stays_is_refused_and_not_waited_for_longer_than_it_may_take() {
    let classic = Scene::with_arguments(FieldTable::default()).await;
    let begun = Instant::now();
    let refused = classic
        .broker
        .describe_for_single_active(&classic.queue)
        .await
        .unwrap_err();
    let took = begun.elapsed();
    assert!(refused.to_string().contains("x-queue-type"), "{refused}");
    assert!(took < Duration::from_secs(5), "{took:?}");

    let unused = Scene::new().await;
    let begun = Instant::now();
    let refused = unused
        .broker
        .describe_for_single_active(&unused.queue)
        .await
        .unwrap_err();
    let took = begun.elapsed();
    assert!(refused.to_string().contains("none that is listed"), "{refused}");
    assert!(
        (Duration::from_secs(5)..Duration::from_secs(30)).contains(&took),
        "{took:?}"
    );
    let missing = unused.broker.describe_for_single_active("no such queue").await;
    assert_eq!(missing.unwrap(), None);
}
