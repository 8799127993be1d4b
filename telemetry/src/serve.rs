//! `/metrics`, `/livez` and `/readyz`, in plain HTTP.
//!
//! Guarantees: whatever callers do, at most [`CONNECTIONS`] of them are served at a time, each for at most [`WITHIN`], and nothing
//! that they send is read but its head; one text of metrics is made at a time.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ACCEPT, CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex, Semaphore};
use tokio::time::timeout;

use crate::text;

/// Callers at a time: kubelet, a few Prometheus servers, a person.
const CONNECTIONS: usize = 16;
/// For one connection, with all its requests. Prometheus opens another one then.
const WITHIN: Duration = Duration::from_secs(300);
/// From one request to the head of the next one.
const IDLE: Duration = Duration::from_secs(90);
/// Bytes of a head.
const HEAD: usize = 16 << 10;
/// The next connection may find free file descriptors again.
const AGAIN: Duration = Duration::from_millis(50);

/// What a part says of itself when it is asked.
pub trait Shown: Send + Sync + 'static {
    /// Its metrics at this moment, in the format of OpenMetrics.
    fn metrics(&self) -> String;
    /// Whether it goes on; else why kubelet should restart it.
    fn alive(&self) -> Result<(), String>;
    /// Whether it does its work at the moment; else why not.
    fn ready(&self) -> Result<(), String>;
}

struct Page<S> {
    shown: S,
    one: Mutex<()>,
}

/// Serves until the future is dropped. Never returns.
pub async fn serve<S: Shown>(listener: TcpListener, shown: S) {
    let page = Arc::new(Page {
        shown,
        one: Mutex::default(),
    });
    let slots = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(slot) = slots.clone().acquire_owned().await else {
            return std::future::pending().await;
        };
        match listener.accept().await {
            Ok((stream, _)) => {
                let page = Arc::clone(&page);
                tokio::spawn(async move {
                    connection(stream, page).await;
                    drop(slot);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "could not accept a connection for metrics or probes");
                tokio::time::sleep(AGAIN).await;
            }
        }
    }
}

async fn connection<S: Shown>(stream: TcpStream, page: Arc<Page<S>>) {
    let service = service_fn(move |request| {
        let page = Arc::clone(&page);
        async move { Ok::<_, Infallible>(page.answer(&request).await) }
    });
    let served = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(IDLE)
        .max_buf_size(HEAD)
        .serve_connection(TokioIo::new(stream), service);
    match timeout(WITHIN, served).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "a connection for metrics or probes ended early"),
        Err(_) => tracing::debug!("a connection for metrics or probes was open for long"),
    }
}

impl<S: Shown> Page<S> {
    async fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        if request.method() != Method::GET {
            return said(
                StatusCode::METHOD_NOT_ALLOWED,
                "only GET is answered\n".to_owned(),
            );
        }
        match request.uri().path() {
            "/metrics" => self.metrics(request.headers().get(ACCEPT)).await,
            "/livez" => probed(self.shown.alive()),
            "/readyz" => probed(self.shown.ready()),
            _ => said(
                StatusCode::NOT_FOUND,
                "there is /metrics, /livez and /readyz\n".to_owned(),
            ),
        }
    }

    async fn metrics(&self, accept: Option<&HeaderValue>) -> Response<Full<Bytes>> {
        let _one = self.one.lock().await;
        let open =
            accept.is_some_and(|accept| accept.as_bytes().windows(11).any(|part| part == b"openmetrics"));
        let text = self.shown.metrics();
        let (kind, text) = match open {
            true => (text::OPEN_METRICS, text),
            false => (text::PROMETHEUS, text::of_prometheus(&text)),
        };
        let mut response = said(StatusCode::OK, text);
        response
            .headers_mut()
            .insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        response
    }
}

fn probed(state: Result<(), String>) -> Response<Full<Bytes>> {
    match state {
        Ok(()) => said(StatusCode::OK, "ok\n".to_owned()),
        Err(why) => said(StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")),
    }
}

fn said(status: StatusCode, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    response
}
