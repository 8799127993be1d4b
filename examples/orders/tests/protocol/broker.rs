//! The real broker: where it is, and what its management API says right now.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use base64::Engine;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use url::Url;

const HOW: &str = "this test needs a RabbitMQ; run it as: cargo xtask broker run -- cargo test -p orders";

/// The broker's AMQP address.
pub fn amqp_uri() -> String {
    std::env::var("SHADOW_TEST_AMQP_URI").unwrap_or_else(|_| panic!("SHADOW_TEST_AMQP_URI is not set: {HOW}"))
}

/// A name that no other test uses.
pub fn unique(what: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!(
        "{what}-{}-{}",
        std::process::id(),
        NEXT.fetch_add(1, Ordering::Relaxed)
    )
}

/// Waits until `met`, or fails after 30 s with what was waited for.
pub async fn eventually<F: Future<Output = bool>>(what: &str, met: impl Fn() -> F) -> Duration {
    let begun = Instant::now();
    while !met().await {
        assert!(
            begun.elapsed() < Duration::from_secs(30),
            "not within 30 s: {what}"
        );
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    begun.elapsed()
}

/// Ready, unacknowledged and consumers of a queue; live on classic queues with these parameters.
pub async fn unacknowledged(queue: &str) -> u64 {
    let path = format!("/api/queues/%2F/{queue}?disable_stats=true&enable_queue_totals=true");
    management("GET", &path).await["messages_unacknowledged"]
        .as_u64()
        .expect("messages_unacknowledged")
}

/// Names of the connections which a client has opened under the name `name`.
pub async fn connections_named(name: &str) -> Vec<String> {
    let all = management("GET", "/api/connections").await;
    let ours = |connection: &&Value| connection["client_properties"]["connection_name"] == name;
    let names = all.as_array().expect("a list").iter().filter(ours);
    names
        .map(|connection| connection["name"].as_str().expect("a name").to_owned())
        .collect()
}

/// Makes the broker close a connection.
pub async fn close_connection(name: &str) {
    let encoded: String = url::form_urlencoded::byte_serialize(name.as_bytes()).collect();
    management(
        "DELETE",
        &format!("/api/connections/{}", encoded.replace('+', "%20")),
    )
    .await;
}

async fn management(method: &str, path: &str) -> Value {
    let uri = std::env::var("SHADOW_TEST_MANAGEMENT_URI")
        .unwrap_or_else(|_| panic!("SHADOW_TEST_MANAGEMENT_URI is not set: {HOW}"));
    let url = Url::parse(&uri).expect("SHADOW_TEST_MANAGEMENT_URI");
    let (host, port) = (
        url.host_str().expect("host"),
        url.port_or_known_default().expect("port"),
    );
    let user = format!("{}:{}", url.username(), url.password().unwrap_or_default());
    let token = base64::engine::general_purpose::STANDARD.encode(user);
    let mut stream = TcpStream::connect((host, port)).await.expect("management API");
    // HTTP/1.0: the answer ends with the connection and is not chunked.
    let request = format!("{method} {path} HTTP/1.0\r\nHost: {host}\r\nAuthorization: Basic {token}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("answer");
    let (head, body) = answer.split_once("\r\n\r\n").expect("an HTTP answer");
    assert!(
        head.split(' ')
            .nth(1)
            .is_some_and(|status| status.starts_with('2')),
        "{method} {path}: {answer}"
    );
    serde_json::from_str(body).unwrap_or(Value::Null)
}
