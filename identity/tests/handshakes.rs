//! Real handshakes on loopback: who gets in, who does not, and that a rotation needs no restart.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "in a test, a failed step is the verdict"
)]

use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use axum::routing::get;
use axum::{Extension, Router};
use shadow_identity::{Authority, Identity, Parts, PeerNames, peer_url, serve_mutual_tls, serve_tls};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

const AGENT: &str = "node-a.agent.shadow-system.shadow";
const CONTROLLER: &str = "controller.shadow-system.shadow";
const HOUR: Duration = Duration::from_secs(3600);

fn authority() -> Authority {
    Authority::generate(SystemTime::now(), HOUR).unwrap()
}

fn identity(authority: &Authority, name: &str) -> Identity {
    Identity::from_parts(name, authority.issue(name, SystemTime::now(), HOUR).unwrap()).unwrap()
}

/// Long over: the certificate's end lies an hour back.
fn expired(authority: &Authority, name: &str) -> Identity {
    let then = SystemTime::now() - 2 * HOUR;
    Identity::from_parts(name, authority.issue(name, then, HOUR).unwrap()).unwrap()
}

fn router() -> Router {
    Router::new().route(
        "/who",
        get(|Extension(peer): Extension<PeerNames>| async move { peer.0.join(",") }),
    )
}

struct Server {
    addr: SocketAddr,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<std::io::Result<()>>,
}

async fn serve(identity: &Identity, mutual: bool) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let (identity, token) = (identity.clone(), stop.clone());
    let task = tokio::spawn(async move {
        if mutual {
            serve_mutual_tls(listener, &identity, router(), token).await
        } else {
            serve_tls(listener, &identity, router(), token).await
        }
    });
    Server { addr, stop, task }
}

async fn ask(client: &reqwest::Client, name: &str, addr: SocketAddr) -> Result<String, String> {
    let answer = client
        .get(peer_url(name, addr, "/who"))
        .send()
        .await
        .map_err(|e| format!("{e:?}"))?;
    answer.text().await.map_err(|e| format!("{e:?}"))
}

async fn call(from: &Identity, to: &str, addr: SocketAddr) -> Result<String, String> {
    ask(&from.http_client(to, addr).unwrap(), to, addr).await
}

fn refused(outcome: Result<String, String>, because: &str) {
    let error = outcome.expect_err("was let in");
    assert!(
        error.contains(because),
        "refused for another reason than {because}: {error}"
    );
}

#[tokio::test]
async fn the_router_learns_the_name_in_the_callers_certificate() {
    let ca = authority();
    let server = serve(&identity(&ca, AGENT), true).await;
    assert_eq!(
        call(&identity(&ca, CONTROLLER), AGENT, server.addr)
            .await
            .unwrap(),
        CONTROLLER
    );
}

#[tokio::test]
async fn a_caller_without_certificate_is_refused() {
    let ca = authority();
    let server = serve(&identity(&ca, AGENT), true).await;
    let client = reqwest::Client::builder()
        .tls_backend_preconfigured(anonymous(&ca))
        .resolve(AGENT, server.addr)
        .build()
        .unwrap();
    refused(ask(&client, AGENT, server.addr).await, "CertificateRequired");
}

#[tokio::test]
async fn a_caller_of_another_authority_is_refused() {
    let (ca, other) = (authority(), authority());
    let server = serve(&identity(&ca, AGENT), true).await;
    let mut parts = other.issue(CONTROLLER, SystemTime::now(), HOUR).unwrap();
    parts.ca_pem = ca.certificate_pem().to_owned();
    let stranger = Identity::from_parts(CONTROLLER, parts).unwrap();
    refused(
        call(&stranger, AGENT, server.addr).await,
        "AlertReceived(UnknownCA)",
    );
}

#[tokio::test]
async fn an_expired_caller_is_refused() {
    let ca = authority();
    let server = serve(&identity(&ca, AGENT), true).await;
    refused(
        call(&expired(&ca, CONTROLLER), AGENT, server.addr).await,
        "CertificateExpired",
    );
}

#[tokio::test]
async fn a_server_of_another_authority_is_refused() {
    let (ca, other) = (authority(), authority());
    let server = serve(&identity(&other, AGENT), true).await;
    refused(
        call(&identity(&ca, CONTROLLER), AGENT, server.addr).await,
        "UnknownIssuer",
    );
}

#[tokio::test]
async fn an_expired_server_is_refused() {
    let ca = authority();
    let server = serve(&expired(&ca, AGENT), true).await;
    refused(
        call(&identity(&ca, CONTROLLER), AGENT, server.addr).await,
        "Expired",
    );
}

#[tokio::test]
async fn another_node_than_the_one_dialled_is_refused() {
    let ca = authority();
    let server = serve(&identity(&ca, "node-b.agent.shadow-system.shadow"), true).await;
    refused(
        call(&identity(&ca, CONTROLLER), AGENT, server.addr).await,
        "NotValidForName",
    );
}

#[tokio::test]
async fn the_webhooks_server_asks_for_no_certificate_and_knows_no_names() {
    let ca = authority();
    let server = serve(&identity(&ca, AGENT), false).await;
    assert_eq!(
        call(&identity(&ca, CONTROLLER), AGENT, server.addr)
            .await
            .unwrap(),
        ""
    );
}

