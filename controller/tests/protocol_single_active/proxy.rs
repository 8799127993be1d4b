//! A TCP proxy before the broker: cuts connections, takes no more, or swallows what the broker says.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use url::Url;

use super::scene::address;

pub(crate) struct Proxy {
    port: u16,
    rules: Arc<Rules>,
    cuts: watch::Sender<u32>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct Rules {
    locked: AtomicBool,
    mute: AtomicBool,
    heard: AtomicU64,
    open: AtomicUsize,
}

impl Proxy {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (rules, (cuts, cut)) = (Arc::<Rules>::default(), watch::channel(0));
        let task = tokio::spawn(accept(listener, Arc::clone(&rules), cut));
        Self {
            port,
            rules,
            cuts,
            task,
        }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The broker's address through this proxy.
    pub(crate) fn amqp_uri(&self) -> String {
        let mut uri = Url::parse(&address().uri).unwrap();
        uri.set_port(Some(self.port)).unwrap();
        uri.to_string()
    }

    /// Ends every connection that is open now.
    pub(crate) fn cut(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// Connections that are open now, on both sides.
    pub(crate) fn open(&self) -> usize {
        self.rules.open.load(Ordering::SeqCst)
    }

    /// New connections are closed at once.
    pub(crate) fn lock(&self) {
        self.rules.locked.store(true, Ordering::SeqCst);
    }

    /// What the broker says does not arrive any more.
    pub(crate) fn mute(&self) {
        self.rules.mute.store(true, Ordering::SeqCst);
    }

    /// Bytes that clients have said so far.
    pub(crate) fn heard(&self) -> u64 {
        self.rules.heard.load(Ordering::SeqCst)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, rules: Arc<Rules>, cut: watch::Receiver<u32>) {
    let broker = Url::parse(&address().uri).unwrap().port().unwrap();
    while let Ok((client, _)) = listener.accept().await {
        if rules.locked.load(Ordering::SeqCst) {
            continue;
        }
        let (rules, mut cut) = (Arc::clone(&rules), cut.clone());
        cut.mark_unchanged();
        tokio::spawn(async move {
            let broker = TcpStream::connect(("127.0.0.1", broker)).await.unwrap();
            rules.open.fetch_add(1, Ordering::SeqCst);
            tokio::select! {
                _ = cut.changed() => {}
                () = forward(client, broker, &rules) => {}
            }
            rules.open.fetch_sub(1, Ordering::SeqCst);
        });
    }
}

async fn forward(client: TcpStream, broker: TcpStream, rules: &Rules) {
    client.set_nodelay(true).unwrap();
    broker.set_nodelay(true).unwrap();
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_broker, mut to_broker) = broker.into_split();
    let out = async {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(read @ 1..) = from_client.read(&mut buffer).await {
            rules.heard.fetch_add(read as u64, Ordering::SeqCst);
            if to_broker.write_all(&buffer[..read]).await.is_err() {
                return;
            }
        }
    };
    let back = async {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(read @ 1..) = from_broker.read(&mut buffer).await {
            let mute = rules.mute.load(Ordering::SeqCst);
            if !mute && to_client.write_all(&buffer[..read]).await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        () = out => {}
        () = back => {}
    }
}
