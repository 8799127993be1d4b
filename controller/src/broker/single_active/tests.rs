//! What no real broker can be made to say, said by one of paper.

use bytes::BytesMut;
use fe2o3_amqp_types::definitions::{AmqpError, DeliveryTag, Error, Fields, Role};
use fe2o3_amqp_types::performatives::{Attach, Begin, Detach, Flow, Open, Performative, Transfer};
use fe2o3_amqp_types::sasl::{SaslCode, SaslMechanisms, SaslOutcome};
use serde::Serialize;
use serde_amqp::Value;
use serde_amqp::primitives::{Array, Symbol};
use shadow_core::dialling::Peer;
use shadow_dialling::Guard;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::attach::{Attached, attach};
use super::frames::{TYPE_SASL, put};
use super::keeper::{Asking, Keeper};
use super::{ACTIVE_PROPERTY, HANDLE, HoldState, PRIORITY};
use crate::broker::address::Endpoint;
use crate::broker::{BrokerAddress, BrokerError, Origin};

/// Says these things, one after each thing it hears, whatever that is; then listens until nobody is there. Returns all
/// that it heard.
async fn paper(listener: TcpListener, script: Vec<Vec<u8>>) -> Vec<u8> {
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut heard = Vec::new();
    for says in script {
        listened(&mut stream, &mut heard).await;
        stream.write_all(&says).await.unwrap();
    }
    while listened(&mut stream, &mut heard).await {}
    heard
}

async fn listened(stream: &mut TcpStream, heard: &mut Vec<u8>) -> bool {
    let mut buffer = [0; 4096];
    let read = stream.read(&mut buffer).await.unwrap_or_default();
    heard.extend(&buffer[..read]);
    read > 0
}

fn frame(kind: u8, body: &impl Serialize) -> Vec<u8> {
    let mut written = BytesMut::new();
    put(&mut written, kind, &serde_amqp::to_vec(body).unwrap()).unwrap();
    written.to_vec()
}

fn say(performative: Performative) -> Vec<u8> {
    frame(0, &performative)
}

fn login() -> Vec<Vec<u8>> {
    let mechanisms = SaslMechanisms {
        sasl_server_mechanisms: Array::from(vec![Symbol::from("PLAIN")]),
    };
    let outcome = SaslOutcome {
        code: SaslCode::Ok,
        additional_data: None,
    };
    let greeting = [b"AMQP\x03\x01\x00\x00".to_vec(), frame(TYPE_SASL, &mechanisms)].concat();
    vec![
        greeting,
        frame(TYPE_SASL, &outcome),
        b"AMQP\x00\x01\x00\x00".to_vec(),
    ]
}

fn open(version: &str) -> Vec<u8> {
    let mut properties = Fields::new();
    properties.insert(Symbol::from("version"), Value::String(version.to_owned()));
    say(Performative::Open(Open {
        container_id: "paper".to_owned(),
        hostname: None,
        max_frame_size: 1000.into(),
        channel_max: 0.into(),
        idle_time_out: None,
        outgoing_locales: None,
        incoming_locales: None,
        offered_capabilities: None,
        desired_capabilities: None,
        properties: Some(properties),
    }))
}

fn begin() -> Vec<u8> {
    say(Performative::Begin(Begin {
        remote_channel: Some(0),
        next_outgoing_id: 0,
        incoming_window: 1,
        outgoing_window: 1,
        handle_max: HANDLE,
        offered_capabilities: None,
        desired_capabilities: None,
        properties: None,
    }))
}

fn attached() -> Vec<u8> {
    say(Performative::Attach(Attach {
        name: "kubectl-shadow hold".to_owned(),
        handle: HANDLE,
        role: Role::Sender,
        snd_settle_mode: Default::default(),
        rcv_settle_mode: Default::default(),
        source: Some(Box::default()),
        target: None,
        unsettled: None,
        incomplete_unsettled: false,
        initial_delivery_count: Some(0),
        max_message_size: None,
        offered_capabilities: None,
        desired_capabilities: None,
        properties: None,
    }))
}

fn active(is: bool) -> Vec<u8> {
    let mut properties = Fields::new();
    properties.insert(Symbol::from(ACTIVE_PROPERTY), Value::Bool(is));
    say(Performative::Flow(Flow {
        next_incoming_id: Some(0),
        incoming_window: 1,
        next_outgoing_id: 0,
        outgoing_window: 1,
        handle: Some(HANDLE),
        delivery_count: Some(0),
        link_credit: Some(0),
        available: Some(7),
        drain: false,
        echo: false,
        properties: Some(properties),
    }))
}

