//! Accept loop: TLS, then HTTP/1.1 into an axum router, with the caller's names in the request's extensions.
//!
//! Guarantees: a peer that stalls in its handshake holds a place for at most [`HANDSHAKE`], one that never sends a whole header for
//! [`FIRST`] more, an idle one for at most [`IDLE`], and each of them only as long as no other connection needs the place
//! (`crowd`); on shutdown no new connection is accepted and requests under way get [`DRAIN`] to finish.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::future::RouteFuture;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tower::ServiceBuilder;
use tower::util::MapRequestLayer;
use tracing::{debug, warn};

use crate::crowd::{Crowd, Guest, Room};
use crate::{Identity, PeerNames, peer_names};

/// Time for a TLS handshake.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// Time from the handshake to the first request's whole header; who connects has something to ask.
const FIRST: Duration = Duration::from_secs(5);
/// Time from one request to the next request's header; longer than any client of ours keeps a connection, so that
/// it is always the client who lets go and no request meets a closing connection.
const IDLE: Duration = Duration::from_secs(120);
/// Time for requests under way when the process is asked to end.
const DRAIN: Duration = Duration::from_secs(10);
/// Connections at once; an agent has as many peers as there are nodes with migrations. One more, and an idle one makes room.
const CONNECTIONS: usize = 512;

/// Serves `router` to callers that present a certificate of our authority, until `shutdown`.
pub async fn serve_mutual_tls(
    listener: TcpListener,
    identity: &Identity,
    router: Router,
    shutdown: CancellationToken,
) -> io::Result<()> {
    let config = identity.server_config().map_err(io::Error::other)?;
    let crowd = Crowd::of(CONNECTIONS, Room::OfStrangers);
    accept(listener, config, crowd, router, shutdown).await
}

/// Serves `router` to anyone (the API server's calls to the webhook), until `shutdown`.
pub async fn serve_tls(
    listener: TcpListener,
    identity: &Identity,
    router: Router,
    shutdown: CancellationToken,
) -> io::Result<()> {
    let config = identity.anonymous_server_config().map_err(io::Error::other)?;
    let crowd = Crowd::of(CONNECTIONS, Room::OfAllIdle);
    accept(listener, config, crowd, router, shutdown).await
}

async fn accept(
    listener: TcpListener,
    config: Arc<ServerConfig>,
    crowd: Arc<Crowd>,
    router: Router,
    shutdown: CancellationToken,
) -> io::Result<()> {
    let acceptor = TlsAcceptor::from(config);
    let graceful = GracefulShutdown::new();
    loop {
        let accepted = tokio::select! {
            () = shutdown.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                // Only who has connected makes others go.
                let guest = tokio::select! {
                    () = shutdown.cancelled() => break,
                    guest = crowd.enter() => guest,
                };
                let Some(guest) = guest else { break };
                let (acceptor, router, watcher) = (acceptor.clone(), router.clone(), graceful.watcher());
                tokio::spawn(connection(acceptor, stream, router, watcher, guest));
            }
            // Out of file descriptors and the like: the next connection may find some again.
            Err(error) => {
                warn!(%error, "could not accept a connection");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
    drop(listener);
    if timeout(DRAIN, graceful.shutdown()).await.is_err() {
        warn!("requests under way were cut off at shutdown");
    }
    Ok(())
}

async fn connection(
    acceptor: TlsAcceptor,
    stream: TcpStream,
    router: Router,
    watcher: Watcher,
    guest: Guest,
) {
    let peer = stream
        .peer_addr()
        .map_or_else(|error| error.to_string(), |peer| peer.to_string());
    if let Err(error) = stream.set_nodelay(true) {
        debug!(peer, %error, "could not switch off delayed sending");
    }
    let handshake = tokio::select! {
        shaken = timeout(HANDSHAKE, acceptor.accept(stream)) => shaken,
        () = guest.has_to_go() => return debug!(peer, "closed before its handshake, for another connection"),
    };
    let stream = match handshake {
        Ok(Ok(stream)) => stream,
        // Kubelet's probe of the port connects and hangs up.
        Ok(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
            return debug!(peer, "connection closed before its tls handshake");
        }
        Ok(Err(error)) => return warn!(peer, %error, "refused a tls handshake"),
        Err(_) => return warn!(peer, "tls handshake took too long"),
    };
    let chain = stream.get_ref().1.peer_certificates().unwrap_or_default();
    let names = PeerNames(peer_names(chain));
    let tell = MapRequestLayer::new(move |mut request: hyper::Request<hyper::body::Incoming>| {
        request.extensions_mut().insert(names.clone());
        request
    });
    let requests = guest.requests();
    let service = ServiceBuilder::new()
        .layer(tell)
        .map_future(move |answer: RouteFuture<Infallible>| {
            let under_way = requests.begin();
            async move {
                let answer = answer.await;
                drop(under_way);
                answer
            }
        })
        .service(router);
    let service = TowerToHyperService::new(service);
    let served = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(IDLE)
        .serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        ended = watcher.watch(served) => {
            if let Err(error) = ended {
                debug!(peer, %error, "connection ended early");
            }
        }
        () = guest.has_to_go() => debug!(peer, "idle, and closed for another connection"),
        () = asks_nothing(&guest) => debug!(peer, "no whole header came in time"),
    }
}

/// Returns when the first header is overdue.
async fn asks_nothing(guest: &Guest) {
    tokio::time::sleep(FIRST).await;
    if guest.has_asked() {
        std::future::pending().await
    }
}
