//! A TCP proxy before the broker that can cut every connection, or lose what the client says.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use url::Url;

use crate::broker::amqp_uri;

pub struct Proxy {
    address: SocketAddr,
    cuts: watch::Sender<u32>,
    rules: Arc<Rules>,
    task: JoinHandle<()>,
}

/// Bytes that are read but not passed on.
#[derive(Default)]
struct Rules {
    to_broker_lost: AtomicBool,
    to_client_lost: AtomicBool,
}

impl Proxy {
    pub async fn start() -> Self {
        let broker = Url::parse(&amqp_uri()).expect("SHADOW_TEST_AMQP_URI");
        let broker = (
            broker.host_str().expect("host").to_owned(),
            broker.port().unwrap_or(5672),
        );
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("its address");
        let (cuts, cut) = watch::channel(0);
        let rules = Arc::<Rules>::default();
        let task = tokio::spawn(accept(listener, broker, cut, Arc::clone(&rules)));
        Self {
            address,
            cuts,
            rules,
            task,
        }
    }

    /// The broker's address through this proxy.
    pub fn amqp_uri(&self) -> String {
        let mut uri = Url::parse(&amqp_uri()).expect("SHADOW_TEST_AMQP_URI");
        uri.set_host(Some("127.0.0.1")).expect("a host");
        uri.set_port(Some(self.address.port())).expect("a port");
        uri.to_string()
    }

    /// Ends every connection that is open now.
    pub fn cut(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// From now on, until the next connections, nothing the client says arrives.
    pub fn lose_to_broker(&self, lose: bool) {
        self.rules.to_broker_lost.store(lose, Ordering::SeqCst);
    }

    /// The same for what the broker says.
    pub fn lose_to_client(&self, lose: bool) {
        self.rules.to_client_lost.store(lose, Ordering::SeqCst);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, broker: (String, u16), cut: watch::Receiver<u32>, rules: Arc<Rules>) {
    while let Ok((client, _)) = listener.accept().await {
        let (broker, mut cut, rules) = (broker.clone(), cut.clone(), Arc::clone(&rules));
        cut.mark_unchanged();
        tokio::spawn(async move {
            tokio::select! {
                _ = cut.changed() => {}
                () = forward(client, broker, &rules) => {}
            }
        });
    }
}

async fn forward(client: TcpStream, broker: (String, u16), rules: &Rules) {
    let broker = TcpStream::connect(broker).await.expect("the broker");
    client.set_nodelay(true).expect("nodelay");
    broker.set_nodelay(true).expect("nodelay");
    let (client_reads, client_writes) = client.into_split();
    let (broker_reads, broker_writes) = broker.into_split();
    tokio::select! {
        () = pump(client_reads, broker_writes, &rules.to_broker_lost) => {}
        () = pump(broker_reads, client_writes, &rules.to_client_lost) => {}
    }
}

async fn pump(mut from: impl AsyncReadExt + Unpin, mut to: impl AsyncWriteExt + Unpin, lost: &AtomicBool) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(read) = from.read(&mut buffer).await {
        if read == 0 {
            return;
        }
        if !lost.load(Ordering::SeqCst) && to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}