fn delivery() -> Vec<u8> {
    say(Performative::Transfer(Transfer {
        handle: HANDLE,
        delivery_id: Some(0),
        delivery_tag: Some(DeliveryTag::from(vec![1])),
        message_format: Some(0),
        settled: Some(false),
        more: false,
        rcv_settle_mode: None,
        state: None,
        resume: false,
        aborted: false,
        batchable: false,
    }))
}

/// Attaches to a broker of paper; returns what came of it and all that the broker heard.
async fn attempt(script: Vec<Vec<u8>>) -> (Result<Attached, BrokerError>, tokio::task::JoinHandle<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = BrokerAddress {
        uri: format!("amqp://u:topsecret@{}/%2F", listener.local_addr().unwrap()),
        ..BrokerAddress::default()
    };
    let endpoint = Endpoint::of(&address, &Origin::Url).unwrap();
    let broker = tokio::spawn(paper(listener, script));
    let guard = Guard::of_this_machine(Peer::Broker);
    let attached = attach(&guard, &address, &endpoint, "q", PRIORITY).await;
    (attached, broker)
}

#[tokio::test]
async fn a_broker_that_cannot_tell_when_a_hold_is_complete_is_refused_before_anything_is_held() {
    let old = [login(), vec![open("4.0.5")]].concat();
    for (script, says) in [
        (vec![b"AMQP\x00\x00\x09\x01".to_vec()], "unknown version"),
        (old, "4.0.5"),
    ] {
        let (attached, broker) = attempt(script).await;
        let Err(error) = attached else {
            panic!("it was not refused");
        };
        assert!(matches!(error, BrokerError::TooOld { .. }), "{error}");
        assert!(
            error.to_string().contains(says) && !error.is_transient(),
            "{error}"
        );
        let heard = broker.await.unwrap();
        assert!(!String::from_utf8_lossy(&heard).contains("rabbitmq:priority"));
    }
}

/// Why a hold is lost when the broker says this after it was attached.
async fn loss_after(says: Vec<Vec<u8>>) -> String {
    loss_when(says, Asking::USUAL).await
}

async fn loss_when(says: Vec<Vec<u8>>, asking: Asking) -> String {
    let attaching = [attached(), says.concat()].concat();
    let script = [login(), vec![open("4.3.6"), begin(), attaching]].concat();
    let (attached, broker) = attempt(script).await;
    let (tell, mut state) = watch::channel(HoldState::Waiting);
    let (_release, released) = tokio::sync::oneshot::channel();
    let keeper = tokio::spawn(Keeper::new(attached.unwrap(), tell, asking).keep(released));
    let lost = state.wait_for(|state| matches!(state, HoldState::Lost(_)));
    let lost = tokio::time::timeout(Duration::from_secs(5), lost).await;
    let HoldState::Lost(reason) = lost.expect("not lost within 5 s").unwrap().clone() else {
        unreachable!("it was waited for this");
    };
    keeper.await.unwrap();
    // The connection is closed with the hold.
    broker.await.unwrap();
    reason
}

#[tokio::test]
async fn a_hold_is_lost_as_soon_as_the_broker_says_anything_that_does_not_fit() {
    let detach = say(Performative::Detach(Detach {
        handle: HANDLE,
        closed: true,
        error: Some(Error::new(
            AmqpError::ResourceDeleted,
            "queue gone".to_owned(),
            None,
        )),
    }));
    let cases = [
        (vec![active(true), active(false)], "another consumer"),
        (vec![active(true), active(true)], "active one again"),
        (vec![active(true), delivery()], "delivered a message"),
        (vec![active(false), delivery()], "delivered a message"),
        (vec![active(true), detach], "queue gone"),
        (vec![begin()], "not expected"),
        (vec![active(true), vec![0, 0, 0, 8, 2, 9, 0, 0]], "does not know"),
    ];
    for (says, reason) in cases {
        let told = loss_after(says).await;
        assert!(told.contains(reason), "{told}");
    }
}

/// A node that is cut off from the others talks on, and its queue does not.
#[tokio::test]
async fn a_hold_whose_queue_does_not_answer_is_lost() {
    let impatient = Asking {
        every: Duration::from_millis(10),
        within: Duration::from_millis(200),
    };
    let told = loss_when(vec![active(true)], impatient).await;
    assert!(told.contains("the queue has not answered"), "{told}");
}
