//! A broker's address that a user chose so that we dial what the user cannot.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};

use futures::future::BoxFuture;
use shadow_controller::broker::{Broker, BrokerAddress, BrokerError};
use shadow_core::dialling::{Peer, Rules};
use shadow_core::reason::Reason;
use shadow_dialling::{Guard, Names};
use tokio::net::TcpListener;
use url::Url;

/// Resolves every name to this address.
#[derive(Debug, Default)]
struct Answer(Mutex<Option<IpAddr>>);

impl Answer {
    fn is(&self, address: &str) {
        *self.0.lock().unwrap() = Some(address.parse().unwrap());
    }
}

impl Names for Answer {
    fn addresses<'a>(&'a self, _: &'a str, port: u16) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
        let known = *self.0.lock().unwrap();
        Box::pin(async move { Ok(known.into_iter().map(|ip| SocketAddr::new(ip, port)).collect()) })
    }
}

/// A real broker by a name, at the only address of this machine that may be dialled.
fn named() -> (BrokerAddress, Arc<Answer>, Guard) {
    let by_name = |variable: &str| {
        let mut url = Url::parse(&std::env::var(variable).expect("run it beside a broker")).unwrap();
        url.set_host(Some("mq.shop")).unwrap();
        url.to_string()
    };
    let address = BrokerAddress {
        uri: by_name("SHADOW_TEST_AMQP_URI"),
        management_uri: Some(by_name("SHADOW_TEST_MANAGEMENT_URI")),
        ca: None,
    };
    let answer = Arc::<Answer>::default();
    answer.is("127.0.0.1");
    let rules = Rules {
        exempt: vec!["127.0.0.1".parse().unwrap()],
        ..Rules::of(Peer::Broker)
    };
    (address, answer.clone(), Guard::with_names(rules, answer))
}

/// Nobody has come by now: a connection to this machine waits in the listener as soon as it is dialled.
fn nobody_came(listener: TcpListener) {
    let came = listener.into_std().unwrap().accept();
    assert_eq!(
        came.unwrap_err().kind(),
        io::ErrorKind::WouldBlock,
        "it was dialled"
    );
}

#[tokio::test]
async fn a_broker_at_an_address_that_is_refused_is_not_dialled() {
    let there = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = there.local_addr().unwrap().port();
    let guard = Guard::new(Rules::of(Peer::Broker));
    let honest = format!("amqp://a:b@10.255.255.1:{port}");
    for (uri, management) in [
        (format!("amqp://a:b@127.0.0.1:{port}"), None),
        (format!("amqps://a:b@127.0.0.1:{port}"), None),
        (format!("amqp://a:b@localhost:{port}"), None),
        (format!("amqp://a:b@[::ffff:127.0.0.1]:{port}"), None),
        (honest, Some(format!("http://a:b@127.0.0.1:{port}"))),
    ] {
        let address = BrokerAddress {
            uri,
            management_uri: management,
            ca: None,
        };
        let refused = Broker::connect(&address, &guard).await.unwrap_err();
        assert!(
            matches!(refused, BrokerError::NotAllowed { .. }),
            "{address:?}: {refused}"
        );
        let error = shadow_controller::error::ControllerError::from(refused);
        assert_eq!(error.reason(), Reason::BrokerNotAllowed);
        assert!(!error.is_transient());
        let told = error.to_string();
        assert!(
            told.starts_with("spec.messageQueueConfig.brokerUrl: ") && told.contains("loopback"),
            "{told}"
        );
    }
    nobody_came(there);
}

#[tokio::test]
async fn plain_channels_are_refused_where_tls_is_required() {
    let guard = Guard::new(Rules {
        require_tls: true,
        ..Rules::of_this_machine(Peer::Broker)
    });
    for (uri, management, instead) in [
        ("amqp://a:b@127.0.0.1:1", None, "amqps://"),
        (
            "amqps://a:b@127.0.0.1:1",
            Some("http://a:b@127.0.0.1:1"),
            "https://",
        ),
    ] {
        let address = BrokerAddress {
            uri: uri.to_owned(),
            management_uri: management.map(str::to_owned),
            ca: None,
        };
        let told = Broker::connect(&address, &guard).await.unwrap_err().to_string();
        assert!(told.contains("--require-tls") && told.contains(instead), "{told}");
    }
}

/// Over AMQP 0-9-1, AMQP 1.0 and HTTP alike: what was good once is judged at each dial.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_that_comes_to_resolve_to_another_address_is_refused_on_every_channel() {
    let (address, answer, guard) = named();
    let broker = Broker::connect(&address, &guard).await.unwrap();
    assert!(
        broker.queue("ms2m.none").await.is_ok(),
        "a plain broker is spoken with"
    );
    answer.is("127.0.0.9");
    let management = broker.is_connected_from("10.0.0.1").await.map(drop);
    let hold = broker.hold_single_active("ms2m.none").await.map(drop);
    let again = Broker::connect(&address, &guard).await.map(drop);
    for (channel, told) in [("HTTP", management), ("AMQP 1.0", hold), ("AMQP 0-9-1", again)] {
        let refused = told.unwrap_err();
        assert!(
            matches!(refused, BrokerError::NotAllowed { .. }),
            "{channel}: {refused}"
        );
        let told = refused.to_string();
        assert!(
            told.contains("mq.shop") && told.contains("127.0.0.9"),
            "{channel}: {told}"
        );
    }
    answer.is("127.0.0.1");
    assert!(broker.is_connected_from("10.0.0.1").await.is_ok());
}
