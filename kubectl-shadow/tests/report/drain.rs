//! Reports of recorded drains: a real one, and an invented one for what a test cannot produce.

use kubectl_shadow::report::drain::{Drained, html, of, text};
use kubectl_shadow::report::pictures;
use kubectl_shadow::report::seen::Seen;
use kubectl_shadow::view::recording::read;
use serde_json::Value;

use crate::recording::{invented, real, run};
use crate::stub::{snapshot, text as of_bytes};

fn drain() -> std::path::PathBuf {
    real().with_file_name("orders-drain.ndjson")
}

fn drained(file: &std::path::Path) -> Drained {
    of(&Seen::in_recording(file, read::file(file).unwrap())).unwrap()
}

#[test]
fn a_real_drain_is_told_with_each_pod_and_its_reason() {
    let output = run(&["report"], &drain());
    assert_eq!(output.status.code(), Some(0), "{}", of_bytes(&output.stderr));
    snapshot("report-drain.txt", &of_bytes(&output.stdout));
}

#[test]
fn what_is_refused_or_blocked_is_told_with_what_to_decide() {
    let said = text::lines(&drained(&invented("drain"))).join("\n") + "\n";
    assert!(said.contains("To decide"), "{said}");
    snapshot("report-drain-invented.txt", &said);
}

/// The shape of docs/report.md.
#[test]
fn the_json_of_a_drain_keeps_its_shape() {
    let output = run(&["report", "-o", "json"], &drain());
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&said["shadowDrainReport"], &said["exitCode"]),
        (&1.into(), &0.into())
    );
    assert_eq!(said["node"], "node-a");
    let pods = said["pods"].as_array().unwrap();
    let moved = |pod: &&Value| pod["what"] == "MOVE" && pod["state"] == "EXACT" && pod["exitCode"] == 0;
    assert_eq!(pods.iter().filter(moved).count(), 4, "{said}");
    for pod in pods.iter().filter(moved) {
        let number = |field: &str| pod[field].as_f64().unwrap();
        assert!(number("began") < number("settled"), "{pod}");
        assert!(number("tookSeconds") > 1.0 && pod["pause"].is_string(), "{pod}");
    }
    assert!(
        pods.iter()
            .all(|pod| pod["what"] == "MOVE" || !pod["why"].as_str().unwrap().is_empty())
    );
}

#[test]
fn one_move_of_a_drain_has_its_own_report() {
    let output = run(&["report", "orders-1", "-o", "json"], &drain());
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&said["shadowReport"], &said["pod"]),
        (&1.into(), &"orders-1".into())
    );
}

#[test]
fn the_page_of_a_drain_shows_its_pods_and_asks_for_nothing_from_outside() {
    let file = drain();
    let seen = Seen::in_recording(&file, read::file(&file).unwrap());
    let page = html::page(&of(&seen).unwrap(), &pictures::of_drain(&seen));
    for outside in ["<script", "<link", "<img", "src=", "href=", "url(", "@import"] {
        assert!(!page.contains(outside), "{outside}");
    }
    assert_eq!(page.matches("<svg").count(), 1);
    for word in [
        "Drain of node-a",
        "default/orders-1",
        "EXACT",
        "DaemonSet: it runs on every node",
    ] {
        assert!(page.contains(word), "{word}");
    }
}

#[test]
fn a_drain_that_was_torn_off_says_so_and_has_no_exit_code() {
    let whole = std::fs::read_to_string(drain()).unwrap();
    let half: Vec<&str> = whole.lines().take(40).collect();
    let recording = read::text_of("half", &half.join("\n")).unwrap();
    let drained = of(&Seen::in_recording(std::path::Path::new("half"), recording)).unwrap();
    assert_eq!((drained.exit_code, drained.ended), (None, None));
    assert!(
        drained.unseen.iter().any(|one| one.contains("ends before it")),
        "{:?}",
        drained.unseen
    );
}
