//! `bundle` against an API server that holds a whole installation and a move: what is in the archive, and that no secret is.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail the test")]

#[path = "../check/stage.rs"]
#[allow(dead_code, reason = "not all of it is needed here")]
mod stage;
#[path = "../stub/mod.rs"]
mod stub;

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use serde_json::{Value, json};
use stage::{SYSTEM, edit};
use stub::{Cluster, Stub, text};

const PASSWORD: &str = "hunter2-planted";

/// A move with the password wherever a person or a program might have put it.
fn cluster() -> Cluster {
    let mut cluster = stage::cluster();
    let url = format!("amqp://app:{PASSWORD}@mq:5672");
    cluster.objects.extend([
        json!({"apiVersion": "migration.ms2m.io/v1alpha1", "kind": "StatefulMigration",
            "metadata": {"name": "orders-0-x7k2p", "namespace": "shop", "uid": "m"},
            "spec": {"sourcePod": "orders-0", "messageQueueConfig": {"brokerUrl": url}},
            "status": {"phase": "Failed", "rollback": {"reason": "BrokerRefused", "message": format!("{url} refused"),
                "since": "2026-01-02T03:04:05.000000Z"},
                "legs": [{"from": {"pod": "orders-0"}, "to": {"pod": "orders-0-shadow"}}]}}),
        json!({"apiVersion": "migration.ms2m.io/v1alpha1", "kind": "StatefulMigration",
            "metadata": {"name": "carts-0-aaaaa", "namespace": "shop"}, "spec": {"sourcePod": "carts-0"}}),
        json!({"apiVersion": "migration.ms2m.io/v1alpha1", "kind": "MigrationProgress",
            "metadata": {"name": "orders-0-x7k2p", "namespace": "shop"}, "spec": {"now": "2026-01-02T03:04:05.000000Z"}}),
        json!({"apiVersion": "migration.ms2m.io/v1alpha1", "kind": "Evacuation",
            "metadata": {"name": "evacuation-of-orders", "namespace": "shop"}, "spec": {"pod": "orders-0"}}),
        json!({"apiVersion": "migration.ms2m.io/v1alpha1", "kind": "Evacuation",
            "metadata": {"name": "evacuation-of-carts", "namespace": "shop"}, "spec": {"pod": "carts-0"}}),
        json!({"apiVersion": "migration.ms2m.io/v1alpha1", "kind": "MigrationPolicy",
            "metadata": {"name": "not-in-the-morning", "namespace": "shop"}, "spec": {}}),
        json!({"apiVersion": "migration.ms2m.io/v1alpha1", "kind": "Pause",
            "metadata": {"name": "moves"}, "spec": {"reason": "the broker is renewed"}}),
        json!({"apiVersion": "v1", "kind": "Event", "metadata": {"name": "e1", "namespace": "shop"},
            "involvedObject": {"kind": "Pod", "name": "orders-0", "namespace": "shop"}, "reason": "Undone",
            "message": format!("login with {PASSWORD} failed")}),
        json!({"apiVersion": "v1", "kind": "Event", "metadata": {"name": "e2", "namespace": "shop"},
            "involvedObject": {"kind": "Pod", "name": "unrelated", "namespace": "shop"}, "reason": "Pulled"}),
    ]);
    let pod = edit(&mut cluster, "Pod", "orders-0");
    pod["metadata"]["annotations"] = json!({"kubectl.kubernetes.io/last-applied-configuration": PASSWORD});
    let container = &mut pod["spec"]["containers"][0];
    container["env"] =
        json!([{"name": "BROKER_PASSWORD", "value": PASSWORD}, {"name": "LEVEL", "value": "info"}]);
    container["args"] = json!([format!("--password={PASSWORD}")]);
    container["livenessProbe"] = json!({"exec": {"command": ["check", PASSWORD]}});
    edit(&mut cluster, "Secret", "orders-broker")["stringData"] = json!({"uri": url});
    let controller = edit(&mut cluster, "Pod", "shadow-controller-x");
    controller["status"]["containerStatuses"] = json!([{"name": "controller", "ready": true, "restartCount": 1,
        "image": "", "imageID": "", "state": {"running": {}}}]);
    cluster.logs.push((
        "shadow-controller-x".to_owned(),
        "controller".to_owned(),
        format!("connecting to {url}\nrefused: password {PASSWORD} is wrong\n"),
    ));
    cluster
}

/// The files of an archive.
fn unpacked(path: &Path) -> BTreeMap<String, String> {
    let file = std::fs::File::open(path).unwrap();
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(file));
    let mut files = BTreeMap::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let name = entry.path().unwrap().to_string_lossy().into_owned();
        let (_, name) = name.split_once('/').unwrap();
        let (name, mut text) = (name.to_owned(), String::new());
        entry.read_to_string(&mut text).unwrap();
        files.insert(name, text);
    }
    files
}

fn bundled(stub: &Stub, args: &[&str]) -> BTreeMap<String, String> {
    let path = stub.folder.join("bundle.tar.gz");
    let mut all = vec!["bundle", "-o", path.to_str().unwrap()];
    all.extend(args);
    let output = stub.runs(&all);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(stub.lasting_changes().is_empty(), "a bundle changes nothing");
    unpacked(&path)
}

