//! An agent with a right certificate and a wrong answer: its node may be compromised.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::http::{Response, StatusCode};
use axum::routing::get;
use kube::client::Body;
use serde_json::json;
use shadow_controller::agents::Agents;
use shadow_core::names;
use shadow_identity::{Authority, Identity, serve_mutual_tls};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tower::service_fn;

use super::management::endless_body;
use super::memory::peak;

const NODE: &str = "node-b";
/// Agents have one port; so this one has an address that no other test uses.
const ADDRESS: [u8; 4] = [127, 0, 77, 7];
const HOUR: Duration = Duration::from_secs(3_600);

fn identity(authority: &Authority, name: &str) -> Identity {
    let parts = authority.issue(name, SystemTime::now(), HOUR).unwrap();
    Identity::from_parts(name, parts).unwrap()
}

/// An API server that knows one pod: the agent.
fn api_server() -> kube::Client {
    let pod = json!({
        "metadata": {"name": "shadow-agent-x"},
        "status": {"podIP": std::net::Ipv4Addr::from(ADDRESS).to_string()},
    });
    let list = json!({"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": [pod]}).to_string();
    let service = service_fn(move |_| {
        let list = list.clone();
        async move { Ok::<_, std::convert::Infallible>(Response::new(Body::from(list.into_bytes()))) }
    });
    kube::Client::new(service, "default")
}

/// Both kinds of answer: facts that are asked for, and the reason of a refusal.
async fn agent(authority: &Authority) {
    let router = Router::new()
        .route("/v1/node", get(async || endless_body()))
        .route("/v1/room", get(async || (StatusCode::CONFLICT, endless_body())));
    let at = SocketAddr::from((ADDRESS, names::AGENT_PORT));
    let listener = TcpListener::bind(at).await.unwrap();
    let identity = identity(authority, &names::agent_identity(NODE));
    tokio::spawn(
        async move { serve_mutual_tls(listener, &identity, router, CancellationToken::new()).await },
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agents_answer_of_a_gigabyte_is_refused_early() {
    let authority = Authority::generate(SystemTime::now(), HOUR).unwrap();
    agent(&authority).await;
    let agents = Agents::new(api_server(), identity(&authority, &names::controller_identity()));
    let facts = agents.facts(NODE).await.unwrap_err().to_string();
    let room = agents.room(NODE).await.unwrap_err().to_string();
    for refused in [facts, room] {
        assert!(refused.contains("more than 262144 bytes"), "{refused}");
    }
    assert!(peak() < 80 << 20, "{} MB", peak() >> 20);
}
