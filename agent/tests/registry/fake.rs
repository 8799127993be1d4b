//! A registry that does as told: it keeps what it gets, and a test may have it answer any request otherwise.

use std::collections::HashMap;
use std::io;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Method, Request, Response};
use futures::StreamExt;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// A request that came.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) method: Method,
    /// Path and query.
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
}

/// How a request is answered instead.
pub(crate) enum Reply {
    /// With this, whatever the body is.
    Now(Response<Body>),
    /// Not at all: the connection ends as soon as a part of the body has come.
    HangUp,
}

/// Whether the `n`-th request (from 0) of its method and kind is answered otherwise.
type Script = dyn Fn(&Seen, usize) -> Option<Reply> + Send + Sync;

#[derive(Default)]
struct Kept {
    /// What the registry takes itself for; relative places when empty.
    own_name: String,
    seen: Vec<Seen>,
    uploads: HashMap<String, Vec<u8>>,
    blobs: HashMap<String, Bytes>,
    manifests: HashMap<String, Bytes>,
}

pub(crate) struct Fake {
    /// `127.0.0.1:port`.
    pub(crate) address: String,
    kept: Arc<Mutex<Kept>>,
    serving: JoinHandle<()>,
}

pub(crate) async fn start(script: impl Fn(&Seen, usize) -> Option<Reply> + Send + Sync + 'static) -> Fake {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let kept = Arc::<Mutex<Kept>>::default();
    let (script, inside): (Arc<Script>, _) = (Arc::new(script), kept.clone());
    let serving = tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let (script, kept) = (script.clone(), inside.clone());
            tokio::spawn(async move {
                let service = service_fn(|request: Request<hyper::body::Incoming>| {
                    answer(request.map(Body::new), &*script, &kept)
                });
                let connection = hyper::server::conn::http1::Builder::new();
                // Connections that break are what these tests are about.
                drop(connection.serve_connection(TokioIo::new(stream), service).await);
            });
        }
    });
    Fake {
        address,
        kept,
        serving,
    }
}

/// Does everything right.
pub(crate) async fn honest() -> Fake {
    start(|_, _| None).await
}

/// An answer with a status and nothing else.
pub(crate) fn status(code: u16) -> Reply {
    with(code, &[], Body::empty())
}

/// An answer with headers and a body.
pub(crate) fn with(code: u16, headers: &[(&str, &str)], body: impl Into<Body>) -> Reply {
    let mut answer = Response::builder().status(code);
    for (name, value) in headers {
        answer = answer.header(*name, *value);
    }
    Reply::Now(answer.body(body.into()).unwrap())
}

/// A part of a body; then the connection breaks.
pub(crate) fn cut(part: Bytes, announced: usize) -> Reply {
    let parts = [Ok(part), Err(io::Error::from(io::ErrorKind::ConnectionReset))];
    let length = announced.to_string();
    with(
        200,
        &[("content-length", &length)],
        Body::from_stream(futures::stream::iter(parts)),
    )
}

