//! What is refused before anything is changed, and what no verb does.

use lapin::ExchangeKind;
use lapin::options::ExchangeDeclareOptions;
use serde_json::json;
use shadow_controller::broker::port::{ExchangeFacts, Port, PortState};
use shadow_controller::broker::{
    Broker, BrokerAddress, BrokerError, Drainedness, QueueFacts, QueueKind, Sufficiency,
};
use shadow_core::names;
use url::Url;

use super::driver::Driver;
use super::feeding::Feeding;
use super::scene::{Scene, address};

#[tokio::test]
async fn a_queue_that_nothing_is_bound_to_is_refused_and_left_alone() {
    let scene = Scene::classic().await;
    let port = Port::of(&scene.primary());
    let seen = scene.broker.topology(&port).await.unwrap();
    let refused = scene.facts().await.can_be_adopted(&seen, &[]).unwrap_err();
    assert!(refused.to_string().contains("default exchange"), "{refused}");
    let error = scene.broker.adopt(&port).await.unwrap_err();
    assert!(matches!(error, BrokerError::InTheWay { .. }), "{error}");
    assert_eq!(
        scene.broker.port_state(&port).await.unwrap(),
        PortState::NotAdopted
    );
}

#[tokio::test]
async fn what_cannot_stand_behind_a_port_is_refused_with_the_reason() {
    let scene = Scene::classic().await;
    let feeding = Feeding::headers(&scene);
    feeding.declare(&scene.primary()).await;
    let port = Port::of(&scene.primary());
    let seen = scene.broker.topology(&port).await.unwrap();
    let exchanges = scene.broker.exchanges_of(&seen).await.unwrap();
    let facts = scene.facts().await;
    facts.can_be_adopted(&seen, &exchanges).unwrap();

    let with = |name: &str, value: serde_json::Value| {
        let mut facts = facts.clone();
        facts.arguments.insert(name.to_owned(), value);
        facts
    };
    let mut limited = facts.clone();
    limited
        .policy_definition
        .insert("max-length".to_owned(), json!(10));
    let quorum = QueueFacts {
        kind: QueueKind::Quorum,
        ..facts.clone()
    };
    for (queue, reason) in [
        (quorum, "not a classic"),
        (with("x-max-length", json!(1000)), "x-max-length"),
        (with("x-max-length-bytes", json!(1000)), "x-max-length-bytes"),
        (with("x-max-priority", json!(5)), "x-max-priority"),
        (limited, "max-length"),
    ] {
        let error = queue.can_be_adopted(&seen, &exchanges).unwrap_err();
        assert!(matches!(error, BrokerError::CannotAdopt { .. }), "{error}");
        assert!(error.to_string().contains(reason), "{reason}: {error}");
    }
    for (queue, reason) in [
        (with("x-message-ttl", json!(1000)), "x-message-ttl"),
        (with("x-expires", json!(1000)), "x-expires"),
    ] {
        let error = queue.can_be_adopted(&seen, &exchanges).unwrap_err();
        assert!(matches!(error, BrokerError::CannotCopy { .. }), "{error}");
        assert!(error.to_string().contains(reason), "{reason}: {error}");
    }
    for accepted in [
        with("x-dead-letter-exchange", json!("dead")),
        with("x-message-ttl", json!(600_000)),
    ] {
        accepted.can_be_adopted(&seen, &exchanges).unwrap();
    }

    let sharing: Vec<ExchangeFacts> = exchanges
        .iter()
        .map(|exchange| ExchangeFacts {
            kind: "x-consistent-hash".to_owned(),
            ..exchange.clone()
        })
        .collect();
    let error = facts.can_be_adopted(&seen, &sharing).unwrap_err();
    assert!(error.to_string().contains("x-consistent-hash"), "{error}");
    let mut nested = seen.clone();
    nested.direct[0].arguments.insert("list".to_owned(), json!([1]));
    let error = facts.can_be_adopted(&nested, &exchanges).unwrap_err();
    assert!(error.to_string().contains("cannot be copied"), "{error}");
}

#[tokio::test]
async fn an_exchange_of_somebody_else_under_our_name_is_not_used() {
    let scene = Scene::classic().await;
    let feeding = Feeding::direct(&scene);
    feeding.declare(&scene.primary()).await;
    let port = Port::of(&scene.primary());
    let connection = super::scene::connection().await;
    let channel = connection.create_channel().await.unwrap();
    let declared = channel.exchange_declare(
        port.exchange.as_str().into(),
        ExchangeKind::Topic,
        ExchangeDeclareOptions::default(),
        lapin::types::FieldTable::default(),
    );
    declared.await.unwrap();
    let error = scene.broker.adopt(&port).await.unwrap_err();
    assert!(matches!(error, BrokerError::CannotAdopt { .. }), "{error}");
}

