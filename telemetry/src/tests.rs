use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use k8s_openapi::jiff::SignedDuration;
use shadow_core::api::{HoldKind, Step};
use shadow_core::gone::Left;
use shadow_core::reason::Reason;
use shadow_core::tally::{Count, Ended, Held, Outcome, Present, Why};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::common::Certificate;
use crate::controller::Visit;
use crate::serve::{self, Shown};
use crate::{Kind, agent, controller, described, text, webhook};

fn value(text: &str, series: &str) -> f64 {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    let line = line.unwrap_or_else(|| panic!("no series {series} in\n{text}"));
    line.trim().parse().unwrap()
}

fn ended(outcome: Outcome, why: Why, pause: Option<i64>) -> Count {
    Count::Ended(Ended {
        outcome,
        why,
        took: SignedDuration::from_secs(6),
        pause: pause.map(|millis| (HoldKind::SingleActive, SignedDuration::from_millis(millis))),
    })
}

fn one_of_each() -> Vec<Count> {
    let dumped = Count::Dumped {
        bytes: 4096,
        froze: SignedDuration::from_millis(200),
    };
    vec![
        Count::Begun(SignedDuration::from_secs(2)),
        Count::Step(Step::Hold, SignedDuration::from_millis(40)),
        dumped,
        Count::Transferred(1024),
        Count::Committed(HoldKind::SingleActive),
        Count::HeldTooLong(HoldKind::Park),
        Count::Undone(Reason::TargetNotReady),
        Count::Reconnected(SignedDuration::from_millis(50)),
        Count::Stuck(Reason::NoPlace),
        Count::Left(Left {
            gone: "Secret".to_owned(),
            queues: vec!["ms2m.hold.a".to_owned(), "ms2m.hold.b".to_owned()],
            ..Left::default()
        }),
        ended(Outcome::Exact, Why::AsWanted, Some(700)),
        ended(Outcome::Undone, Why::Cause(Reason::RestoreFailed), None),
    ]
}

#[test]
fn each_count_shows_in_its_series() {
    let metrics = controller::Metrics::new("1.2.3");
    metrics.count(&one_of_each(), false);
    metrics.held_messages(1_500);
    metrics.visited(Visit::Done, Duration::from_secs(1));
    metrics.effect_failed(Reason::BrokerUnreachable);
    let text = metrics.text();
    for (series, expected) in [
        ("shadow_move_wait_seconds_sum", 2.0),
        ("shadow_step_duration_seconds_sum{step=\"Hold\"}", 0.04),
        ("shadow_archive_bytes_total", 4096.0),
        ("shadow_freeze_seconds_sum", 0.2),
        ("shadow_transferred_bytes_total", 1024.0),
        ("shadow_handoffs_committed_total{hold=\"SingleActive\"}", 1.0),
        ("shadow_max_pause_exceeded_total{hold=\"Park\"}", 1.0),
        ("shadow_max_pause_exceeded_total{hold=\"SingleActive\"}", 0.0),
        ("shadow_handoffs_undone_total{reason=\"TargetNotReady\"}", 1.0),
        ("shadow_reconnect_seconds_sum", 0.05),
        ("shadow_moves_stuck_events_total{reason=\"NoPlace\"}", 1.0),
        ("shadow_moves_gone_for_good_total{gone=\"Secret\"}", 1.0),
        ("shadow_moves_gone_for_good_total{gone=\"Queue\"}", 0.0),
        ("shadow_left_objects_total{kind=\"queue\"}", 2.0),
        ("shadow_left_objects_total{kind=\"pod\"}", 0.0),
        ("shadow_moves_total{outcome=\"Exact\",reason=\"None\"}", 1.0),
        (
            "shadow_moves_total{outcome=\"Undone\",reason=\"RestoreFailed\"}",
            1.0,
        ),
        ("shadow_moves_total{outcome=\"Undone\",reason=\"CopyLost\"}", 0.0),
        ("shadow_move_duration_seconds_count", 2.0),
        ("shadow_pause_seconds_sum{hold=\"SingleActive\"}", 0.7),
        ("shadow_held_messages_bucket{le=\"1000.0\"}", 0.0),
        ("shadow_held_messages_bucket{le=\"10000.0\"}", 1.0),
        ("shadow_visits_total{result=\"done\"}", 1.0),
        ("shadow_failed_effects_total{reason=\"BrokerUnreachable\"}", 1.0),
        ("shadow_build_info{version=\"1.2.3\"}", 1.0),
    ] {
        let seen = value(&text, series);
        assert!((seen - expected).abs() < 1e-9, "{series} is {seen}");
    }
}