#[tokio::test]
async fn a_rotation_of_certificates_and_authority_needs_no_restart() {
    let (old, new) = (authority(), authority());
    let (agent, controller) = (identity(&old, AGENT), identity(&old, CONTROLLER));
    let server = serve(&agent, true).await;
    // Without a pool every call is a handshake of one and the same configuration.
    let tls = rustls::ClientConfig::clone(&*controller.client_config(AGENT).unwrap());
    let client = reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .resolve(AGENT, server.addr)
        .pool_max_idle_per_host(0)
        .build()
        .unwrap();
    ask(&client, AGENT, server.addr).await.unwrap();

    let renewed: Parts = new.issue(AGENT, SystemTime::now(), HOUR).unwrap();
    agent.replace(renewed).unwrap();
    refused(ask(&client, AGENT, server.addr).await, "UnknownIssuer");

    controller
        .trust(&format!("{}{}", old.certificate_pem(), new.certificate_pem()))
        .unwrap();
    refused(ask(&client, AGENT, server.addr).await, "AlertReceived(UnknownCA)");

    agent
        .trust(&format!("{}{}", old.certificate_pem(), new.certificate_pem()))
        .unwrap();
    assert_eq!(ask(&client, AGENT, server.addr).await.unwrap(), CONTROLLER);
}

#[tokio::test]
async fn shutdown_ends_open_connections_and_accepts_no_more() {
    let ca = authority();
    let server = serve(&identity(&ca, AGENT), true).await;
    let client = identity(&ca, CONTROLLER).http_client(AGENT, server.addr).unwrap();
    ask(&client, AGENT, server.addr).await.unwrap();
    server.stop.cancel();
    server.task.await.unwrap().unwrap();
    assert!(
        ask(&client, AGENT, server.addr).await.is_err(),
        "answered after shutdown"
    );
}

#[tokio::test]
async fn unusable_material_is_refused_and_the_old_one_stays() {
    let ca = authority();
    let agent = identity(&ca, AGENT);
    let server = serve(&agent, true).await;
    let mut mixed = ca.issue(AGENT, SystemTime::now(), HOUR).unwrap();
    mixed.key_pem = ca.issue(AGENT, SystemTime::now(), HOUR).unwrap().key_pem;
    assert!(
        agent.replace(mixed).is_err(),
        "a key that is not the certificate's was accepted"
    );
    assert!(agent.trust("").is_err(), "an empty authority was accepted");
    assert_eq!(
        call(&identity(&ca, CONTROLLER), AGENT, server.addr)
            .await
            .unwrap(),
        CONTROLLER
    );
}

#[test]
fn renewal_is_due_at_two_thirds_of_the_life() {
    let identity = identity(&authority(), AGENT);
    let left = identity.renew_at().duration_since(SystemTime::now()).unwrap();
    // An hour from now, backdated by five minutes: 65 * 2 / 3 - 5 minutes.
    assert!(
        left > Duration::from_secs(38 * 60 - 5) && left < Duration::from_secs(39 * 60),
        "{left:?}"
    );
}

/// How a connection stalls.
#[derive(Clone, Copy, Debug)]
enum Stall {
    BeforeTheHandshake,
    BeforeTheHeader,
    InTheHeader,
}

/// From the same address as the honest caller, as behind one gateway.
async fn stalled(
    how: Stall,
    tls: &tokio_rustls::TlsConnector,
    addr: SocketAddr,
) -> Box<dyn std::any::Any + Send> {
    let stream = tokio::net::TcpStream::connect(addr).await.unwrap();
    if matches!(how, Stall::BeforeTheHandshake) {
        return Box::new(stream);
    }
    let name = rustls::pki_types::ServerName::try_from(AGENT).unwrap();
    // One that was asked to go before its handshake was over is as good.
    let Ok(mut stream) = tls.connect(name, stream).await else {
        return Box::new(());
    };
    if matches!(how, Stall::InTheHeader) {
        let begun = tokio::io::AsyncWriteExt::write_all(&mut stream, b"GET /who HTTP/1.1\r\nhost: ").await;
        drop(begun);
    }
    Box::new(stream)
}

fn roots(ca: &Authority) -> rustls::RootCertStore {
    let mut roots = rustls::RootCertStore::empty();
    let root = rustls::pki_types::pem::PemObject::from_pem_slice(ca.certificate_pem().as_bytes()).unwrap();
    roots.add(root).unwrap();
    roots
}

fn anonymous(ca: &Authority) -> rustls::ClientConfig {
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots(ca))
        .with_no_client_auth()
}

/// More than there are places. All stay open, of each kind a third; the honest caller asks on a new connection.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn six_hundred_stalled_connections_keep_no_honest_request_out() {
    let ca = authority();
    let server = serve(&identity(&ca, AGENT), false).await;
    let tls = tokio_rustls::TlsConnector::from(std::sync::Arc::new(anonymous(&ca)));
    let kinds = [
        Stall::BeforeTheHandshake,
        Stall::BeforeTheHeader,
        Stall::InTheHeader,
    ];
    let mut open = Vec::new();
    for kind in kinds.into_iter().cycle().take(600) {
        open.push(stalled(kind, &tls, server.addr).await);
    }
    let client = reqwest::Client::builder()
        .tls_backend_preconfigured(anonymous(&ca))
        .resolve(AGENT, server.addr)
        .pool_max_idle_per_host(0)
        .build()
        .unwrap();
    for n in 0..20 {
        let asked = std::time::Instant::now();
        ask(&client, AGENT, server.addr).await.unwrap();
        let took = asked.elapsed();
        assert!(
            took < Duration::from_secs(1),
            "request {n} took {took:?} beside {} others",
            open.len()
        );
    }
    // It hears that it is asked to end, however many there are.
    server.stop.cancel();
    tokio::time::timeout(Duration::from_secs(15), server.task)
        .await
        .unwrap()
        .unwrap()
        .unwrap();
}
