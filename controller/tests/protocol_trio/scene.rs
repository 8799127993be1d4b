//! The three nodes, what is done to them, and the names of one test.

use std::fs::File;
use std::future::Future;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use lapin::options::{BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable, LongString};
use lapin::{BasicProperties, Connection, ConnectionProperties};
use reqwest::{Client, Method};
use serde_json::{Value, json};
use shadow_controller::broker::{Broker, BrokerAddress};
use url::Url;

/// No step of these tests takes longer, not even on a machine that builds something else at the same time.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);
const LOOK: Duration = Duration::from_millis(20);
/// Of the administrator, to which it is asked how a queue is led.
const STATISTICS: Duration = Duration::from_millis(200);

/// The nodes by their names in the lab.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Node {
    One,
    Two,
    Three,
}

pub(crate) const ALL: [Node; 3] = [Node::One, Node::Two, Node::Three];

impl Node {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::One => "one",
            Self::Two => "two",
            Self::Three => "three",
        }
    }

    fn place(self) -> usize {
        match self {
            Self::One => 0,
            Self::Two => 1,
            Self::Three => 2,
        }
    }

    /// Where this node is reached, and no other.
    pub(crate) fn address(self) -> BrokerAddress {
        BrokerAddress {
            uri: nth("SHADOW_TEST_TRIO_AMQP_URIS", self.place()),
            management_uri: Some(nth("SHADOW_TEST_TRIO_MANAGEMENT_URIS", self.place())),
            ca: None,
        }
    }

    pub(crate) async fn broker(self) -> Broker {
        Broker::connect(&self.address(), &crate::guard::here())
            .await
            .unwrap()
    }

    /// A connection of the test's own.
    pub(crate) async fn connection(self) -> Connection {
        Connection::connect(&self.address().uri, ConnectionProperties::default())
            .await
            .unwrap()
    }

    /// Does something to it by the lab's own command.
    pub(crate) async fn act(self, words: &[&str]) -> String {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        tokio::task::spawn_blocking(move || acted(self, &words).unwrap())
            .await
            .unwrap()
    }

    /// A call to the management API of this node that the product never makes.
    pub(crate) async fn administer(self, method: Method, path: &str, body: Value) -> Option<Value> {
        let mut url = Url::parse(&self.address().management_uri.unwrap()).unwrap();
        let (user, password) = (url.username().to_owned(), url.password().unwrap().to_owned());
        url.set_username("").unwrap();
        url.set_password(None).unwrap();
        // The crypto provider is per process; whoever was first has installed the same one.
        rustls::crypto::ring::default_provider().install_default().ok();
        let at = format!("{}/api{path}", url.as_str().trim_end_matches('/'));
        let call = Client::new().request(method, at).basic_auth(user, Some(password));
        let answer = call.json(&body).send().await.ok()?;
        answer.json().await.ok()
    }

    /// The node that leads a queue, as this one sees it.
    pub(crate) async fn leader_of(self, queue: &str) -> Option<Node> {
        let path = format!("/queues/%2F/{queue}?disable_stats=true");
        let seen = self.administer(Method::GET, &path, json!({})).await?;
        let leader = seen["leader"].as_str()?.to_owned();
        ALL.into_iter()
            .find(|node| leader == format!("rabbit@{}", node.name()))
    }
}

fn nth(variable: &str, place: usize) -> String {
    variable_of(variable).split(' ').nth(place).unwrap().to_owned()
}

fn variable_of(variable: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| {
        panic!(
            "{variable} is not set: run `cargo xtask broker run --nodes 3 -- cargo test -p shadow-controller --test \
             protocol_trio -- --ignored`"
        )
    })
}