#[test]
fn a_planted_password_is_in_no_file_and_everything_around_it_is() {
    let stub = Stub::of(cluster());
    let files = bundled(&stub, &["orders-0"]);
    for (name, text) in &files {
        assert!(
            !text.contains(PASSWORD) && !name.contains(PASSWORD),
            "{name}: {text}"
        );
    }
    for (file, word) in [
        ("MANIFEST", "values of environments"),
        ("migrations.yaml", "amqp://REMOVED@mq:5672 refused"),
        ("pods.yaml", "name: BROKER_PASSWORD"),
        ("events.yaml", "login with REMOVED failed"),
        ("progress.yaml", "orders-0-x7k2p"),
        ("evacuations.yaml", "evacuation-of-orders"),
        ("policies.yaml", "not-in-the-morning"),
        ("pause.yaml", "the broker is renewed"),
        ("nodes.yaml", "node-facts"),
        ("check.txt", "SH104"),
        ("system/parts.yaml", "shadow-controller"),
        (
            "system/logs/shadow-controller-x.controller.log",
            "refused: password REMOVED is wrong",
        ),
        (
            "system/logs/shadow-controller-x.controller.previous.log",
            "amqp://REMOVED@mq:5672",
        ),
    ] {
        assert!(
            files[file].contains(word),
            "{file} does not hold {word}: {}",
            files[file]
        );
    }
    let asked = stub.asked();
    let mut paths = asked.iter().map(|one| one.place());
    let secret = paths.find(|path| path.contains("/secrets") || path.contains("/configmaps"));
    assert_eq!(secret, None, "no Secret is read");
}

#[test]
fn only_what_has_to_do_with_the_move_is_in_it() {
    let one = bundled(&Stub::of(cluster()), &["orders-0"]);
    assert!(!one["migrations.yaml"].contains("carts-0-aaaaa"));
    assert!(!one["events.yaml"].contains("unrelated"));
    assert!(!one["evacuations.yaml"].contains("evacuation-of-carts"));
    let all = bundled(&Stub::of(cluster()), &[]);
    assert!(all["evacuations.yaml"].contains("evacuation-of-carts"));
    assert!(
        all["migrations.yaml"].contains("carts-0-aaaaa") && all["migrations.yaml"].contains("orders-0-x7k2p")
    );
    let everywhere = bundled(&Stub::of(cluster()), &["-A"]);
    assert!(everywhere["MANIFEST"].contains("of all namespaces"));
}

#[test]
fn the_manifest_lists_each_file_and_what_may_not_be_read() {
    let mut cluster = cluster();
    cluster.hidden = ["nodes", "leases"].into();
    let files = bundled(&Stub::of(cluster), &[]);
    let manifest = &files["MANIFEST"];
    for name in files.keys().filter(|name| *name != "MANIFEST") {
        assert!(manifest.contains(name.as_str()), "{name}: {manifest}");
    }
    for word in [
        "nodes: nodes is forbidden",
        "Leases of shadow-system: leases is forbidden",
        "API server v1.36.3",
    ] {
        assert!(manifest.contains(word), "{word}: {manifest}");
    }
    assert!(!files.contains_key("nodes.yaml"));
}

#[test]
fn a_user_that_may_read_no_migration_gets_the_rest() {
    let mut cluster = cluster();
    cluster.hidden = ["statefulmigrations"].into();
    let files = bundled(&Stub::of(cluster), &["orders-0"]);
    assert!(files["MANIFEST"].contains("migrations: statefulmigrations is forbidden"));
    assert!(files.contains_key("nodes.yaml") && !files.contains_key("migrations.yaml"));
}

#[test]
fn objects_can_be_read_again() {
    use serde::Deserialize;
    let files = bundled(&Stub::of(cluster()), &[]);
    for (name, text) in files.iter().filter(|(name, _)| name.ends_with(".yaml")) {
        let objects: Vec<Value> = serde_yaml_ng::Deserializer::from_str(text)
            .map(|document| Value::deserialize(document).unwrap())
            .collect();
        assert!(!objects.is_empty(), "{name}");
        assert!(objects.iter().all(|object| object["kind"].is_string()), "{name}");
    }
    assert!(files["system/pods.yaml"].contains(SYSTEM));
}

#[test]
fn a_file_that_is_there_is_not_written_over_and_others_may_not_read_a_new_one() {
    use std::os::unix::fs::PermissionsExt;
    let stub = Stub::of(cluster());
    let path = stub.folder.join("mine.tar.gz");
    let args = ["bundle", "-o", path.to_str().unwrap()];
    assert_eq!(stub.runs(&args).status.code(), Some(0));
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let before = std::fs::read(&path).unwrap();
    let output = stub.runs(&args);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stdout));
    assert!(text(&output.stderr).contains("is there already"));
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[test]
fn a_migration_that_is_not_there_is_refused() {
    let stub = Stub::of(cluster());
    let path = stub.folder.join("none.tar.gz");
    let output = stub.runs(&["bundle", "carts-9", "-o", path.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stdout));
    assert!(text(&output.stderr).contains("no migration carts-9"));
    assert!(!path.exists());
}
