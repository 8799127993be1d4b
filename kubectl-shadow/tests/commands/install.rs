//! `install`: images first, a Secret to pull with, what is printed, and the question before.

use std::process::Output;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::registry::{Login, Registry, archives, docker_config};
use crate::stub::{Answer, Asked, Stub, err, failure, list, out, program};
use crate::terminal::Terminal;

const SECRET: &str = "/api/v1/namespaces/shadow-system/secrets/shadow-registry";

/// A cluster that takes whatever is applied; a Secret with a registry's user lies in namespace shop.
fn cluster(registry: &str) -> Stub {
    let config = STANDARD.encode(docker_config(registry, "right"));
    Stub::that_answers(
        move |asked: &Asked| match (asked.method.as_str(), asked.place()) {
            ("PATCH", _) => Answer::Json(200, asked.body.clone()),
            ("GET", "/api/v1/namespaces/shop/secrets/pull") => Answer::Json(
                200,
                json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "pull", "namespace": "shop"},
                "data": {".dockerconfigjson": config}}),
            ),
            ("GET", "/api/v1/nodes") => {
                let node =
                    |name: &str| json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}});
                list("NodeList", vec![node("node-a"), node("node-b")])
            }
            _ => failure(404, "NotFound", "not found", "x"),
        },
    )
}

fn install(stub: &Stub, registry: &str, flags: &[&str]) -> Output {
    let fixed = ["install", "--no-wait", "--registry", registry];
    let args: Vec<&str> = fixed.iter().chain(flags).copied().collect();
    stub.runs(&args)
}

fn pull_secrets(objects: &[Value]) -> Vec<Value> {
    let workloads = objects
        .iter()
        .filter(|object| ["Deployment", "DaemonSet"].contains(&object["kind"].as_str().unwrap()));
    workloads
        .map(|object| object["spec"]["template"]["spec"]["imagePullSecrets"].clone())
        .collect()
}

