//! Queues, policies and users of one test.

use std::time::{Duration, Instant};

use lapin::options::QueueDeclareOptions;
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Connection, ConnectionProperties};
use reqwest::Method;
use serde_json::{Value, json};
use shadow_controller::broker::{Broker, BrokerAddress};
use shadow_controller::evidence::{Around, Meanwhile, contradicted, judged};
use shadow_core::api::HoldKind;
use shadow_core::machine::Cause;
use shadow_core::names;
use shadow_core::premise::Premise;
use shadow_core::premise::world::{CopyStart, Held};
use shadow_core::premise::{Finding, Judgement, Told};
use shadow_core::reason::Reason;
use url::Url;

use crate::pod::{CONTAINER, Pod};

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| {
        panic!("{name} is not set: run `cargo xtask broker run -- cargo test -p shadow-controller`")
    })
}

pub(crate) fn uri() -> String {
    variable("SHADOW_TEST_AMQP_URI")
}

/// Names of one test, unlike those of any other.
pub(crate) fn named(what: &str) -> String {
    format!("{what}-{:x}", std::process::id())
}

/// A user of the broker with all permissions and these tags.
pub(crate) async fn user(tags: &str) -> BrokerAddress {
    let name = named("user");
    api(
        Method::PUT,
        &format!("/users/{name}"),
        json!({"password": "p", "tags": tags}),
    )
    .await;
    let all = json!({"configure": ".*", "write": ".*", "read": ".*"});
    api(Method::PUT, &format!("/permissions/%2F/{name}"), all).await;
    let as_user = |uri: &str| {
        let mut uri = Url::parse(uri).unwrap();
        uri.set_username(&name).unwrap();
        uri.set_password(Some("p")).unwrap();
        uri.to_string()
    };
    BrokerAddress {
        uri: as_user(&uri()),
        management_uri: Some(as_user(&variable("SHADOW_TEST_MANAGEMENT_URI"))),
        ca: None,
    }
}

/// Who sees everything.
pub(crate) fn administrator() -> BrokerAddress {
    BrokerAddress {
        uri: uri(),
        management_uri: Some(variable("SHADOW_TEST_MANAGEMENT_URI")),
        ca: None,
    }
}

/// Changes something by the management API.
pub(crate) async fn api(method: Method, path: &str, body: Value) {
    // Another test of this process may have done it.
    rustls::crypto::ring::default_provider().install_default().ok();
    let base = variable("SHADOW_TEST_MANAGEMENT_URI");
    let answer = reqwest::Client::new()
        .request(method, format!("{base}/api{path}"))
        .json(&body)
        .send()
        .await
        .unwrap();
    assert!(answer.status().is_success(), "{path}: {}", answer.status());
}

/// Declares a queue.
pub(crate) async fn declared(queue: &str, arguments: &[(&str, AMQPValue)]) {
    let connection = Connection::connect(&uri(), ConnectionProperties::default())
        .await
        .unwrap();
    let channel = connection.create_channel().await.unwrap();
    let mut table = FieldTable::default();
    for (name, value) in arguments {
        table.insert((*name).into(), value.clone());
    }
    channel
        .queue_declare(queue.into(), QueueDeclareOptions::durable(), table)
        .await
        .unwrap();
}

pub(crate) fn quorum() -> (&'static str, AMQPValue) {
    ("x-queue-type", AMQPValue::LongString("quorum".into()))
}

/// The control queue of a pod, declared.
pub(crate) async fn control(pod: &Pod) -> String {
    let queue = names::control_queue(&pod.name);
    declared(&queue, &[]).await;
    queue
}

/// What the move of this pod would rest on.
pub(crate) async fn weighed(address: &BrokerAddress, queue: &str, pod: &Pod, hold: HoldKind) -> Judgement {
    let broker = Broker::connect(address, &crate::guard::here()).await.unwrap();
    let (object, preflight) = (pod.object(), pod.preflight());
    let around = Around {
        pod: &object,
        container: CONTAINER,
        hold,
        copy: CopyStart::BesideSource,
        preflight: Some(&preflight),
        registry: None,
    };
    judged(&broker, queue, around)
        .await
        .unwrap()
        .expect("the queue exists")
}

/// What contradicts the premises of this pod's move while its queue is held; asked until something does, for two statistics
/// intervals. `None`: nothing did.
pub(crate) async fn contradiction(queue: &str, pod: &Pod, hold: HoldKind, planned: &[Told]) -> Option<Cause> {
    let broker = Broker::connect(&administrator(), &crate::guard::here())
        .await
        .unwrap();
    let object = pod.object();
    let deadline = Instant::now() + Duration::from_secs(12);
    while Instant::now() < deadline {
        let meanwhile = Meanwhile {
            pod: &object,
            hold,
            image: None,
            planned,
            held: Held::default(),
        };
        let found = contradicted(&broker, queue, meanwhile).await.unwrap();
        if found.is_some() {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    None
}

/// What a judgement says of a premise.
pub(crate) fn told(judgement: &Judgement, premise: Premise) -> String {
    let told = judgement.told.iter().find(|told| told.premise == premise);
    told.expect("it was weighed").what.clone()
}

/// Sets a policy for one queue, and waits until the broker says that it applies.
pub(crate) async fn policy(queue: &str, definition: Value) {
    let body = json!({"pattern": format!("^{queue}$"), "definition": definition, "apply-to": "queues"});
    api(Method::PUT, &format!("/policies/%2F/{queue}"), body).await;
    let broker = Broker::connect(&administrator(), &crate::guard::here())
        .await
        .unwrap();
    let deadline = Instant::now() + Duration::from_secs(10);
    while broker.describe(queue).await.unwrap().unwrap().policy.as_deref() != Some(queue) {
        assert!(Instant::now() < deadline, "the policy does not apply");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

pub(crate) async fn no_policy(queue: &str) {
    api(Method::DELETE, &format!("/policies/%2F/{queue}"), json!({})).await;
}

/// The reason and the sentence of a refusal.
pub(crate) fn refused(judgement: Judgement) -> (Reason, String) {
    match judgement.finding {
        Finding::Refused(cause) => (cause.reason, cause.message),
        other @ (Finding::Exact | Finding::Inexact { .. }) => panic!("it is not refused: {other:?}"),
    }
}

/// Why it is not exact.
pub(crate) fn inexact(judgement: Judgement) -> String {
    match judgement.finding {
        Finding::Inexact { why, .. } => why,
        other @ (Finding::Exact | Finding::Refused(_)) => panic!("it is not inexact: {other:?}"),
    }
}