fn acted(node: Node, words: &[String]) -> Result<String, String> {
    let command = variable_of("SHADOW_TEST_TRIO_NODE_COMMAND");
    let mut parts = command.split(' ');
    let output = Command::new(parts.next().unwrap())
        .args(parts)
        .arg(node.name())
        .args(words)
        .output()
        .unwrap();
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(format!(
        "{node:?} {words:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    ))
}

/// The cluster for one test: whole at its begin, and mended at its end whatever it broke.
pub(crate) struct Cluster {
    /// Unlike any other test's.
    pub(crate) tag: String,
    broken: Vec<(Node, Vec<String>)>,
    _turn: File,
}

impl Cluster {
    pub(crate) async fn whole() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros();
        let turn = tokio::task::spawn_blocking(turn).await.unwrap();
        let cluster = Self {
            tag: format!("{now:x}-{count}"),
            broken: Vec::new(),
            _turn: turn,
        };
        until("all nodes to serve", || async {
            for node in ALL {
                Broker::connect(&node.address(), &crate::guard::here())
                    .await
                    .ok()?;
                let nodes = node.administer(Method::GET, "/nodes", json!({})).await?;
                let running = nodes.as_array()?.iter().filter(|one| one["running"] == true);
                (running.count() == ALL.len()).then_some(())?;
            }
            Some(())
        })
        .await;
        cluster
    }

    /// Breaks something; these words mend it when the test has ended, if it has not done so itself.
    pub(crate) async fn broken(&mut self, node: Node, words: &[&str], mended_by: &[&str]) {
        let mended_by = mended_by.iter().map(|word| (*word).to_owned()).collect();
        self.broken.push((node, mended_by));
        node.act(words).await;
    }

    /// Mends all of it.
    pub(crate) async fn mended(&mut self) {
        for (node, words) in self.broken.drain(..) {
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            node.act(&words).await;
        }
    }

    /// A queue that is led by this node, with a blank-free name.
    pub(crate) async fn queue(&self, kind: &str, led_by: Node) -> String {
        let queue = format!("{kind}.{}", self.tag);
        let mut arguments = FieldTable::default();
        let text = |text: &str| AMQPValue::LongString(LongString::from(text));
        match kind {
            "classic" => {}
            "quorum" => {
                arguments.insert("x-queue-type".into(), text("quorum"));
            }
            "single-active" => {
                arguments.insert("x-queue-type".into(), text("quorum"));
                arguments.insert("x-single-active-consumer".into(), AMQPValue::Boolean(true));
            }
            other => panic!("no kind of queue is called {other}"),
        }
        let connection = led_by.connection().await;
        let channel = connection.create_channel().await.unwrap();
        let options = QueueDeclareOptions::durable();
        channel
            .queue_declare(queue.as_str().into(), options, arguments)
            .await
            .unwrap();
        connection.close(200, "done".into()).await.unwrap();
        queue
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for (node, words) in &self.broken {
            if let Err(why) = acted(*node, words) {
                eprintln!("not mended: {why}");
            }
        }
    }
}

/// Whose turn it is: the test that has this lock.
fn turn() -> File {
    let command = variable_of("SHADOW_TEST_TRIO_NODE_COMMAND");
    let program = File::open(command.split(' ').next().unwrap()).unwrap();
    program.lock().unwrap();
    program
}

/// Publishes `count` messages with the numbers from `first`, each confirmed.
pub(crate) async fn publish(node: Node, queue: &str, first: u64, count: u64) {
    let connection = node.connection().await;
    let channel = connection.create_channel().await.unwrap();
    channel
        .confirm_select(ConfirmSelectOptions::default())
        .await
        .unwrap();
    for number in first..first + count {
        let body = number.to_string();
        let published = channel.basic_publish(
            "".into(),
            queue.into(),
            BasicPublishOptions::default(),
            body.as_bytes(),
            BasicProperties::default().with_delivery_mode(2),
        );
        assert!(published.await.unwrap().await.unwrap().is_ack());
    }
    connection.close(200, "done".into()).await.unwrap();
}

/// Waits until `look` gives something.
pub(crate) async fn until<T, F: Future<Output = Option<T>>>(what: &str, look: impl Fn() -> F) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < deadline, "waited {PATIENCE:?} in vain: {what}");
        tokio::time::sleep(LOOK).await;
    }
}

/// Waits until a queue is led by another node than this one, as `seen_by` sees it.
pub(crate) async fn led_by_another(queue: &str, than: Node, seen_by: Node) -> Node {
    until("another leader", || async {
        tokio::time::sleep(STATISTICS).await;
        seen_by.leader_of(queue).await.filter(|leader| *leader != than)
    })
    .await
}