#[test]
fn a_secret_of_another_namespace_is_copied_with_the_user_of_this_registry_alone() {
    let stub = cluster("r.example.org:5000");
    let output = install(&stub, "r.example.org:5000/me", &["--pull-secret", "shop/pull"]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    let changes = stub.changes();
    let at = changes.iter().position(|asked| asked.place() == SECRET).unwrap();
    let users = changes[at].body["stringData"][".dockerconfigjson"]
        .as_str()
        .unwrap();
    let users: Value = serde_json::from_str(users).unwrap();
    assert_eq!(users["auths"].as_object().unwrap().len(), 1, "{users}");
    assert_eq!(users["auths"]["r.example.org:5000"]["password"], "right");
    assert_eq!(changes[at].body["type"], "kubernetes.io/dockerconfigjson");
    let bodies: Vec<Value> = changes.iter().map(|asked| asked.body.clone()).collect();
    let named = json!([{"name": "shadow-registry"}]);
    assert_eq!(pull_secrets(&bodies), vec![named; 3]);
    let place = |kind: &str| bodies.iter().position(|body| body["kind"] == kind).unwrap();
    assert!(place("Namespace") < at && at < place("Deployment"));
}

#[test]
fn a_file_serves_as_pull_secret_and_what_it_lacks_is_told() {
    let stub = cluster("r.example.org");
    let file = stub.writes("docker.json", &docker_config("r.example.org", "right"));
    let file = file.to_str().unwrap();
    let output = install(&stub, "r.example.org", &["--pull-secret", file]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    assert!(stub.changes().iter().any(|asked| asked.place() == SECRET));
    for (registry, flag, wanted) in [
        (
            "elsewhere.example.org",
            file,
            "names no user for registry elsewhere.example.org",
        ),
        ("r.example.org", "shop/none", "there is no Secret shop/none"),
        (
            "r.example.org",
            "shadow-system/none",
            "there is no Secret shadow-system/none",
        ),
        ("r.example.org", "/nonexistent/f", "cannot be read"),
        ("r.example.org", "pull", "nor NAMESPACE/SECRET"),
    ] {
        let stub = cluster("r.example.org");
        let output = install(&stub, registry, &["--pull-secret", flag]);
        assert_eq!(output.status.code(), Some(1), "{}", out(&output));
        assert!(
            err(&output).contains(wanted) && !err(&output).contains("right"),
            "{}",
            err(&output)
        );
        assert!(stub.changes().is_empty());
    }
}

#[test]
fn without_a_pull_secret_none_is_named() {
    let stub = cluster("r.example.org");
    let output = install(&stub, "r.example.org", &[]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    let bodies: Vec<Value> = stub.changes().iter().map(|asked| asked.body.clone()).collect();
    assert_eq!(pull_secrets(&bodies), vec![json!([]); 3]);
    assert!(!stub.changes().iter().any(|asked| asked.place() == SECRET));
}

#[test]
fn images_are_pushed_before_anything_is_applied() {
    let registry = Registry::begin(Login::None);
    let stub = cluster(&registry.address);
    let folder = stub.folder.to_str().unwrap();
    let flags = ["--images", folder, "--plain-http", &registry.address];
    let none = install(&stub, &registry.address, &flags);
    assert_eq!(none.status.code(), Some(1), "{}", out(&none));
    assert!(stub.changes().is_empty() && registry.asked().is_empty());

    archives(&stub.folder);
    let unnamed = install(&stub, &registry.address, &["--images", folder]);
    assert_eq!(unnamed.status.code(), Some(1), "{}", out(&unnamed));
    assert!(err(&unnamed).contains("add --plain-http"), "{}", err(&unnamed));
    assert!(stub.changes().is_empty());

    let output = install(&stub, &registry.address, &flags);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    let lines = out(&output);
    assert!(
        lines.find("pushed").unwrap() < lines.find("applied").unwrap(),
        "{lines}"
    );
    let tag = concat!("agent:v", env!("CARGO_PKG_VERSION"));
    assert!(registry.manifest(tag).is_some());
}

#[test]
fn a_dry_run_prints_what_would_be_applied_and_asks_no_cluster() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("docker.json");
    std::fs::write(&file, docker_config("r.example.org", "right")).unwrap();
    let run = |format: &[&str]| {
        let fixed = [
            "install",
            "--registry",
            "r.example.org/me",
            "--dry-run=client",
            "--allow",
            "shop/broker",
        ];
        let pull = ["--pull-secret", file.to_str().unwrap()];
        let args: Vec<&str> = fixed.iter().chain(&pull).chain(format).copied().collect();
        let output = program(folder.path(), &args).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", err(&output));
        assert!(!out(&output).contains("topsecret") && !out(&output).contains("${"));
        out(&output)
    };
    let text = run(&["-o", "yaml"]);
    let documents: Vec<Value> = serde_yaml_ng::Deserializer::from_str(&text)
        .map(|document| Value::deserialize(document).unwrap())
        .collect();
    assert!(
        documents
            .iter()
            .all(|object| object["kind"].is_string() && object["apiVersion"].is_string())
    );
    let kinds = |kind: &str| documents.iter().filter(|object| object["kind"] == kind).count();
    assert_eq!(
        (
            kinds("CustomResourceDefinition"),
            kinds("Secret"),
            kinds("DaemonSet")
        ),
        (6, 1, 1)
    );
    assert_eq!(
        pull_secrets(&documents),
        vec![json!([{"name": "shadow-registry"}]); 3]
    );
    let of_broker = documents
        .iter()
        .filter(|object| object["metadata"]["namespace"] == "shop");
    assert_eq!(of_broker.count(), 2);

    let list: Value = serde_json::from_str(&run(&["-o", "json"])).unwrap();
    assert_eq!(list["items"].as_array().unwrap().len(), documents.len());
}

#[test]
fn a_person_at_a_terminal_is_asked_and_told_what_changes() {
    let stub = cluster("r.example.org");
    let args = ["install", "--no-wait", "--registry", "r.example.org"];
    for (keys, code) in [("\n", 1), ("y\n", 0)] {
        let mut terminal = Terminal::with(stub.program(&args));
        terminal.wait_for("Go on? [y/N]", 1);
        assert!(stub.changes().is_empty());
        let told = terminal.text();
        for wanted in [
            "This changes cluster prod",
            "node-a, node-b: an agent",
            "6 CustomResourceDefinitions",
        ] {
            assert!(told.contains(wanted), "{told}");
        }
        terminal.press(keys);
        assert_eq!(terminal.ended().0, Some(code), "{}", terminal.text());
    }
    assert!(!stub.changes().is_empty());
    let stub = cluster("r.example.org");
    let mut terminal = Terminal::with(stub.program(&[args.as_slice(), &["--yes"]].concat()));
    assert_eq!(terminal.ended().0, Some(0), "{}", terminal.text());
    assert!(!terminal.text().contains("Go on?"));
}
