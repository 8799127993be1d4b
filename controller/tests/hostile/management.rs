//! A management API that answers without an end.

use std::convert::Infallible;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::routing::get;
use futures::stream;
use shadow_controller::broker::{Broker, BrokerAddress};
use tokio::net::TcpListener;

use super::memory::peak;

/// A gigabyte of spaces.
pub(crate) fn endless_body() -> Body {
    let part = Bytes::from(vec![b' '; 1 << 20]);
    let parts = std::iter::repeat_n(part, 1_024).map(Ok::<_, Infallible>);
    Body::from_stream(stream::iter(parts))
}

/// Answers each request with it.
async fn endless() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(
        async move { axum::serve(listener, Router::new().fallback(get(async || endless_body()))).await },
    );
    format!("http://a:b@{address}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_of_a_gigabyte_is_refused_after_four_megabytes() {
    let address = BrokerAddress {
        uri: std::env::var("SHADOW_TEST_AMQP_URI").expect("SHADOW_TEST_AMQP_URI is not set"),
        management_uri: Some(endless().await),
        ca: None,
    };
    let broker = Broker::connect(&address, &crate::guard::here()).await.unwrap();
    let refused = broker
        .is_connected_from("10.0.0.1")
        .await
        .unwrap_err()
        .to_string();
    assert!(refused.contains("more than 4194304 bytes"), "{refused}");
    assert!(peak() < 80 << 20, "{} MB", peak() >> 20);
}
