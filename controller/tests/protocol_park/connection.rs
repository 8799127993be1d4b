//! What is said when there is no connection, and what happens when one is lost.

use std::net::TcpListener;

use reqwest::Client;
use serde_json::{Value, json};
use shadow_controller::broker::{
    Broker, BrokerAddress, BrokerError, ControlMessage, NamedBy, Needs, Origin, QueueSeen, Sufficiency,
};
use shadow_core::machine::ConnectionSeen;
use url::Url;

use super::scene::{Scene, address, until};

/// The broker's address with something else in it.
fn changed(change: impl FnOnce(&mut Url)) -> BrokerAddress {
    let mut uri = Url::parse(&address().uri).unwrap();
    change(&mut uri);
    BrokerAddress {
        uri: uri.to_string(),
        ..address()
    }
}

async fn refusal(address: &BrokerAddress) -> BrokerError {
    let error = Broker::connect(address, &crate::guard::here()).await.unwrap_err();
    assert!(!error.to_string().contains("topsecret"), "{error}");
    error
}

/// Users of a URL have no Secret, and those of a Secret want to know which.
#[tokio::test]
async fn what_is_wrong_with_an_address_is_told_by_where_it_was_named() {
    let secret = |by| Origin::Secret {
        namespace: "shop".to_owned(),
        name: "broker".to_owned(),
        by,
    };
    let annotation = "annotation migration.ms2m.io/broker-secret of the pod or its owner";
    let wrong_password = changed(|uri| uri.set_password(Some("topsecret")).unwrap());
    let no_management = BrokerAddress {
        management_uri: Some("http://a:b@".to_owned()),
        ..address()
    };
    for (address, origin, named) in [
        (
            &wrong_password,
            Origin::Url,
            "Correct user and password in spec.messageQueueConfig.brokerUrl".to_owned(),
        ),
        (
            &wrong_password,
            secret(NamedBy::Spec),
            "Correct user and password in key uri of Secret shop/broker (spec.brokerSecretRef)".to_owned(),
        ),
        (
            &wrong_password,
            secret(NamedBy::Annotation),
            format!("Correct user and password in key uri of Secret shop/broker ({annotation})"),
        ),
        (
            &no_management,
            secret(NamedBy::Spec),
            "key managementUri of Secret shop/broker (spec.brokerSecretRef): ".to_owned(),
        ),
    ] {
        let error = Broker::connect_to(address, &origin, &crate::guard::here())
            .await
            .unwrap_err()
            .to_string();
        assert!(error.contains(&named), "{error} does not say {named}");
        assert_eq!(error.contains("Secret"), origin != Origin::Url, "{error}");
    }
}

/// A call to the management API that the product never makes.
pub(crate) async fn administer(method: reqwest::Method, path: &str, body: Value) -> Option<Value> {
    let mut url = Url::parse(&address().management_uri.unwrap()).unwrap();
    let (user, password) = (url.username().to_owned(), url.password().unwrap().to_owned());
    url.set_username("").unwrap();
    url.set_password(None).unwrap();
    // The crypto provider is per process; whoever was first has installed the same one.
    rustls::crypto::ring::default_provider().install_default().ok();
    let answer = Client::new()
        .request(
            method,
            format!("{}/api{path}", url.as_str().trim_end_matches('/')),
        )
        .basic_auth(user, Some(password))
        .json(&body)
        .send()
        .await
        .unwrap();
    assert!(answer.status().is_success(), "{path}: {}", answer.status());
    answer.json().await.ok()
}

#[tokio::test]
async fn wrong_password_missing_vhost_forbidden_vhost_and_closed_port_are_told_apart() {
    let wrong_password = changed(|uri| uri.set_password(Some("topsecret")).unwrap());
    assert!(
        matches!(refusal(&wrong_password).await, BrokerError::Credentials { user, .. } if user == "shadow")
    );

    let missing_vhost = changed(|uri| uri.set_path("/no-such-vhost"));
    assert!(
        matches!(refusal(&missing_vhost).await, BrokerError::NoSuchVhost { vhost, .. } if vhost == "no-such-vhost")
    );

    let user = json!({"password": "topsecret", "tags": ""});
    administer(reqwest::Method::PUT, "/users/nobody", user).await;
    let forbidden = changed(|uri| {
        uri.set_username("nobody").unwrap();
        uri.set_password(Some("topsecret")).unwrap();
    });
    assert!(
        matches!(refusal(&forbidden).await, BrokerError::VhostForbidden { user, .. } if user == "nobody")
    );

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let closed = listener.local_addr().unwrap().port();
    drop(listener);
    let closed = changed(|uri| uri.set_port(Some(closed)).unwrap());
    assert!(matches!(refusal(&closed).await, BrokerError::Unreachable { .. }));

    let unknown_host = changed(|uri| uri.set_host(Some("broker.invalid")).unwrap());
    assert!(
        matches!(refusal(&unknown_host).await, BrokerError::Unreachable { host, .. } if host.starts_with("broker.invalid:"))
    );
}

#[tokio::test]
async fn a_host_that_does_not_answer_is_given_up_after_three_seconds() {
    // Accepts connections in the kernel's queue and never answers.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = changed(|uri| uri.set_port(Some(silent.local_addr().unwrap().port())).unwrap());
    let asked = std::time::Instant::now();
    let error = refusal(&address).await;
    assert!(
        matches!(error, BrokerError::Unreachable { .. }) && error.is_transient(),
        "{error}"
    );
    assert!(
        asked.elapsed() < std::time::Duration::from_secs(10),
        "took {:?}",
        asked.elapsed()
    );
}

