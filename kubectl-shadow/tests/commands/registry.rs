//! A registry in memory, as the distribution specification has it, and image archives for it.

use std::collections::HashMap;
use std::fs::File;
use std::path::Path;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, Response, Uri};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use sha2::{Digest, Sha256};

/// Who may write.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Login {
    None,
    /// User `me`, password `right`.
    Basic,
    /// The same, for a token that it hands out.
    Token,
}

#[derive(Default)]
struct Kept {
    blobs: HashMap<String, Bytes>,
    /// By `REPOSITORY:TAG`.
    manifests: HashMap<String, Bytes>,
    asked: Vec<String>,
}

pub(crate) struct Registry {
    pub(crate) address: String,
    kept: Arc<Mutex<Kept>>,
}

#[derive(Clone)]
struct Shared {
    login: Login,
    address: String,
    kept: Arc<Mutex<Kept>>,
}

impl Registry {
    pub(crate) fn begin(login: Login) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let kept = Arc::<Mutex<Kept>>::default();
        let shared = Shared {
            login,
            address: address.clone(),
            kept: Arc::clone(&kept),
        };
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                let app = Router::new().fallback(answer).with_state(shared);
                axum::serve(listener, app).await.unwrap();
            });
        });
        Self { address, kept }
    }

    /// `METHOD PATH` of all that was asked.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.kept.lock().unwrap().asked.clone()
    }

    /// What was asked to be written.
    pub(crate) fn written(&self) -> Vec<String> {
        let asked = self.asked().into_iter();
        asked.filter(|line| line.starts_with("PUT ")).collect()
    }

    /// The manifest of an image.
    pub(crate) fn manifest(&self, image: &str) -> Option<Bytes> {
        self.kept.lock().unwrap().manifests.get(image).cloned()
    }

    pub(crate) fn has(&self, blob: &[u8]) {
        let mut kept = self.kept.lock().unwrap();
        kept.blobs.insert(digest(blob), Bytes::copy_from_slice(blob));
    }
}

pub(crate) fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(bytes)))
}

fn status(code: u16) -> Response<Body> {
    Response::builder().status(code).body(Body::empty()).unwrap()
}

fn created(code: u16, place: &str) -> Response<Body> {
    let answer = Response::builder().status(code).header("Location", place);
    answer.body(Body::empty()).unwrap()
}

async fn answer(
    State(shared): State<Shared>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let path = uri.path().to_owned();
    shared.kept.lock().unwrap().asked.push(format!("{method} {path}"));
    let header = headers.get("authorization");
    let header = header.map(|value| value.to_str().unwrap()).unwrap_or_default();
    let basic = format!("Basic {}", STANDARD.encode("me:right"));
    if path == "/token" {
        if header != basic {
            return status(401);
        }
        return Response::new(Body::from(json!({"token": "t"}).to_string()));
    }
    let (wanted, challenge) = match shared.login {
        Login::None => (header.to_owned(), String::new()),
        Login::Basic => (basic, "Basic realm=\"r\"".to_owned()),
        Login::Token => (
            "Bearer t".to_owned(),
            format!("Bearer realm=\"http://{}/token\",service=\"s\"", shared.address),
        ),
    };
    if header != wanted {
        let answer = Response::builder()
            .status(401)
            .header("WWW-Authenticate", challenge);
        return answer.body(Body::empty()).unwrap();
    }
    if path == "/v2/" {
        return status(200);
    }
    let mut kept = shared.kept.lock().unwrap();
    stored(&mut kept, &method, &uri, &body)
}

fn stored(kept: &mut Kept, method: &Method, uri: &Uri, body: &Bytes) -> Response<Body> {
    let path = uri.path().strip_prefix("/v2/").unwrap();
    let query = uri.query().unwrap_or_default();
    if let Some((name, upload)) = path.split_once("/blobs/uploads/") {
        let Some(wanted) = query.split('&').find_map(|part| part.strip_prefix("digest=")) else {
            return created(202, &format!("/v2/{name}/blobs/uploads/1?state=x{upload}"));
        };
        if wanted.replace("%3A", ":") != digest(body) {
            return status(400);
        }
        kept.blobs.insert(digest(body), body.clone());
        return created(201, &format!("/v2/{name}/blobs/{}", digest(body)));
    }
    if let Some((_, wanted)) = path.split_once("/blobs/") {
        let is_there = kept.blobs.contains_key(wanted);
        return status(if is_there { 200 } else { 404 });
    }
    let (name, tag) = path.split_once("/manifests/").unwrap();
    let image = format!("{name}:{tag}");
    if method == Method::PUT {
        let parts: serde_json::Value = serde_json::from_slice(body).unwrap();
        let layers = parts["layers"].as_array().unwrap().iter();
        let whole = layers
            .chain([&parts["config"]])
            .all(|part| kept.blobs.contains_key(part["digest"].as_str().unwrap()));
        if !whole {
            return status(400);
        }
        kept.manifests.insert(image, body.clone());
        return created(201, uri.path());
    }
    match kept.manifests.get(&image) {
        Some(manifest) => {
            let answer = Response::builder()
                .status(200)
                .header("Docker-Content-Digest", digest(manifest));
            answer.body(Body::from(manifest.clone())).unwrap()
        }
        None => status(404),
    }
}

/// Something in all images.
pub(crate) const SHARED: &[u8] = b"users and groups";

/// An image of one part; its manifest's digest.
pub(crate) fn archive(folder: &Path, part: &str) -> String {
    let own = format!("the program of {part}").repeat(500).into_bytes();
    let config = format!("{{\"part\":\"{part}\"}}").into_bytes();
    let described = |kind: &str, bytes: &[u8]| json!({"mediaType": format!("application/vnd.oci.image.{kind}"), "digest": digest(bytes), "size": bytes.len()});
    let manifest = json!({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": described("config.v1+json", &config),
        "layers": [described("layer.v1.tar+zstd", SHARED), described("layer.v1.tar+zstd", &own)]});
    let manifest = manifest.to_string().into_bytes();
    let index = json!({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [described("manifest.v1+json", &manifest)]});
    let index = index.to_string().into_bytes();
    let mut tar = tar::Builder::new(File::create(folder.join(format!("{part}.tar"))).unwrap());
    let mut add = |path: &str, bytes: &[u8]| {
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o644);
        header.set_size(bytes.len() as u64);
        tar.append_data(&mut header, path, bytes).unwrap();
    };
    add("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#);
    add("index.json", &index);
    for bytes in [&config, SHARED, &own, &manifest] {
        add(&format!("blobs/sha256/{}", &digest(bytes)[7..]), bytes);
    }
    tar.finish().unwrap();
    digest(&manifest)
}

/// The archives of all parts.
pub(crate) fn archives(folder: &Path) {
    for part in ["controller", "webhook", "agent"] {
        archive(folder, part);
    }
}

/// What `docker login` writes.
pub(crate) fn docker_config(registry: &str, password: &str) -> String {
    let auth = |pair: &str| json!({"auth": STANDARD.encode(pair)});
    let auths =
        json!({(registry): auth(&format!("me:{password}")), "other.example.org": auth("other:topsecret")});
    json!({"auths": auths}).to_string()
}
