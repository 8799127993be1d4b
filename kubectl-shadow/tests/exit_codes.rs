//! The real program: what it exits with when nothing can be begun.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail the test")]

use std::process::{Command, Output};

fn run(args: &[&str]) -> Output {
    let mut program = Command::new(env!("CARGO_BIN_EXE_kubectl-shadow"));
    program
        .args(args)
        .env_remove("KUBECONFIG")
        .env("HOME", "/nonexistent");
    program.env_remove("KUBERNETES_SERVICE_HOST").output().unwrap()
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn help_is_an_answer() {
    let output = run(&["--help"]);
    assert_eq!(output.status.code(), Some(0), "{}", told(&output));
    assert!(String::from_utf8_lossy(&output.stdout).contains("migrate"));
}

#[test]
fn a_missing_pod_is_refused_and_named() {
    let output = run(&["migrate", "--to", "node-b"]);
    assert_eq!(output.status.code(), Some(1), "{}", told(&output));
    assert!(told(&output).contains("<POD|TYPE/NAME>"), "{}", told(&output));
}

#[test]
fn an_unknown_kubeconfig_is_refused_and_named() {
    let output = run(&["--kubeconfig", "/nonexistent/config", "status", "orders-0"]);
    assert_eq!(output.status.code(), Some(1), "{}", told(&output));
    assert!(told(&output).contains("KUBECONFIG"), "{}", told(&output));
}

#[test]
fn an_api_server_that_does_not_answer_is_refused_and_named() {
    let folder = std::env::temp_dir().join(format!("kubectl-shadow-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("config");
    // A port that nothing listens on: it was given to us and closed again.
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let text = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: c\nclusters: [{{name: c, cluster: {{server: 'http://{free}'}}}}]\n\
         contexts: [{{name: c, context: {{cluster: c, user: u}}}}]\nusers: [{{name: u, user: {{}}}}]\n"
    );
    std::fs::write(&file, text).unwrap();
    let output = run(&["--kubeconfig", file.to_str().unwrap(), "status", "orders-0"]);
    std::fs::remove_dir_all(&folder).unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", told(&output));
    assert!(told(&output).contains("refused"), "{}", told(&output));
}

#[test]
fn words_are_explained_without_a_kubeconfig_and_unknown_ones_are_refused() {
    let output = run(&["explain", "hold", "queue"]);
    assert_eq!(output.status.code(), Some(0), "{}", told(&output));
    assert!(String::from_utf8_lossy(&output.stdout).contains("ms2m.hold"));
    let output = run(&["explain", "comit"]);
    assert_eq!(output.status.code(), Some(1), "{}", told(&output));
    assert!(
        told(&output).contains("nearest words are: Commit"),
        "{}",
        told(&output)
    );
    let output = run(&["explain"]);
    let listed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        listed.contains("exit code: exit 0") && listed.contains("SH104"),
        "{listed}"
    );
}