#[tokio::test]
async fn no_fence_without_a_branch_no_branch_lost_behind_it_and_no_giving_back_before_the_flip() {
    let scene = Scene::classic().await;
    let feeding = Feeding::direct(&scene);
    feeding.declare(&scene.primary()).await;
    let driver = Driver::new(&scene);
    let (broker, port) = (&scene.broker, &driver.port);
    broker.adopt(port).await.unwrap();
    let error = broker.fence(port).await.unwrap_err();
    assert!(error.to_string().contains("backlog"), "{error}");
    assert_eq!(broker.port_state(port).await.unwrap(), PortState::Adopted);

    let like = scene.facts().await;
    broker.declare_branch(&driver.waiting, &like).await.unwrap();
    broker.branch(port, &driver.waiting).await.unwrap();
    assert_eq!(broker.fence(port).await.unwrap().strays, []);
    for refused in [
        broker.unbranch(port, &driver.waiting).await.unwrap_err(),
        broker.give_back(port).await.unwrap_err(),
        broker.branch_twins(port, &driver.key).await.unwrap_err(),
        broker.branch(port, "ms2m.late").await.unwrap_err(),
    ] {
        assert!(refused.to_string().contains("flip back first"), "{refused}");
    }
    assert_eq!(broker.port_state(port).await.unwrap(), PortState::Fenced);
    let left = broker.no_port_before(&like).await.unwrap_err();
    let said = left.to_string();
    assert!(matches!(left, BrokerError::LeftFenced { .. }), "{said}");
    assert!(
        said.contains(&driver.waiting) && said.contains(&port.exchange),
        "{said}"
    );
}

#[tokio::test]
async fn a_twin_goes_only_after_the_other_was_served_and_both_are_unbound() {
    let scene = Scene::classic().await;
    let feeding = Feeding::direct(&scene);
    feeding.declare(&scene.primary()).await;
    let driver = Driver::new(&scene);
    let (broker, port, key) = (&scene.broker, &driver.port, &driver.key);
    let (backlog, mirror) = (names::backlog_queue(key), names::mirror_queue(key));
    broker.adopt(port).await.unwrap();
    for queue in [&backlog, &mirror] {
        broker.declare_branch(queue, &scene.facts().await).await.unwrap();
    }
    let twins = broker.branch_twins(port, key).await.unwrap();
    let proven = |queue: String| async move {
        match broker.drained(&queue).await.unwrap() {
            Drainedness::Proven(proof) => proof,
            Drainedness::Absent | Drainedness::NotYet(_) => panic!("{queue} is not drained"),
        }
    };
    let proof = proven(backlog.clone()).await;
    let error = broker.delete_twin(port, &twins, proof).await.unwrap_err();
    assert!(error.to_string().contains("still bound"), "{error}");
    let proof = proven(scene.primary()).await;
    let error = broker.delete_twin(port, &twins, proof).await.unwrap_err();
    assert!(
        error.to_string().contains("not one of the backlog queues"),
        "{error}"
    );
}

#[tokio::test]
async fn policies_that_treat_the_backlog_otherwise_are_named() {
    let scene = Scene::classic().await;
    let driver = Driver::new(&scene);
    let mut like = scene.facts().await;
    like.policy_definition
        .insert("dead-letter-exchange".to_owned(), json!("dead"));
    let error = scene
        .broker
        .declare_branch(&driver.waiting, &like)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("dead-letter-exchange"), "{error}");
}

#[tokio::test]
async fn asking_for_permissions_changes_nothing() {
    let scene = Scene::classic().await;
    let feeding = Feeding::several(&scene);
    feeding.declare(&scene.primary()).await;
    let port = Port::of(&scene.primary());
    let seen = scene.broker.topology(&port).await.unwrap();
    assert_eq!(
        scene.broker.port_permissions_suffice(&port, &seen).await.unwrap(),
        Sufficiency::Sufficient
    );
    assert_eq!(scene.broker.topology(&port).await.unwrap(), seen);
}

/// A user who may configure, write and read what matches these patterns.
async fn broker_of(scene: &Scene, configure: &str, write: &str, read: &str) -> Broker {
    let user = format!("limited-{}", scene.tag);
    let management = Url::parse(&address().management_uri.unwrap()).unwrap();
    let put = |path: String, body: serde_json::Value| {
        let url = management.join(&path).unwrap();
        reqwest::Client::new().put(url).json(&body).send()
    };
    rustls::crypto::ring::default_provider().install_default().ok();
    let account = put(
        format!("/api/users/{user}"),
        json!({"password": "p", "tags": "management"}),
    );
    assert!(account.await.unwrap().status().is_success());
    let rights = json!({"configure": configure, "write": write, "read": read});
    let granted = put(format!("/api/permissions/%2F/{user}"), rights).await.unwrap();
    assert!(granted.status().is_success());
    let mut uri = Url::parse(&address().uri).unwrap();
    uri.set_username(&user).unwrap();
    uri.set_password(Some("p")).unwrap();
    let uri = uri.to_string();
    Broker::connect(&BrokerAddress { uri, ..address() }, &crate::guard::here())
        .await
        .unwrap()
}

#[tokio::test]
async fn each_missing_permission_is_named() {
    for (configure, write, read, missing) in [
        ("^none", ".*", ".*", "configure \"ms2m.port."),
        (".*", "^orders", ".*", "bind to exchange"),
        (".*", "^ms2m", ".*", "unbind from its exchanges"),
        (".*", ".*", "^ms2m", "bind to exchange"),
    ] {
        let scene = Scene::classic().await;
        Feeding::direct(&scene).declare(&scene.primary()).await;
        let port = Port::of(&scene.primary());
        let seen = scene.broker.topology(&port).await.unwrap();
        let limited = broker_of(&scene, configure, write, read).await;
        let answer = limited.port_permissions_suffice(&port, &seen).await.unwrap();
        let Sufficiency::Missing(named) = answer else {
            panic!("{configure} {write} {read}: everything is allowed");
        };
        assert!(
            named.iter().any(|right| right.to_string().contains(missing)),
            "{missing}: {named:#?}"
        );
    }
}