#[tokio::test]
async fn a_call_that_fails_does_not_spoil_the_next() {
    let scene = Scene::classic().await;
    for _ in 0..3 {
        assert_eq!(
            scene.broker.queue("ms2m.no-such-queue").await.unwrap(),
            QueueSeen::Absent
        );
        assert_eq!(scene.counts(&scene.primary()).await, (0, 0));
    }
    assert!(
        scene
            .broker
            .describe("ms2m.no-such-queue")
            .await
            .unwrap()
            .is_none()
    );
}

#[tokio::test]
async fn after_the_broker_closed_the_connection_the_next_call_works() {
    let scene = Scene::classic().await;
    let user = format!("killed-{}", scene.tag);
    administer(
        reqwest::Method::PUT,
        &format!("/users/{user}"),
        json!({"password": "p", "tags": ""}),
    )
    .await;
    let all = json!({"configure": ".*", "write": ".*", "read": ".*"});
    administer(reqwest::Method::PUT, &format!("/permissions/%2F/{user}"), all).await;
    let address = changed(|uri| {
        uri.set_username(&user).unwrap();
        uri.set_password(Some("p")).unwrap();
    });
    let broker = Broker::connect(&address, &crate::guard::here()).await.unwrap();
    for _ in 0..2 {
        broker
            .send_control(&scene.pod(), ControlMessage::EndReplay)
            .await
            .unwrap();
        broker.queue(&scene.primary()).await.unwrap();
        let witness = broker.witness(&scene.facts().await, None).await.unwrap();
        assert_eq!(broker.still(&witness).await.unwrap(), ConnectionSeen::Held);
        // Connections are listed by statistics, which are seconds behind: both must be listed to be killed.
        until("both connections are listed", || async {
            let all = administer(
                reqwest::Method::GET,
                &format!("/connections/username/{user}"),
                json!({}),
            )
            .await;
            (all.unwrap().as_array().unwrap().len() == 2).then_some(())
        })
        .await;
        administer(
            reqwest::Method::DELETE,
            &format!("/connections/username/{user}"),
            json!({}),
        )
        .await;
        assert_eq!(
            broker.queue(&scene.primary()).await.unwrap(),
            scene.broker.queue(&scene.primary()).await.unwrap()
        );
        assert!(matches!(
            broker.still(&witness).await.unwrap(),
            ConnectionSeen::Lost(_)
        ));
        until("control messages can be sent again", || async {
            broker
                .send_control(&scene.pod(), ControlMessage::EndReplay)
                .await
                .ok()
        })
        .await;
    }
}

#[tokio::test]
async fn missing_permissions_are_named_and_asking_for_them_changes_nothing() {
    let scene = Scene::classic().await;
    let (hold, pod) = (scene.hold(0), scene.pod());
    let needs = Needs {
        hold: &hold,
        pod: &pod,
    };
    assert_eq!(
        scene.broker.permissions_suffice(&needs).await.unwrap(),
        Sufficiency::Sufficient
    );

    let user = format!("limited-{}", scene.tag);
    administer(
        reqwest::Method::PUT,
        &format!("/users/{user}"),
        json!({"password": "p", "tags": ""}),
    )
    .await;
    let orders_only = json!({"configure": "^orders", "write": "^orders", "read": ".*"});
    administer(
        reqwest::Method::PUT,
        &format!("/permissions/%2F/{user}"),
        orders_only,
    )
    .await;
    let limited = Broker::connect(
        &changed(|uri| {
            uri.set_username(&user).unwrap();
            uri.set_password(Some("p")).unwrap();
        }),
        &crate::guard::here(),
    )
    .await
    .unwrap();
    let Sufficiency::Missing(missing) = limited.permissions_suffice(&needs).await.unwrap() else {
        panic!("the limited user may do everything");
    };
    assert_eq!(missing.len(), 3, "{missing:#?}");
    assert!(
        missing[0].operation == "configure" && missing[0].resource == hold,
        "{missing:#?}"
    );
    assert!(missing[2].operation.contains("amq.default"), "{missing:#?}");
    let refused = limited
        .declare_hold_queue(&hold, &scene.facts().await)
        .await
        .unwrap_err();
    assert!(matches!(refused, BrokerError::Forbidden { .. }), "{refused}");
    assert!(scene.is_absent(&hold).await);
    assert!(scene.is_absent(&format!("ms2m.control.{pod}")).await);
}

/// Each refusal costs a channel, and a connection has 2,047. The broker has lost nothing when they are used up.
#[tokio::test]
async fn a_queue_that_is_not_there_can_be_asked_for_any_number_of_times() {
    let scene = Scene::classic().await;
    let witness = scene.broker.witness(&scene.facts().await, None).await.unwrap();
    for _ in 0..2_200 {
        assert!(scene.is_absent("no-such-queue").await);
    }
    assert_eq!(scene.broker.still(&witness).await.unwrap(), ConnectionSeen::Held);
    assert_eq!(
        scene.broker.came_back(&scene.primary(), &witness).await.unwrap(),
        None
    );
}
