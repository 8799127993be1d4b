//! One test's part of the shared broker: names of its own, and waits with a deadline.

use std::future::Future;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use lapin::options::QueueDeclareOptions;
use lapin::types::{AMQPValue, FieldTable, LongString};
use lapin::{Connection, ConnectionProperties};
use shadow_controller::broker::{Broker, BrokerAddress, QueueFacts, QueueKind, QueueSeen};
use shadow_core::machine;
use shadow_core::machine::steps::hold::is_parked;
use shadow_core::names;

/// No step of these tests takes longer, not even on a machine that builds something else at the same time.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(5);

/// Names and connections of one test.
pub(crate) struct Scene {
    pub(crate) broker: Broker,
    /// Unique among all tests and runs.
    pub(crate) tag: String,
    pub(crate) kind: QueueKind,
}

/// One look at the queues of a park.
#[derive(Debug)]
pub(crate) struct Look {
    pub(crate) hold: machine::QueueSeen,
    pub(crate) primary: machine::QueueSeen,
    /// Messages in the control queue.
    pub(crate) unread: u64,
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

pub(crate) fn arguments(kind: &QueueKind) -> FieldTable {
    let mut table = FieldTable::default();
    if *kind == QueueKind::Quorum {
        table.insert(
            "x-queue-type".into(),
            AMQPValue::LongString(LongString::from("quorum")),
        );
    }
    table
}

impl Scene {
    /// With a primary queue of this type.
    pub(crate) async fn new(kind: QueueKind) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros();
        let broker = Broker::connect(&address(), &crate::guard::here()).await.unwrap();
        let scene = Self {
            broker,
            tag: format!("{now:x}-{count}"),
            kind,
        };
        scene.declare(&scene.primary()).await;
        scene
    }

    pub(crate) async fn classic() -> Self {
        Self::new(QueueKind::Classic).await
    }

    pub(crate) fn primary(&self) -> String {
        format!("orders.{}", self.pod())
    }

    pub(crate) fn pod(&self) -> String {
        format!("orders-{}", self.tag)
    }

    pub(crate) fn hold(&self, attempt: u32) -> String {
        format!("ms2m.hold.{}-1-{attempt}", self.tag)
    }

    /// Declares a queue as an application of this type does.
    pub(crate) async fn declare(&self, queue: &str) {
        let connection = connection().await;
        let channel = connection.create_channel().await.unwrap();
        let declared = channel.queue_declare(
            queue.into(),
            QueueDeclareOptions::durable(),
            arguments(&self.kind),
        );
        declared.await.unwrap();
        connection.close(200, "done".into()).await.unwrap();
    }

    pub(crate) async fn facts(&self) -> QueueFacts {
        self.broker
            .describe(&self.primary())
            .await
            .unwrap()
            .expect("the primary queue exists")
    }

    /// Declares the hold queue of an attempt, like the primary queue.
    pub(crate) async fn declare_hold(&self, attempt: u32) -> String {
        let hold = self.hold(attempt);
        self.broker
            .declare_hold_queue(&hold, &self.facts().await)
            .await
            .unwrap();
        hold
    }

    /// (ready, consumers)
    pub(crate) async fn counts(&self, queue: &str) -> (u64, u64) {
        match self.broker.queue(queue).await.unwrap() {
            QueueSeen::Present { ready, consumers, .. } => (ready, consumers),
            QueueSeen::Absent => panic!("queue {queue} is gone"),
        }
    }

    pub(crate) async fn is_absent(&self, queue: &str) -> bool {
        self.broker.queue(queue).await.unwrap() == QueueSeen::Absent
    }

    pub(crate) async fn consumers_become(&self, queue: &str, expected: u64) {
        until(&format!("{expected} consumers on {queue}"), || async {
            (self.counts(queue).await.1 == expected).then_some(())
        })
        .await;
    }

    /// What the controller sees, in the order in which it looks.
    pub(crate) async fn look(&self, attempt: u32) -> Look {
        let hold = self.broker.queue(&self.hold(attempt)).await.unwrap().into();
        let primary = self
            .broker
            .queue_with_unacked(&self.primary())
            .await
            .unwrap()
            .into();
        let control: machine::QueueSeen = self
            .broker
            .queue(&names::control_queue(&self.pod()))
            .await
            .unwrap()
            .into();
        Look {
            hold,
            primary,
            unread: control.ready().unwrap_or_default(),
        }
    }

    /// Looks until it is parked.
    pub(crate) async fn parked(&self, attempt: u32) -> Look {
        until("the park", || async {
            let look = self.look(attempt).await;
            look.is_parked().then_some(look)
        })
        .await
    }

    /// Looks until it looks like this, which is not parked and stays so.
    pub(crate) async fn not_parked(&self, attempt: u32, what: &str, like: impl Fn(&Look) -> bool) {
        until(what, || async {
            let look = self.look(attempt).await;
            like(&look).then(|| assert!(!look.is_parked(), "{what}: {look:?}"))
        })
        .await;
        let again = self.look(attempt).await;
        assert!(!again.is_parked(), "{what}: {again:?}");
    }
}

impl Look {
    /// By the controller's own proof.
    pub(crate) fn is_parked(&self) -> bool {
        is_parked(self.hold, self.primary)
    }

    /// Consumers of hold queue and primary queue.
    pub(crate) fn consumers(&self) -> (u64, u64) {
        (self.hold.consumers().unwrap(), self.primary.consumers().unwrap())
    }
}
