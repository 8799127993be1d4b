//! The program itself is asked to end while reviews come in: none is refused until callers could know, and what is under way is answered.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "in a test, a failed step is the verdict"
)]

mod api;

use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use reqwest::Client;
use serde_json::{Value, json};
use shadow_core::names;
use shadow_identity::{Identity, peer_url};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use crate::api::{Api, SLOW};

/// The program serves on for 5 s; what is sent in the last moment of it is its caller's race.
const SERVED: Duration = Duration::from_millis(4_500);
/// Until it has its certificate, and until it has ended.
const LONG: Duration = Duration::from_secs(30);

struct Webhook {
    process: Child,
    health: SocketAddr,
    caller: Caller,
    _home: tempfile::TempDir,
}

/// Calls it as the API server does.
#[derive(Clone)]
struct Caller {
    admission: SocketAddr,
    api: Arc<Api>,
}

/// A port that was free a moment ago.
fn free() -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

impl Webhook {
    async fn start() -> Self {
        let (api, home) = api::serve().await;
        let (admission, health) = (free(), free());
        let process = Command::new(env!("CARGO_BIN_EXE_shadow-webhook"))
            .args([
                "--listen",
                &admission.to_string(),
                "--health",
                &health.to_string(),
            ])
            .env("KUBECONFIG", home.path().join("config"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let webhook = Self {
            process,
            health,
            caller: Caller { admission, api },
            _home: home,
        };
        webhook.readyz_says(200, LONG).await;
        webhook
    }

    /// What it says then.
    async fn readyz_says(&self, wanted: u16, within: Duration) -> String {
        let wanted = format!("HTTP/1.1 {wanted} ");
        let asked = async {
            loop {
                if let Ok(said) = self.readyz().await
                    && said.starts_with(&wanted)
                {
                    return said;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let said = timeout(within, asked).await;
        said.unwrap_or_else(|_| panic!("/readyz did not say {wanted} within {within:?}"))
    }

    async fn readyz(&self) -> std::io::Result<String> {
        let mut stream = TcpStream::connect(self.health).await?;
        let request = b"GET /readyz HTTP/1.1\r\nhost: webhook\r\nconnection: close\r\n\r\n";
        stream.write_all(request).await?;
        let mut said = String::new();
        stream.read_to_string(&mut said).await?;
        Ok(said)
    }

    fn ask_to_end(&self) {
        let pid = i32::try_from(self.process.id().unwrap()).unwrap();
        kill(Pid::from_raw(pid), Signal::SIGTERM).unwrap();
    }

    async fn ends(&mut self) -> Option<i32> {
        let ended = timeout(LONG, self.process.wait()).await;
        ended.expect("it does not end").unwrap().code()
    }
}

impl Caller {
    fn client(&self) -> Client {
        let parts = self
            .api
            .authority
            .issue("caller", SystemTime::now(), LONG)
            .unwrap();
        let identity = Identity::from_parts("caller", parts).unwrap();
        let client = identity.http_client(&names::webhook_identity(), self.admission);
        client.unwrap()
    }

    async fn asks(&self, client: &Client, namespace: &str) -> Result<Value, String> {
        let url = peer_url(
            &names::webhook_identity(),
            self.admission,
            names::WEBHOOK_PODS_PATH,
        );
        let review = json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {"uid": "r1",
            "operation": "CREATE", "name": "orders-0", "namespace": namespace, "userInfo": {"username": "alice"},
            "object": {"metadata": {"name": "orders-0"}}}});
        let sent = client.post(url).json(&review).send().await;
        let answer = sent.map_err(|error| format!("{error:?}"))?;
        let answer: Value = answer.json().await.map_err(|error| format!("{error:?}"))?;
        Ok(answer["response"]["allowed"].clone())
    }

    /// Asks again and again; says how often, or what went wrong and when. One that keeps its connection has another one only where the
    /// webhook asked for it.
    async fn asks_until(self, end: Instant, keeps: bool) -> Result<usize, String> {
        let (begun, kept) = (Instant::now(), self.client());
        let mut answered = 0;
        while Instant::now() < end {
            let fresh = (!keeps).then(|| self.client());
            let answer = self.asks(fresh.as_ref().unwrap_or(&kept), "shop").await;
            match answer {
                Ok(allowed) if allowed == true => answered += 1,
                Ok(other) => return Err(format!("answered {other} after {:?}", begun.elapsed())),
                Err(error) => return Err(format!("after {:?}: {error}", begun.elapsed())),
            }
        }
        Ok(answered)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn asked_to_end_it_refuses_nothing_until_callers_know_then_ends_with_0() {
    let mut webhook = Webhook::start().await;
    let mut callers = JoinSet::new();
    let end = Instant::now() + SERVED;
    for keeps in [true, true, false] {
        callers.spawn(webhook.caller.clone().asks_until(end, keeps));
    }
    webhook.ask_to_end();
    let said = webhook.readyz_says(503, Duration::from_secs(1)).await;
    assert!(said.contains("asked to end"), "{said}");
    while let Some(caller) = callers.join_next().await {
        let answered = caller
            .unwrap()
            .unwrap_or_else(|error| panic!("a review was refused {error}"));
        assert!(answered > 10, "{answered} reviews are no stream");
    }
    assert_eq!(webhook.ends().await, Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_review_under_way_is_answered_before_it_ends() {
    let mut webhook = Webhook::start().await;
    let (caller, client) = (webhook.caller.clone(), webhook.caller.client());
    // Asked once more, it does not wait for callers to learn of it.
    webhook.ask_to_end();
    webhook.readyz_says(503, Duration::from_secs(1)).await;
    let slow = {
        let caller = caller.clone();
        tokio::spawn(async move { caller.asks(&client, SLOW).await })
    };
    caller.api.was_asked().await;
    webhook.ask_to_end();
    let closed = async {
        while TcpStream::connect(caller.admission).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(Duration::from_secs(2), closed)
        .await
        .expect("it takes new callers");
    assert!(!slow.is_finished(), "it was not held");
    caller.api.answers();
    slow.await.unwrap().expect("a review under way was cut off");
    assert_eq!(webhook.ends().await, Some(0));
}
