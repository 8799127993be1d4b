//! The judge judges right: an undisturbed run is exact, a stolen message is missed.

use std::time::Duration;

use lapin::options::{BasicAckOptions, BasicGetOptions};
use orders::http::router;
use orders::load::LoadPlan;
use orders::oracle::{Report, RunPlan, Verdict, run};
use orders::stop;
use tokio::net::TcpListener;
use url::Url;

use crate::broker::eventually;
use crate::stage::{Running, Stage};

pub async fn judged(stage: &Stage, running: &Running, during: impl Future<Output = ()>) -> Report {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    let router = router(running.shared.clone());
    let server = tokio::spawn(async move { axum::serve(listener, router).await });
    let load = LoadPlan {
        publishers: 3,
        ..stage.plan(200.0)
    };
    let mut plan = RunPlan::new(load, url.clone(), Some(url.join("/healthz").unwrap()));
    plan.probe_tail = Duration::from_millis(500);
    // Wide enough for a busy machine: what is judged here is the judge.
    plan.probe_timeout = Duration::from_secs(5);
    let (stopping, stop) = stop::channel();
    let disturb = async {
        during.await;
        stopping.stop();
    };
    let (report, ()) = tokio::join!(run(plan, stop), disturb);
    server.abort();
    report.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_exact_move_is_called_exact() {
    let stage = Stage::set().await;
    let (running, hold) = (stage.start().await, stage.helper().await);
    let report = judged(&stage, &running, async {
        running.has_applied(100).await;
        stage.start_replay(&stage.pod, &hold).await;
        running.reads(&hold).await;
        stage.end_replay(&stage.pod).await;
        running.has_applied(300).await;
    })
    .await;
    assert_eq!(report.verdict, Verdict::Passed, "{report}");
    assert!(
        report.ledger.confirmed() >= 300 && report.probes.as_ref().is_some_and(|probes| probes.sent > 50)
    );
    assert!(
        report
            .to_string()
            .contains("0 missing, 0 duplicate, 0 reordered; state equal"),
        "{report}"
    );
    drop(running.stop().await);
    stage.strike(&[&hold]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stolen_message_is_missed() {
    let stage = Stage::set().await;
    let (running, hold) = (stage.start().await, stage.helper().await);
    let report = judged(&stage, &running, async {
        running.has_applied(50).await;
        stage.start_replay(&stage.pod, &hold).await;
        running.reads(&hold).await;
        eventually("a message is stolen", async || {
            let stolen = stage
                .channel
                .basic_get(stage.primary.as_str().into(), BasicGetOptions::default())
                .await;
            match stolen.unwrap() {
                Some(message) => message.acker.ack(BasicAckOptions::default()).await.unwrap(),
                None => false,
            }
        })
        .await;
        stage.end_replay(&stage.pod).await;
        running.has_applied(150).await;
    })
    .await;
    assert_eq!(
        (report.verdict, report.comparison.missing),
        (Verdict::NotExact, 1),
        "{report}"
    );
    assert!(!report.comparison.state_equal);
    drop(running.stop().await);
    stage.strike(&[&hold]).await;
}
