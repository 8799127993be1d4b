//! x
#![allow(clippy::all)]
use lapin::{options::*, types::*, *};
use serde_json::*;
use shadow_controller::broker::*;
use std::time::*;
fn address() -> BrokerAddress {
    BrokerAddress {
        uri: std::env::var("SHADOW_TEST_AMQP_URI").unwrap(),
        management_uri: Some(std::env::var("SHADOW_TEST_MANAGEMENT_URI").unwrap()),
        ca: None,
    }
}
async fn api(m: reqwest::Method, path: &str) -> Value {
    let mut url = url::Url::parse(&address().management_uri.unwrap()).unwrap();
    let (u, p) = (url.username().to_owned(), url.password().unwrap().to_owned());
    url.set_username("").unwrap();
    url.set_password(None).unwrap();
    rustls::crypto::ring::default_provider().install_default().ok();
    reqwest::Client::new()
        .request(m, format!("{}/api{path}", url.as_str().trim_end_matches('/')))
        .basic_auth(u, Some(p))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap_or(Value::Null)
}
fn brief(v: &Value, q: &str) -> Vec<String> {
    v.as_array()
        .unwrap()
        .iter()
        .filter(|c| c["queue"]["name"] == q)
        .map(|c| {
            format!(
                "{} prio={} act={} ch={}",
                c["consumer_tag"].as_str().unwrap(),
                c["arguments"]["x-priority"],
                c["activity_status"],
                c["channel_details"]["name"]
            )
        })
        .collect()
}
async fn app(q: &str, tag: &str) -> (Connection, Channel, Consumer) {
    let c = Connection::connect(&address().uri, ConnectionProperties::default())
        .await
        .unwrap();
    let ch = c.create_channel().await.unwrap();
    ch.basic_qos(50, BasicQosOptions::default()).await.unwrap();
    let cons = ch
        .basic_consume(
            q.into(),
            tag.into(),
            BasicConsumeOptions::default(),
            FieldTable::default(),
        )
        .await
        .unwrap();
    (c, ch, cons)
}
async fn count(b: &Broker, q: &str) -> String {
    format!("{:?}", b.queue(q).await.unwrap())
}
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn explore() {
    let q = format!(
        "x{}",
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros()
    );
    let b = Broker::connect(&address()).await.unwrap();
    let c = Connection::connect(&address().uri, ConnectionProperties::default())
        .await
        .unwrap();
    let ch = c.create_channel().await.unwrap();
    let mut t = FieldTable::default();
    t.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
    t.insert("x-single-active-consumer".into(), AMQPValue::Boolean(true));
    ch.queue_declare(q.as_str().into(), QueueDeclareOptions::durable(), t)
        .await
        .unwrap();
    let a = app(&q, "app").await;
    let t0 = Instant::now();
    for _ in 0..14 {
        println!(
            "{:?} one app {:?} {}",
            t0.elapsed(),
            brief(&api(reqwest::Method::GET, "/consumers/%2F").await, &q),
            count(&b, &q).await
        );
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    for i in 0..10u8 {
        ch.basic_publish(
            "".into(),
            q.as_str().into(),
            BasicPublishOptions::default(),
            &[i],
            BasicProperties::default(),
        )
        .await
        .unwrap()
        .await
        .unwrap();
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    let t1 = Instant::now();
    let h = b.hold_single_active(&q).await.unwrap();
    println!(
        "attached {:?} {:?} {}",
        t1.elapsed(),
        h.state(),
        count(&b, &q).await
    );
    println!(
        "{:?}",
        brief(&api(reqwest::Method::GET, "/consumers/%2F").await, &q)
    );
    // kill app's connection with 10 unacked
    if std::env::var("KILL").is_ok() {
        let n = a.0.status();
        let _ = n;
        let t = Instant::now();
        drop(a.2);
        a.0.close(200, "x".into()).await.unwrap();
        for _ in 0..16 {
            println!(
                "{:?} killed {:?} {:?} {} ch={:?}",
                t.elapsed(),
                h.state(),
                brief(&api(reqwest::Method::GET, "/consumers/%2F").await, &q),
                count(&b, &q).await,
                api(reqwest::Method::GET, "/channels?columns=name")
                    .await
                    .as_array()
                    .unwrap()
                    .len()
            );
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        let a2 = app(&q, "app2").await;
        let t = Instant::now();
        for _ in 0..14 {
            println!(
                "{:?} app2 {:?} {}",
                t.elapsed(),
                brief(&api(reqwest::Method::GET, "/consumers/%2F").await, &q),
                count(&b, &q).await
            );
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        println!("release {:?}", h.release().await);
        let t = Instant::now();
        for _ in 0..6 {
            println!(
                "{:?} released {:?} {}",
                t.elapsed(),
                brief(&api(reqwest::Method::GET, "/consumers/%2F").await, &q),
                count(&b, &q).await
            );
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        drop(a2);
        return;
    }
    a.1.basic_ack(10, BasicAckOptions { multiple: true })
        .await
        .unwrap();
    println!(
        "settled {:?} {:?}",
        h.settled_within(Duration::from_secs(3)).await,
        t1.elapsed()
    );
    println!(
        "{:?} {}",
        brief(&api(reqwest::Method::GET, "/consumers/%2F").await, &q),
        count(&b, &q).await
    );
    let a2 = app(&q, "app2").await;
    println!(
        "copy {:?} {}",
        brief(&api(reqwest::Method::GET, "/consumers/%2F").await, &q),
        count(&b, &q).await
    );
    tokio::time::sleep(Duration::from_secs(6)).await;
    println!(
        "copy {:?} {}",
        brief(&api(reqwest::Method::GET, "/consumers/%2F").await, &q),
        count(&b, &q).await
    );
    a.0.close(200, "x".into()).await.unwrap();
    println!(
        "src gone {:?} {}",
        brief(&api(reqwest::Method::GET, "/consumers/%2F").await, &q),
        count(&b, &q).await
    );
    let t = Instant::now();
    println!("release {:?} {:?}", h.release().await, t.elapsed());
    println!(
        "rel {:?} {}",
        brief(&api(reqwest::Method::GET, "/consumers/%2F").await, &q),
        count(&b, &q).await
    );
    drop(a2);
}

async fn proxy() -> (u16, tokio::sync::broadcast::Sender<()>) {
    let l = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = l.local_addr().unwrap().port();
    let (tx, _) = tokio::sync::broadcast::channel(4);
    let t2 = tx.clone();
    let bp = url::Url::parse(&address().uri).unwrap().port().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut c, _) = l.accept().await.unwrap();
            let mut s = tokio::net::TcpStream::connect(("127.0.0.1", bp)).await.unwrap();
            let mut rx = t2.subscribe();
            tokio::spawn(async move {
                tokio::select! { _=rx.recv()=>{}, _=tokio::io::copy_bidirectional(&mut c,&mut s)=>{} }
            });
        }
    });
    (port, tx)
}
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn trap() {
    for round in 0..6 {
        let q = format!(
            "t{}",
            SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros()
        );
        let b = Broker::connect(&address()).await.unwrap();
        let c = Connection::connect(&address().uri, ConnectionProperties::default())
            .await
            .unwrap();
        let ch = c.create_channel().await.unwrap();
        let mut t = FieldTable::default();
        t.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
        t.insert("x-single-active-consumer".into(), AMQPValue::Boolean(true));
        ch.queue_declare(q.as_str().into(), QueueDeclareOptions::durable(), t)
            .await
            .unwrap();
        let (port, cut) = proxy().await;
        let mut u = url::Url::parse(&address().uri).unwrap();
        u.set_port(Some(port)).unwrap();
        let a = Connection::connect(u.as_str(), ConnectionProperties::default())
            .await
            .unwrap();
        let ach = a.create_channel().await.unwrap();
        ach.basic_qos(50, BasicQosOptions::default()).await.unwrap();
        let _cons = ach
            .basic_consume(
                q.as_str().into(),
                "app".into(),
                BasicConsumeOptions::default(),
                FieldTable::default(),
            )
            .await
            .unwrap();
        for i in 0..10u8 {
            ch.basic_publish(
                "".into(),
                q.as_str().into(),
                BasicPublishOptions::default(),
                &[i],
                BasicProperties::default(),
            )
            .await
            .unwrap()
            .await
            .unwrap();
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
        if round >= 3 {
            tokio::time::sleep(Duration::from_millis(6000)).await;
        }
        let h = b.hold_single_active(&q).await.unwrap();
        println!(
            "-- round {round} {:?} {:?}",
            h.state(),
            brief(&api(reqwest::Method::GET, "/consumers/%2F").await, &q)
        );
        let t = Instant::now();
        cut.send(()).unwrap();
        let settled = h.settled_within(Duration::from_secs(2)).await;
        println!(
            "{:?} after cut {:?} {}",
            settled,
            t.elapsed(),
            count(&b, &q).await
        );
        let a2 = app(&q, "app2").await;
        for _ in 0..4 {
            println!(
                "{:?} {:?} {} ch={}",
                t.elapsed(),
                brief(&api(reqwest::Method::GET, "/consumers/%2F").await, &q),
                count(&b, &q).await,
                api(reqwest::Method::GET, "/channels?columns=name").await
            );
            tokio::time::sleep(Duration::from_millis(2000)).await;
        }
        println!("release {:?}", h.release().await);
        tokio::time::sleep(Duration::from_millis(500)).await;
        println!(
            "{:?} {:?} {}",
            t.elapsed(),
            brief(&api(reqwest::Method::GET, "/consumers/%2F").await, &q),
            count(&b, &q).await
        );
        tokio::time::sleep(Duration::from_millis(3000)).await;
        println!(
            "{:?} {:?} {}",
            t.elapsed(),
            brief(&api(reqwest::Method::GET, "/consumers/%2F").await, &q),
            count(&b, &q).await
        );
        drop(a2);
    }
}