#[test]
fn a_plan_is_no_move() {
    let metrics = controller::Metrics::new("");
    let counts = [
        Count::Step(Step::Prepare, SignedDuration::from_secs(1)),
        ended(Outcome::Refused, Why::Cause(Reason::NoControlQueue), None),
    ];
    metrics.count(&counts, true);
    let text = metrics.text();
    let plans = "shadow_plans_total{outcome=\"Refused\",reason=\"NoControlQueue\"}";
    assert!((value(&text, plans) - 1.0).abs() < 1e-9);
    let moves = "shadow_moves_total{outcome=\"Refused\",reason=\"NoControlQueue\"}";
    assert!(value(&text, moves).abs() < 1e-9);
    assert!(value(&text, "shadow_step_duration_seconds_count{step=\"Prepare\"}").abs() < 1e-9);
}

#[test]
fn a_queue_whose_move_is_over_is_not_shown_any_more() {
    let metrics = controller::Metrics::new("");
    let held = Held {
        uid: "u".to_owned(),
        namespace: "shop".to_owned(),
        vhost: "/".to_owned(),
        queue: "orders.\"0".to_owned(),
        now: true,
    };
    let present = Present {
        held: vec![held],
        ..Present::default()
    };
    metrics.show(&present, &[("u".to_owned(), 7)].into());
    let labels = "{namespace=\"shop\",vhost=\"/\",queue=\"orders.\\\"0\"}";
    let text = metrics.text();
    assert!((value(&text, &format!("shadow_hold_active{labels}")) - 1.0).abs() < 1e-9);
    assert!((value(&text, &format!("shadow_hold_messages{labels}")) - 7.0).abs() < 1e-9);
    metrics.show(&Present::default(), &[].into());
    assert!(!metrics.text().contains("shadow_hold_active"));
}

#[test]
fn a_path_that_is_no_review_makes_no_series() {
    let metrics = webhook::Metrics::new("");
    metrics.reviewed(
        "/mutate/pods",
        webhook::Outcome::Changed,
        Duration::from_millis(3),
    );
    let before = metrics.text().lines().count();
    metrics.reviewed("/whatever", webhook::Outcome::Refused, Duration::ZERO);
    let text = metrics.text();
    assert_eq!(text.lines().count(), before);
    let series = "shadow_admission_reviews_total{review=\"mutate/pods\",outcome=\"changed\"}";
    assert!((value(&text, series) - 1.0).abs() < 1e-9);
}

#[test]
fn an_agent_counts_bytes_of_what_succeeded_only() {
    let metrics = agent::Metrics::default();
    metrics.dumped(Some(10), Duration::from_secs(1));
    metrics.dumped(None, Duration::from_secs(9));
    metrics.received(Some(5), Duration::from_secs(1));
    metrics.restored(Some(Duration::from_millis(300)));
    metrics.restored(None);
    metrics.has(Some(1 << 30), 2);
    metrics
        .common
        .expires(Certificate::Own, UNIX_EPOCH + Duration::from_secs(1_700_000_000));
    let text = metrics.text();
    for (series, expected) in [
        ("shadow_agent_dumps_total{outcome=\"done\"}", 1.0),
        ("shadow_agent_dumps_total{outcome=\"failed\"}", 1.0),
        ("shadow_agent_dump_duration_seconds_sum", 1.0),
        ("shadow_agent_dumped_bytes_total", 10.0),
        ("shadow_agent_received_bytes_total", 5.0),
        ("shadow_agent_restores_total{outcome=\"failed\"}", 1.0),
        ("shadow_agent_archive_room_bytes", f64::from(1 << 30)),
        (
            "shadow_certificate_expiry_timestamp_seconds{certificate=\"own\"}",
            1_700_000_000.0,
        ),
    ] {
        assert!((value(&text, series) - expected).abs() < 1e-9, "{series}");
    }
}

