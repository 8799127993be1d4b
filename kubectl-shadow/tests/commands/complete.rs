//! kubectl's protocol for completion, and the scripts.

use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::stub::{Answer, Asked, Stub, err, failure, list, out};
use crate::{migration, moved};

fn answer(asked: &Asked) -> Answer {
    let named = |name: &str, spec: Value| json!({"metadata": {"name": name}, "spec": spec});
    match asked.place() {
        "/api/v1/namespaces/shop/pods" => {
            let mut pod = named("orders-0", json!({"nodeName": "node-a", "containers": []}));
            pod["metadata"]["ownerReferences"] = json!([{"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "orders",
                "uid": "u", "controller": true}]);
            list(
                "PodList",
                vec![pod, named("orders-\u{1b}1", json!({"containers": []}))],
            )
        }
        "/api/v1/nodes" => list(
            "NodeList",
            vec![
                named("node-a", json!({})),
                named("node-b", json!({"unschedulable": true})),
            ],
        ),
        "/api/v1/namespaces" => list(
            "PartialObjectMetadataList",
            vec![json!({"metadata": {"name": "shop"}})],
        ),
        path if path.ends_with("/statefulmigrations") => list(
            "StatefulMigrationList",
            vec![migration("orders-0-a", "orders-0", moved())],
        ),
        _ => failure(404, "NotFound", "not found", "x"),
    }
}

/// As kubectl calls it.
fn asks(stub: &Stub, words: &[&str]) -> Vec<String> {
    let mut program = stub.program(words);
    program.arg0("/usr/local/bin/kubectl_complete-shadow");
    let output = program.output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(err(&output), "");
    out(&output).lines().map(str::to_owned).collect()
}

#[test]
fn names_of_the_cluster_are_offered_where_they_belong() {
    let stub = Stub::that_answers(answer);
    let cases: [(&[&str], &[&str]); 6] = [
        (
            &["migrate", "orders-0"],
            &["orders-0\tStatefulSet orders on node-a", ":4"],
        ),
        (
            &["migrate", "orders-0", "--to", ""],
            &["node-a\tready for restores", ":4"],
        ),
        (
            &["cancel", ""],
            &[
                "orders-0\tits latest migration: EXACT",
                "orders-0-a\torders-0 EXACT",
                ":4",
            ],
        ),
        (&["status", "-n", "s"], &["shop", ":4"]),
        (&["status", "--context", "t"], &["test\tc", ":4"]),
        (&["watch", "--record", "x"], &[":0"]),
    ];
    for (words, wanted) in cases {
        assert_eq!(asks(&stub, words), wanted, "{words:?}");
    }
    let asked = stub
        .asked()
        .into_iter()
        .find(|asked| asked.place() == "/api/v1/nodes")
        .unwrap();
    assert!(
        asked
            .path
            .contains("labelSelector=migration.ms2m.io%2Fready%3Dtrue"),
        "{}",
        asked.path
    );
    let raw = asks(&stub, &["migrate", "orders-\u{1b}"]);
    assert_eq!(raw, ["orders-\\u{1b}1", ":4"]);
}

#[test]
fn commands_are_offered_without_a_cluster() {
    let stub = Stub::that_answers(answer);
    stub.writes("config", "clusters: [");
    assert_eq!(
        asks(&stub, &["mig"]),
        ["migrate\tMove pods to another node", ":4"]
    );
    assert_eq!(asks(&stub, &["migrate", ""]), [":4"], "an error is no answer");
    let output = stub.runs(&["__complete", "mig"]);
    assert!(out(&output).ends_with(":4\n"), "{}", out(&output));
}

#[test]
fn a_silent_cluster_ends_the_answer_after_two_seconds() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let stub = Stub::that_answers(answer);
    stub.has_config(&silent.local_addr().unwrap().to_string(), "", "{}");
    let begun = Instant::now();
    assert_eq!(asks(&stub, &["migrate", ""]), [":4"]);
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}

/// A login that waits for a person must not keep the prompt.
#[test]
fn a_credential_plugin_that_waits_ends_the_answer_after_two_seconds() {
    let stub = Stub::that_answers(answer);
    let exec = "{exec: {apiVersion: client.authentication.k8s.io/v1, interactiveMode: Never, command: sleep, args: ['20']}}";
    stub.has_config(&stub.address, "", exec);
    let begun = Instant::now();
    assert_eq!(asks(&stub, &["migrate", ""]), [":4"]);
    assert!(begun.elapsed() < Duration::from_secs(6), "{:?}", begun.elapsed());
}

#[test]
fn every_shell_gets_a_script() {
    let stub = Stub::that_answers(answer);
    for (shell, word) in [
        ("kubectl", "kubectl-shadow __complete"),
        ("bash", "complete -F _kubectl__shadow"),
        ("zsh", "#compdef kubectl-shadow"),
        ("fish", "complete -c kubectl-shadow"),
        ("powershell", "Register-ArgumentCompleter"),
    ] {
        let output = stub.runs(&["completion", shell]);
        assert_eq!(output.status.code(), Some(0), "{}", err(&output));
        assert!(out(&output).contains(word), "{shell}: {}", out(&output));
        assert!(!out(&output).contains("\\u{"), "{shell} is escaped");
    }
    assert!(stub.asked().is_empty());
}

#[test]
fn bash_accepts_the_script_for_bash() {
    let script = out(&Stub::that_answers(answer).runs(&["completion", "bash"]));
    // Longer than an argument may be.
    let mut file = tempfile::NamedTempFile::new().unwrap();
    std::io::Write::write_all(&mut file, script.as_bytes()).unwrap();
    let checked = std::process::Command::new("bash")
        .arg("-n")
        .arg(file.path())
        .output()
        .unwrap();
    assert!(checked.status.success(), "{}", err(&checked));
}
