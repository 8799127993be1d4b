//! A pod as the broker sees it: connections from an address of its own, made by a relay on loopback.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use k8s_openapi::api::core::v1;
use lapin::options::{
    BasicConsumeOptions, BasicGetOptions, BasicPublishOptions, BasicQosOptions, ConfirmSelectOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties, Consumer};
use serde_json::json;
use shadow_core::wire::{Peer, Preflight};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::watch;
use url::Url;

use crate::stage::uri;

/// Name of its container.
pub(crate) const CONTAINER: &str = "app";

/// A pod with connections to the broker.
pub(crate) struct Pod {
    pub(crate) name: String,
    pub(crate) address: Ipv4Addr,
    relay: SocketAddr,
    peers: Arc<Mutex<Vec<Peer>>>,
}

/// A consumer, as long as it is kept.
pub(crate) struct Consuming {
    _connection: Connection,
    _channel: Channel,
    _consumer: Consumer,
}

/// A channel that has published, as long as it is kept.
pub(crate) struct Publishing {
    _connection: Connection,
    _channel: Channel,
}

/// Somebody who looks into a queue, as long as the test lives.
pub(crate) struct Looking(watch::Receiver<u32>);

impl Looking {
    /// Returns after a hundred and twenty looks.
    pub(crate) async fn often(mut self) {
        self.0.wait_for(|looks| *looks >= 120).await.unwrap();
    }
}

/// How something is consumed.
#[derive(Clone, Copy)]
pub(crate) struct How {
    pub(crate) automatic: bool,
    pub(crate) exclusive: bool,
    pub(crate) prefetch: u16,
    pub(crate) timeout_millis: Option<u32>,
}

pub(crate) const ORDINARY: How = How {
    automatic: false,
    exclusive: false,
    prefetch: 1,
    timeout_millis: None,
};

impl Pod {
    /// With an address that no other test has: each test is a process of its own.
    pub(crate) async fn new(name: &str) -> Self {
        static COUNT: AtomicU8 = AtomicU8::new(1);
        let [.., high, low] = std::process::id().to_be_bytes();
        let address = Ipv4Addr::new(127, high | 0x80, low, COUNT.fetch_add(1, Ordering::Relaxed));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let relay = listener.local_addr().unwrap();
        let peers = Arc::new(Mutex::new(Vec::new()));
        tokio::spawn(relayed(listener, address, Arc::clone(&peers)));
        Self {
            name: name.to_owned(),
            address,
            relay,
            peers,
        }
    }

    async fn connected(&self) -> Connection {
        let mut uri = Url::parse(&uri()).unwrap();
        uri.set_port(Some(self.relay.port())).unwrap();
        let connecting = Connection::connect(uri.as_str(), ConnectionProperties::default());
        connecting.await.unwrap()
    }

    pub(crate) async fn consumes(&self, queue: &str, how: How) -> Consuming {
        let connection = self.connected().await;
        let channel = connection.create_channel().await.unwrap();
        channel
            .basic_qos(how.prefetch, BasicQosOptions::default())
            .await
            .unwrap();
        let options = BasicConsumeOptions {
            no_ack: how.automatic,
            exclusive: how.exclusive,
            ..BasicConsumeOptions::default()
        };
        let mut arguments = FieldTable::default();
        if let Some(millis) = how.timeout_millis {
            arguments.insert("x-consumer-timeout".into(), AMQPValue::LongUInt(millis));
        }
        let consumer = channel
            .basic_consume(queue.into(), "app".into(), options, arguments)
            .await
            .unwrap();
        Consuming {
            _connection: connection,
            _channel: channel,
            _consumer: consumer,
        }
    }

    /// Looks into a queue ten times a second.
    pub(crate) async fn looks_into(&self, queue: &str) -> Looking {
        let connection = self.connected().await;
        let channel = connection.create_channel().await.unwrap();
        let (queue, (tell, looks)) = (queue.to_owned(), watch::channel(0));
        tokio::spawn(async move {
            let _connection = connection;
            loop {
                channel
                    .basic_get(queue.as_str().into(), BasicGetOptions::default())
                    .await
                    .unwrap();
                tell.send_modify(|looks| *looks += 1);
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        });
        Looking(looks)
    }

    /// Publishes one message to a queue, with confirms or without, over a channel that stays open as long as it is kept.
    pub(crate) async fn publishes(&self, queue: &str, confirms: bool) -> Publishing {
        let connection = self.connected().await;
        let channel = connection.create_channel().await.unwrap();
        if confirms {
            channel
                .confirm_select(ConfirmSelectOptions::default())
                .await
                .unwrap();
        }
        channel
            .basic_publish(
                "".into(),
                queue.into(),
                BasicPublishOptions::default(),
                b"m",
                BasicProperties::default(),
            )
            .await
            .unwrap()
            .await
            .unwrap();
        Publishing {
            _connection: connection,
            _channel: channel,
        }
    }

    /// With a connection that is not to this broker.
    pub(crate) fn and_another_peer(&self, peer: Peer) -> &Self {
        self.peers.lock().unwrap().push(peer);
        self
    }

    /// As Kubernetes describes it.
    pub(crate) fn object(&self) -> v1::Pod {
        let address = self.address.to_string();
        serde_json::from_value(json!({
            "metadata": {"name": self.name, "namespace": "default"},
            "spec": {"containers": [{"name": CONTAINER, "image": "registry.example.org/app:1"}]},
            "status": {"podIP": address, "podIPs": [{"ip": address}], "containerStatuses": [{
                "name": CONTAINER, "image": "registry.example.org/app:1", "ready": true, "restartCount": 0,
                "imageID": "registry.example.org/app@sha256:12"}]},
        }))
        .unwrap()
    }

    /// As its node's agent sees it.
    pub(crate) fn preflight(&self) -> Preflight {
        Preflight {
            peers: Some(self.peers.lock().unwrap().clone()),
            ..Preflight::default()
        }
    }
}

async fn relayed(listener: TcpListener, from: Ipv4Addr, peers: Arc<Mutex<Vec<Peer>>>) {
    let port = Url::parse(&uri()).unwrap().port().unwrap();
    loop {
        let (mut inner, _) = listener.accept().await.unwrap();
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::from((from, 0))).unwrap();
        let mut outer = socket
            .connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
            .await
            .unwrap();
        peers.lock().unwrap().push(Peer {
            local: outer.local_addr().unwrap().port(),
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            port,
        });
        tokio::spawn(async move { copy_bidirectional(&mut inner, &mut outer).await });
    }
}