/// The conventions of Prometheus, as `promtool check metrics` holds us to them, too.
#[test]
fn names_follow_the_conventions() {
    for (part, metrics) in described() {
        let names: BTreeSet<&str> = metrics.iter().map(|one| one.name.as_str()).collect();
        assert_eq!(names.len(), metrics.len(), "{part}: a name twice");
        for one in &metrics {
            let name = &one.name;
            assert!(name.starts_with("shadow_"), "{name}");
            assert_eq!(name.ends_with("_total"), one.kind == Kind::Counter, "{name}");
            for wrong in [
                "_ms",
                "milliseconds",
                "_kb",
                "_mb",
                "_count",
                "_sum",
                "_bucket",
                "histogram",
            ] {
                assert!(!name.contains(wrong), "{name} has {wrong}");
            }
            assert!(
                !one.help.is_empty() && !one.help.ends_with('.'),
                "{name}: {}",
                one.help
            );
            assert!(!one.labels.contains(&"pod"), "{name}: pods come and go");
        }
    }
}

/// Whatever a part does, its text stays small enough to be read every few seconds.
#[test]
fn a_text_is_bounded() {
    let moves = |n: usize| Held {
        uid: n.to_string(),
        namespace: "n".repeat(63),
        vhost: "/".to_owned(),
        queue: format!("{n}{}", "q".repeat(250)),
        now: true,
    };
    let metrics = controller::Metrics::new("");
    let present = Present {
        held: (0..200).map(moves).collect(),
        ..Present::default()
    };
    metrics.show(&present, &(0..200).map(|n| (n.to_string(), 1)).collect());
    let bytes = metrics.text().len();
    assert!(bytes < 256 << 10, "{bytes}");
}

struct Part(Arc<controller::Metrics>);

impl Shown for Part {
    fn metrics(&self) -> String {
        self.0.text()
    }

    fn alive(&self) -> Result<(), String> {
        Ok(())
    }

    fn ready(&self) -> Result<(), String> {
        Err("no certificate yet".to_owned())
    }
}

async fn asked(address: std::net::SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn probes_and_metrics_are_answered_and_nothing_else() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = tokio::spawn(serve::serve(
        listener,
        Part(Arc::new(controller::Metrics::new(""))),
    ));
    let get = |path: &str, more: &str| {
        let request = format!("GET {path} HTTP/1.1\r\nhost: me\r\nconnection: close\r\n{more}\r\n");
        async move { asked(address, &request).await }
    };
    assert!(get("/livez", "").await.starts_with("HTTP/1.1 200 "));
    let ready = get("/readyz", "").await;
    assert!(
        ready.starts_with("HTTP/1.1 503 ") && ready.contains("no certificate yet"),
        "{ready}"
    );
    let plain = get("/metrics", "").await;
    assert!(
        plain.contains("# TYPE shadow_moves_total counter") && plain.contains(text::PROMETHEUS),
        "{plain}"
    );
    let open = get(
        "/metrics",
        "accept: application/openmetrics-text; version=1.0.0\r\n",
    )
    .await;
    assert!(
        open.contains(text::OPEN_METRICS) && open.trim_end().ends_with("# EOF"),
        "{open}"
    );
    assert!(get("/debug", "").await.starts_with("HTTP/1.1 404 "));
    let post = asked(
        address,
        "POST /metrics HTTP/1.1\r\nhost: me\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
    )
    .await;
    assert!(post.starts_with("HTTP/1.1 405 "), "{post}");
    serving.abort();
}
