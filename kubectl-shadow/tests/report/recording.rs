//! Reports of recordings: a real move, and invented ones for what a test cannot produce.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use kubectl_shadow::report::seen::{Seen, chosen};
use kubectl_shadow::report::{self, html, pictures, text};
use kubectl_shadow::say::printable;
use kubectl_shadow::view::recording::read;

use crate::stub::{snapshot, text as of_bytes};

pub(crate) fn real() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/recordings/orders-move.ndjson")
}

pub(crate) fn invented(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recordings");
    folder.join(format!("invented-{name}.ndjson"))
}

pub(crate) fn run(args: &[&str], file: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_kubectl-shadow"))
        .args(args)
        .arg("--from")
        .arg(file)
        .env("KUBECONFIG", "/nonexistent")
        .output()
        .unwrap()
}

fn told(file: &Path, name: Option<&str>) -> String {
    let seen = Seen::in_recording(file, read::file(file).unwrap());
    let id = chosen(&seen.model(), name, None).unwrap();
    let story = report::of(&seen, &id).unwrap();
    let lines = text::lines(&story);
    lines
        .iter()
        .map(|line| format!("{}\n", printable(line)))
        .collect()
}

#[test]
fn a_real_move_is_told_in_full() {
    snapshot("report-move.txt", &told(&real(), None));
}

#[test]
fn a_move_that_was_undone_tells_why_and_what_is_left() {
    snapshot("report-undone.txt", &told(&invented("undone"), None));
}

#[test]
fn a_move_that_goes_on_tells_what_comes_and_what_it_has_touched() {
    snapshot("report-live.txt", &told(&invented("live"), None));
}

/// The shape of docs/report.md.
#[test]
fn the_json_keeps_its_shape() {
    let output = run(&["report", "-o", "json"], &real());
    assert_eq!(output.status.code(), Some(0), "{}", of_bytes(&output.stderr));
    snapshot("report-move.json", &of_bytes(&output.stdout));
}

#[test]
fn no_kubeconfig_is_read_for_a_recording() {
    let output = run(&["report"], &real());
    assert_eq!(output.status.code(), Some(0), "{}", of_bytes(&output.stderr));
    assert_eq!(of_bytes(&output.stdout), told(&real(), None));
}

#[test]
fn a_page_asks_for_nothing_from_outside_and_shows_each_commit_and_the_end() {
    let seen = Seen::in_recording(&real(), read::file(&real()).unwrap());
    let id = chosen(&seen.model(), None, None).unwrap();
    let pictures = pictures::of(&seen, &id);
    let titles: Vec<&str> = pictures.iter().map(|one| one.title.as_str()).collect();
    assert_eq!(
        titles,
        [
            "The commit of handoff 1",
            "The commit of handoff 2",
            "The last that was seen"
        ]
    );
    let page = html::page(&report::of(&seen, &id).unwrap(), &pictures);
    for outside in [
        "<script", "<link", "<img", "<iframe", "<object", "src=", "href=", "url(", "@import",
    ] {
        assert!(!page.contains(outside), "{outside}");
    }
    // The name of a format is no address that is asked.
    let addresses =
        page.matches("http://").count() - page.matches("xmlns=\"http://www.w3.org/2000/svg\"").count();
    assert_eq!((addresses, page.matches("https://").count()), (0, 0));
    assert!(page.contains("default-src 'none'"));
    assert_eq!(page.matches("<svg").count(), 3);
    for word in [
        "EXACT",
        "orders-0-shadow",
        "only this pod consumes the queue",
        "What is left",
    ] {
        assert!(page.contains(word), "{word}");
    }
    assert_eq!(
        page,
        html::page(&report::of(&seen, &id).unwrap(), &pictures::of(&seen, &id)),
        "the same bytes each time"
    );
}

#[test]
fn what_the_cluster_wrote_is_text_in_a_page() {
    let hostile = std::fs::read_to_string(real())
        .unwrap()
        .replace("pod orders-0-shadow waits", "<script>alert(1)</script>\\u001b[2J");
    let recording = read::text_of("hostile", &hostile).unwrap();
    let seen = Seen::in_recording(Path::new("hostile"), recording);
    let id = chosen(&seen.model(), None, None).unwrap();
    let page = html::page(&report::of(&seen, &id).unwrap(), &pictures::of(&seen, &id));
    assert!(page.contains("&lt;script&gt;alert(1)"), "it is told");
    assert!(!page.contains("<script") && !page.contains('\u{1b}'));
}

#[test]
fn a_recording_of_several_moves_wants_a_name() {
    let output = run(&["report"], &invented("all-states"));
    let said = of_bytes(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("Name one of"), "{said}");
    let output = run(&["report", "carts-9"], &invented("all-states"));
    assert!(
        of_bytes(&output.stderr).contains("no migration carts-9"),
        "{}",
        of_bytes(&output.stderr)
    );
}

#[test]
fn each_state_has_its_report() {
    let file = invented("all-states");
    let seen = Seen::in_recording(&file, read::file(&file).unwrap());
    let model = seen.model();
    let ids: Vec<String> = model
        .all_entries(model.history.newest())
        .map(|entry| entry.id.to_owned())
        .collect();
    assert!(ids.len() > 5, "{ids:?}");
    for id in ids {
        let story = report::of(&seen, &id).unwrap();
        let said = text::lines(&story).join("\n");
        assert!(said.contains(&story.outcome.state), "{said}");
        assert!(
            !story.left.is_empty() && !story.outcome.sentences.is_empty(),
            "{said}"
        );
    }
}

#[test]
fn a_file_that_is_there_is_not_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("move.html");
    let args = ["report", "-o", "html", "--file", file.to_str().unwrap()];
    let output = run(&args, &real());
    assert_eq!(output.status.code(), Some(0), "{}", of_bytes(&output.stderr));
    assert!(
        std::fs::read_to_string(&file)
            .unwrap()
            .starts_with("<!DOCTYPE html>")
    );
    let output = run(&args, &real());
    assert_eq!(output.status.code(), Some(1), "{}", of_bytes(&output.stdout));
}

/// Another program may have written the recording.
#[test]
fn a_planted_password_is_found_in_no_report_of_a_recording() {
    const PASSWORD: &str = "hunter2-planted";
    let planted = std::fs::read_to_string(real())
        .unwrap()
        .replace(
            "\"spec\":{\"containerName\"",
            &format!("\"spec\":{{\"messageQueueConfig\":{{\"brokerUrl\":\"amqp://u:{PASSWORD}@mq\"}},\"containerName\""),
        )
        .replace(
            "everything delivered to orders-0 is",
            &format!("amqp://u:{PASSWORD}@mq: everything delivered to orders-0 is"),
        );
    assert!(planted.matches(PASSWORD).count() >= 2, "it is in the file");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("planted.ndjson");
    std::fs::write(&file, planted).unwrap();
    for format in ["text", "json", "html"] {
        let said = of_bytes(&run(&["report", "-o", format], &file).stdout);
        assert!(said.contains("REMOVED@mq"), "{format}: the place is there");
        assert!(!said.contains(PASSWORD), "{format}");
    }
}
