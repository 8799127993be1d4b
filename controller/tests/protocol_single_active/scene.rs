//! One test's part of the shared broker: a single-active queue of its own, and waits with a deadline.

use std::future::Future;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use lapin::options::QueueDeclareOptions;
use lapin::types::{AMQPValue, FieldTable, LongString};
use lapin::{Connection, ConnectionProperties};
use reqwest::{Client, Method};
use serde_json::Value;
use shadow_controller::broker::{
    Broker, BrokerAddress, HoldProof, HoldState, QueueFacts, QueueSeen, Settled, SingleActiveHold,
};
use shadow_core::api::Witness;
use url::Url;

/// No step of these tests takes longer, not even on a machine that builds something else at the same time.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(5);
/// What statistics say changes every five seconds, and costs the broker more than a look at a queue.
const LOOK_AT_STATISTICS: Duration = Duration::from_millis(200);

/// Names and connections of one test.
pub(crate) struct Scene {
    pub(crate) broker: Broker,
    pub(crate) queue: String,
    /// Unique among all tests and runs.
    pub(crate) tag: String,
}

/// The broker that the environment names.
pub(crate) fn address() -> BrokerAddress {
    let of = |name: &str| {
        std::env::var(name).unwrap_or_else(|_| {
            panic!("{name} is not set: run `cargo xtask broker run -- cargo test -p shadow-controller`")
        })
    };
    BrokerAddress {
        uri: of("SHADOW_TEST_AMQP_URI"),
        management_uri: Some(of("SHADOW_TEST_MANAGEMENT_URI")),
        ca: None,
    }
}

/// The same with something else in its `uri`.
pub(crate) fn address_with(change: impl FnOnce(&mut Url)) -> BrokerAddress {
    let mut uri = Url::parse(&address().uri).unwrap();
    change(&mut uri);
    BrokerAddress {
        uri: uri.to_string(),
        ..address()
    }
}

/// A connection of the test's own.
pub(crate) async fn connection() -> Connection {
    Connection::connect(&address().uri, ConnectionProperties::default())
        .await
        .unwrap()
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

/// A call to the management API that the product never makes.
pub(crate) async fn administer(method: Method, path: &str, body: Value) -> Option<Value> {
    let mut url = Url::parse(&address().management_uri.unwrap()).unwrap();
    let (user, password) = (url.username().to_owned(), url.password().unwrap().to_owned());
    url.set_username("").unwrap();
    url.set_password(None).unwrap();
    // The crypto provider is per process; whoever was first has installed the same one.
    rustls::crypto::ring::default_provider().install_default().ok();
    let answer = Client::new()
        .request(
            method,
            format!("{}/api{path}", url.as_str().trim_end_matches('/')),
        )
        .basic_auth(user, Some(password))
        .json(&body)
        .send()
        .await
        .unwrap();
    assert!(answer.status().is_success(), "{path}: {}", answer.status());
    answer.json().await.ok()
}

/// A name that no other test or run uses.
fn unique() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros();
    format!("{now:x}-{count}")
}

fn single_active() -> FieldTable {
    let mut table = FieldTable::default();
    table.insert(
        "x-queue-type".into(),
        AMQPValue::LongString(LongString::from("quorum")),
    );
    table.insert("x-single-active-consumer".into(), AMQPValue::Boolean(true));
    table
}

impl Scene {
    /// With a quorum queue with single active consumer.
    pub(crate) async fn new() -> Self {
        Self::with(&address(), single_active()).await
    }

    /// With a queue that has other arguments.
    pub(crate) async fn with_arguments(arguments: FieldTable) -> Self {
        Self::with(&address(), arguments).await
    }

    /// Seen through another address.
    pub(crate) async fn seen_through(address: &BrokerAddress) -> Self {
        Self::with(address, single_active()).await
    }

    async fn with(address: &BrokerAddress, arguments: FieldTable) -> Self {
        let tag = unique();
        // Slashes and blanks have to survive the way into an AMQP 1.0 address and into a path of the management API.
        let queue = format!("orders / {tag}%");
        let connection = connection().await;
        let channel = connection.create_channel().await.unwrap();
        channel
            .queue_declare(queue.as_str().into(), QueueDeclareOptions::durable(), arguments)
            .await
            .unwrap();
        connection.close(200, "done".into()).await.unwrap();
        Self {
            broker: Broker::connect(address, &crate::guard::here()).await.unwrap(),
            queue,
            tag,
        }
    }

    pub(crate) async fn facts(&self) -> QueueFacts {
        self.broker
            .describe_with_consumers(&self.queue)
            .await
            .unwrap()
            .expect("the queue exists")
    }

    /// Waits until the broker tells of a consumer that has just become the active one what it is. The product waits as long as
    /// statistics are late on a broker that has time for them; several queues under load here take all of two cores.
    pub(crate) async fn can_be_held(&self) {
        until("the queue can be held", || async {
            let held = self.facts().await.can_be_held_single_active();
            if held.is_err() {
                tokio::time::sleep(LOOK_AT_STATISTICS).await;
            }
            held.ok()
        })
        .await;
    }

    /// (ready, consumers)
    pub(crate) async fn counts(&self) -> (u64, u64) {
        match self.broker.queue(&self.queue).await.unwrap() {
            QueueSeen::Present { ready, consumers, .. } => (ready, consumers),
            QueueSeen::Absent => panic!("queue {} is gone", self.queue),
        }
    }

    /// The consumer that is there, once the broker lists it with its connection.
    pub(crate) async fn witness(&self) -> Witness {
        until("the application's connection is listed", || async {
            let facts = self.facts().await;
            let witness = self.broker.witness(&facts, Some("127.0.0.1")).await.unwrap();
            if witness.application.is_none() {
                tokio::time::sleep(LOOK_AT_STATISTICS).await;
            }
            witness.application.is_some().then_some(witness)
        })
        .await
    }

    pub(crate) async fn hold(&self) -> SingleActiveHold {
        self.broker.hold_single_active(&self.queue).await.unwrap()
    }

    /// Looks until everything is settled.
    pub(crate) async fn proven(&self, hold: &SingleActiveHold, witness: &Witness) -> Settled {
        assert_eq!(hold.settled_within(PATIENCE).await, HoldState::Active);
        let looked = self.broker.prove_settled(hold, witness).await.unwrap();
        let HoldProof::Proven(settled) = looked else {
            panic!("active and not settled: {looked:?}");
        };
        settled
    }

    /// Nothing is left in the queue.
    pub(crate) async fn served_to_its_end(&self) {
        until("the queue is served to its end", || async {
            (self.counts().await.0 == 0).then_some(())
        })
        .await;
    }
}
