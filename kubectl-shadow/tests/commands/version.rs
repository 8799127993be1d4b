//! `version`: of the plugin without any file, of the cluster with its skew.

use std::path::Path;

use serde_json::{Value, json};

use crate::stub::{Answer, Asked, Stub, err, failure, list, out, program};

fn pods() -> Vec<Value> {
    let pod = |name: &str, part: &str, tag: &str| {
        json!({"apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": name, "namespace": "shadow-system", "labels": {"app.kubernetes.io/name": part}},
            "spec": {"nodeName": "node-a", "containers": [{"name": "c", "image": format!("reg:5000/{part}:{tag}")}]}})
    };
    vec![
        pod("c-1", "shadow-controller", "v0.1.0"),
        pod("a-1", "shadow-agent", "v0.1.0"),
        pod("a-2", "shadow-agent", "v0.0.9"),
    ]
}

fn answer(asked: &Asked) -> Answer {
    match asked.place() {
        "/version" => Answer::Json(
            200,
            json!({"major": "1", "minor": "36", "gitVersion": "v1.36.0", "gitCommit": "", "gitTreeState": "", "buildDate": "",
                "goVersion": "", "compiler": "", "platform": ""}),
        ),
        "/apis" => {
            let version = json!({"groupVersion": "migration.ms2m.io/v1alpha1", "version": "v1alpha1"});
            Answer::Json(
                200,
                json!({"kind": "APIGroupList", "apiVersion": "v1",
                    "groups": [{"name": "migration.ms2m.io", "versions": [version], "preferredVersion": version}]}),
            )
        }
        "/api/v1/namespaces/shadow-system/pods" => list("PodList", pods()),
        _ => failure(404, "NotFound", "not found", "x"),
    }
}

#[test]
fn versions_are_told_and_a_difference_in_words() {
    let output = Stub::that_answers(answer).runs(&["version"]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    let wanted = "agent        v0.0.9 (1 pod)\nagent        v0.1.0 (1 pod)\ncontroller   v0.1.0 (1 pod)\n\
        api          migration.ms2m.io/v1alpha1\nkubernetes   v1.36.0\n\n\
        The agent (v0.0.9) is older than this plugin (v0.1.0). To update the cluster, type: kubectl shadow install --registry \
        REGISTRY\n";
    assert!(
        out(&output).starts_with("plugin       v0.1.0"),
        "{}",
        out(&output)
    );
    assert!(out(&output).ends_with(wanted), "{}", out(&output));
}

#[test]
fn scripts_get_versions_too() {
    let output = Stub::that_answers(answer).runs(&["version", "-o", "json"]);
    let versions: Value = serde_json::from_str(&out(&output)).unwrap();
    assert_eq!(versions["plugin"]["version"], "v0.1.0");
    assert_eq!(
        versions["server"]["parts"][0]["image"],
        "reg:5000/shadow-agent:v0.0.9"
    );
    let output = Stub::that_answers(answer).runs(&["version", "--client", "-o", "yaml"]);
    assert!(out(&output).contains("version: v0.1.0"), "{}", out(&output));
}

#[test]
fn what_may_not_be_seen_of_the_cluster_is_told() {
    let stub = Stub::that_answers(|asked| match asked.place() {
        "/api/v1/namespaces/shadow-system/pods" => failure(403, "Forbidden", "you may not", ""),
        _ => answer(asked),
    });
    let output = stub.runs(&["version"]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    assert!(
        out(&output).contains("the verb list on pods in namespace shadow-system"),
        "{}",
        out(&output)
    );
}

/// Seen by the system calls, where a tool for that is installed.
#[test]
fn the_version_of_the_plugin_reads_no_file_of_kubectl_and_asks_no_cluster() {
    let output = program(Path::new("/nonexistent"), &["version", "--client"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    assert!(
        out(&output).starts_with("plugin       v0.1.0"),
        "{}",
        out(&output)
    );
    assert_eq!(out(&output).lines().count(), 1);
    let traced = std::process::Command::new("strace")
        .args(["-f", "-e", "trace=open,openat,stat,statx,access,connect"])
        .args([env!("CARGO_BIN_EXE_kubectl-shadow"), "version", "--client"])
        .env("HOME", "/nonexistent/of-kubectl")
        .env("KUBECONFIG", "/nonexistent/of-kubectl/config")
        .output();
    let Ok(traced) = traced.map(|traced| err(&traced)) else {
        return;
    };
    assert!(!traced.contains("of-kubectl"), "{traced}");
    assert!(!traced.contains("connect("), "{traced}");
}
