//! A password that is changed: what is connected stays so, and the next connection is refused with words.

use reqwest::Method;
use serde_json::json;
use shadow_controller::broker::{Broker, BrokerAddress, BrokerError, ControlMessage};
use url::Url;

use super::scene::{Cluster, Node, until};

const AT: Node = Node::One;

async fn user_with(name: &str, password: &str) -> BrokerAddress {
    let body = json!({"password": password, "tags": "management"});
    AT.administer(Method::PUT, &format!("/users/{name}"), body).await;
    let everything = json!({"configure": ".*", "write": ".*", "read": ".*"});
    AT.administer(Method::PUT, &format!("/permissions/%2F/{name}"), everything)
        .await;
    let named = |uri: &str| {
        let mut uri = Url::parse(uri).unwrap();
        uri.set_username(name).unwrap();
        uri.set_password(Some(password)).unwrap();
        uri.to_string()
    };
    let address = AT.address();
    BrokerAddress {
        uri: named(&address.uri),
        management_uri: address.management_uri.as_deref().map(named),
        ca: None,
    }
}

fn is_refused(error: &BrokerError) -> bool {
    matches!(error, BrokerError::Credentials { .. }) && !error.is_transient()
}

#[tokio::test]
#[ignore = "needs a broker of three nodes"]
async fn a_changed_password_is_refused_at_the_next_connection_and_the_old_one_lives() {
    let cluster = Cluster::whole().await;
    let user = format!("user-{}", cluster.tag);
    let address = user_with(&user, "old-secret").await;
    let queue = cluster.queue("single-active", AT).await;
    let broker = Broker::connect(&address, &crate::guard::here()).await.unwrap();
    broker.queue(&queue).await.unwrap();

    let renewed = user_with(&user, "new-secret").await;
    broker.queue(&queue).await.expect("the old connection lives");
    let pod = format!("orders-{}", cluster.tag);
    let refused = [
        broker
            .send_control(&pod, ControlMessage::EndReplay)
            .await
            .unwrap_err(),
        broker.hold_single_active(&queue).await.unwrap_err(),
        Broker::connect(&address, &crate::guard::here())
            .await
            .unwrap_err(),
    ];
    for error in &refused {
        assert!(is_refused(error), "{error}");
        assert!(!error.to_string().contains("old-secret"), "{error}");
    }

    until("the old connection is gone", || async {
        // The broker ends those that its statistics list, which are seconds late.
        let connections = format!("/connections/username/{user}");
        AT.administer(Method::DELETE, &connections, json!({})).await;
        broker.queue(&queue).await.err().filter(is_refused)
    })
    .await;
    let again = Broker::connect(&renewed, &crate::guard::here()).await.unwrap();
    again.queue(&queue).await.unwrap();
    again
        .hold_single_active(&queue)
        .await
        .unwrap()
        .release()
        .await
        .unwrap();
    user_with(&user, "old-secret").await;
    broker
        .queue(&queue)
        .await
        .expect("a password that is right again");
}
