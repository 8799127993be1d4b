//! Who is dialled when names answer as an attacker wants.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use shadow_core::dialling::Block;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;

/// Answers each question with the next of these, the last one for ever.
#[derive(Debug)]
struct InTurn {
    answers: Mutex<Vec<Vec<IpAddr>>>,
    asked: AtomicUsize,
}

impl InTurn {
    fn new(answers: &[&[&str]]) -> Arc<Self> {
        let parsed = |list: &&[&str]| list.iter().map(|one| one.parse().unwrap()).collect();
        Arc::new(Self {
            answers: Mutex::new(answers.iter().map(parsed).collect()),
            asked: AtomicUsize::new(0),
        })
    }
}

impl Names for InTurn {
    fn addresses<'a>(&'a self, _: &'a str, port: u16) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let mut answers = self.answers.lock().unwrap();
        let now = if answers.len() > 1 {
            answers.remove(0)
        } else {
            answers[0].clone()
        };
        Box::pin(async move { Ok(now.into_iter().map(|ip| SocketAddr::new(ip, port)).collect()) })
    }
}

/// Loopback is dialled in these tests but for 127.0.0.9.
fn guard(names: Arc<InTurn>, exempt: &[&str]) -> Guard {
    let parsed = |text: &&str| text.parse::<Block>().unwrap();
    let rules = Rules {
        exempt: exempt.iter().map(parsed).collect(),
        ..Rules::of(Peer::Broker)
    };
    Guard::with_names(rules, names)
}

/// What listens at an address; the port is the same for all of one test.
async fn listener(address: &str, port: u16) -> TcpListener {
    TcpListener::bind((address, port)).await.unwrap()
}

/// A connection to this machine waits in the listener as soon as it is dialled.
fn nobody_came(listener: TcpListener) {
    let came = listener.into_std().unwrap().accept();
    assert_eq!(
        came.unwrap_err().kind(),
        io::ErrorKind::WouldBlock,
        "somebody was dialled"
    );
}

#[tokio::test]
async fn a_name_that_changes_its_address_is_dialled_at_the_one_that_was_judged() {
    let good = listener("127.0.0.1", 0).await;
    let port = good.local_addr().unwrap().port();
    let bad = listener("127.0.0.9", port).await;
    let names = InTurn::new(&[&["127.0.0.1"], &["127.0.0.9"]]);
    let guard = guard(names.clone(), &["127.0.0.1"]);
    let connected = guard.dial("mq.shop", port).await.unwrap();
    assert_eq!(connected.peer_addr().unwrap().ip().to_string(), "127.0.0.1");
    assert_eq!(names.asked.load(Ordering::SeqCst), 1, "a name is resolved once");
    // From now on it resolves to what may not be dialled.
    let refused = guard.dial("mq.shop", port).await.unwrap_err();
    assert!(matches!(&refused, DialError::Refused(_)), "{refused}");
    assert!(refused.to_string().contains("127.0.0.9"), "{refused}");
    nobody_came(bad);
}

#[tokio::test]
async fn of_several_addresses_only_the_lawful_ones_are_dialled() {
    let good = listener("127.0.0.1", 0).await;
    let port = good.local_addr().unwrap().port();
    let bad = listener("127.0.0.9", port).await;
    let names = InTurn::new(&[&["127.0.0.9", "169.254.169.254", "127.0.0.1"]]);
    let connected = guard(names, &["127.0.0.1"]).dial("mq.shop", port).await.unwrap();
    assert_eq!(connected.peer_addr().unwrap().ip().to_string(), "127.0.0.1");
    nobody_came(bad);
}

#[tokio::test]
async fn an_address_that_is_refused_is_not_dialled() {
    let there = listener("127.0.0.1", 0).await;
    let port = there.local_addr().unwrap().port();
    for host in ["127.0.0.1", "[::ffff:127.0.0.1]", "localhost", "mq.shop"] {
        let names = InTurn::new(&[&["127.0.0.1"]]);
        let refused = guard(names, &[]).dial(host, port).await.unwrap_err();
        assert!(matches!(refused, DialError::Refused(_)), "{host}: {refused}");
    }
    nobody_came(there);
}

#[tokio::test]
async fn a_node_is_refused_from_the_moment_at_which_it_is_known() {
    let there = listener("127.0.0.1", 0).await;
    let port = there.local_addr().unwrap().port();
    let names = InTurn::new(&[&["192.0.2.7"]]);
    let guard = guard(names, &[]);
    guard.clone().nodes_are(vec!["192.0.2.7".parse().unwrap()]);
    let refused = guard.dial("mq.shop", port).await.unwrap_err().to_string();
    assert!(refused.contains("a node's"), "{refused}");
}

/// A client as ours are: guarded names, nothing followed by itself.
fn client(guard: Guard, host: &str, port: u16) -> reqwest::Client {
    // Another test may have been first.
    drop(rustls::crypto::ring::default_provider().install_default());
    reqwest::Client::builder()
        .dns_resolver(GuardedNames::of(guard, host, port))
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .build()
        .unwrap()
}

#[tokio::test]
async fn an_http_client_dials_what_was_judged_and_says_why_not() {
    let good = listener("127.0.0.1", 0).await;
    let port = good.local_addr().unwrap().port();
    let bad = listener("127.0.0.9", port).await;
    let names = InTurn::new(&[&["127.0.0.1"], &["127.0.0.9"]]);
    let client = client(guard(names, &["127.0.0.1"]), "mq.shop", port);
    let answering = tokio::spawn(async move {
        let (mut stream, _) = good.accept().await.unwrap();
        let mut head = [0; 1024];
        let read = stream.read(&mut head).await.unwrap();
        let answer = "HTTP/1.1 302 Found\r\nlocation: http://mq.shop:1/\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
        stream.write_all(answer.as_bytes()).await.unwrap();
        String::from_utf8_lossy(&head[..read]).into_owned()
    });
    let answer = client
        .get(format!("http://mq.shop:{port}/x"))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 302, "it is not followed");
    let asked = answering.await.unwrap();
    assert!(
        asked.contains(&format!("host: mq.shop:{port}")),
        "the name stays: {asked}"
    );
    let failed = client
        .get(format!("http://mq.shop:{port}/x"))
        .send()
        .await
        .unwrap_err();
    let refusal = refusal_of(&failed).expect("it was refused").to_string();
    assert!(refusal.contains("127.0.0.9"), "{refusal}");
    nobody_came(bad);
}

#[tokio::test]
async fn a_list_is_for_the_host_that_was_asked_for_and_the_ranges_are_for_all() {
    let names = InTurn::new(&[&["127.0.0.1"]]);
    let rules = Rules {
        only: vec!["registry.example.org".parse().unwrap()],
        ..Rules::of(Peer::Registry)
    };
    let client = client(Guard::with_names(rules, names), "registry.example.org", 80);
    let failed = client
        .get("http://storage.example.org:9/blob")
        .send()
        .await
        .unwrap_err();
    let refusal = refusal_of(&failed).expect("it was refused");
    assert!(matches!(refusal, Refusal::Address { .. }), "{refusal}");
}