async fn answer(request: Request<Body>, script: &Script, kept: &Mutex<Kept>) -> io::Result<Response<Body>> {
    let (head, body) = request.into_parts();
    let seen = Seen {
        method: head.method,
        path: head.uri.to_string(),
        headers: head.headers,
    };
    let before = {
        let mut kept = kept.lock().unwrap();
        let same = |other: &&Seen| other.method == seen.method && kind(&other.path) == kind(&seen.path);
        let before = kept.seen.iter().filter(same).count();
        kept.seen.push(seen.clone());
        before
    };
    match script(&seen, before) {
        Some(Reply::Now(answer)) => return Ok(answer),
        Some(Reply::HangUp) => {
            drop(body.into_data_stream().next().await);
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        None => {}
    }
    let body = axum::body::to_bytes(body, usize::MAX)
        .await
        .map_err(io::Error::other)?;
    Ok(kept.lock().unwrap().serve(&seen, body))
}

fn kind(path: &str) -> &str {
    ["/uploads/", "/blobs/", "/manifests/", "/token"]
        .into_iter()
        .find(|kind| path.contains(kind))
        .unwrap_or(path)
}

impl Kept {
    fn serve(&mut self, seen: &Seen, body: Bytes) -> Response<Body> {
        let (path, query) = seen.path.split_once('?').unwrap_or((&seen.path, ""));
        let last = path.rsplit('/').next().unwrap().to_owned();
        let reply = |code: u16, headers: &[(&str, &str)], body: Bytes| match with(code, headers, body) {
            Reply::Now(answer) => answer,
            Reply::HangUp => unreachable!(),
        };
        match (seen.method.as_str(), kind(path)) {
            ("POST", "/uploads/") => {
                let place = format!("{path}{}", self.uploads.len());
                self.uploads.insert(place.clone(), Vec::new());
                let place = format!("{}{place}", self.own_name);
                reply(202, &[("location", &place)], Bytes::new())
            }
            ("PATCH", "/uploads/") => {
                self.uploads.get_mut(path).unwrap().extend_from_slice(&body);
                let place = format!("{}{path}?state=x", self.own_name);
                reply(202, &[("location", &place)], Bytes::new())
            }
            ("PUT", "/uploads/") => {
                let mut content = std::mem::take(self.uploads.get_mut(path).unwrap());
                content.extend_from_slice(&body);
                let digest = query.rsplit("digest=").next().unwrap().replace("%3A", ":");
                assert_eq!(digest, sha256(&content), "the digest of an upload is wrong");
                self.blobs.insert(digest, content.into());
                reply(201, &[], Bytes::new())
            }
            ("PUT", "/manifests/") => {
                self.manifests.insert(sha256(&body), body.clone());
                self.manifests.insert(last, body);
                reply(201, &[], Bytes::new())
            }
            ("GET", kind @ ("/manifests/" | "/blobs/")) => {
                let shelf = if kind == "/blobs/" {
                    &self.blobs
                } else {
                    &self.manifests
                };
                match shelf.get(&last) {
                    Some(content) => reply(200, &[], content.clone()),
                    None => reply(404, &[], Bytes::new()),
                }
            }
            other => panic!("an agent asks {other:?} of a registry"),
        }
    }
}

pub(crate) fn sha256(content: &[u8]) -> String {
    use sha2::Digest;
    format!("sha256:{}", hex::encode(sha2::Sha256::digest(content)))
}

impl Fake {
    pub(crate) fn repository(&self) -> String {
        format!("{}/checkpoints", self.address)
    }

    /// Gives absolute places of uploads from now on, as behind a proxy.
    pub(crate) fn calls_itself(&self, origin: &str) {
        self.kept.lock().unwrap().own_name = origin.to_owned();
    }

    /// All requests of a method whose path holds `part`.
    pub(crate) fn seen(&self, method: &str, part: &str) -> Vec<Seen> {
        let kept = self.kept.lock().unwrap();
        let fits = |seen: &&Seen| seen.method == method && seen.path.contains(part);
        kept.seen.iter().filter(fits).cloned().collect()
    }

    /// How many requests came, of whatever kind.
    pub(crate) fn count(&self) -> usize {
        self.kept.lock().unwrap().seen.len()
    }

    /// The manifest that was pushed.
    pub(crate) fn manifest(&self) -> Bytes {
        self.kept
            .lock()
            .unwrap()
            .manifests
            .values()
            .next()
            .unwrap()
            .clone()
    }

    /// The blob that the manifest names as its first layer.
    pub(crate) fn layer(&self) -> (String, Bytes) {
        let manifest: serde_json::Value = serde_json::from_slice(&self.manifest()).unwrap();
        let digest = manifest["layers"][0]["digest"].as_str().unwrap().to_owned();
        let content = self.kept.lock().unwrap().blobs[&digest].clone();
        (digest, content)
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.serving.abort();
    }
}
