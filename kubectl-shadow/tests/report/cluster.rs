//! Reports of what an API server shows.

use serde_json::{Value, json};

use crate::stub::{Cluster, Stub, text};

const PASSWORD: &str = "hunter2-planted";

/// A move that was undone, with the password wherever a program of ours or of others might have put it.
fn cluster() -> Cluster {
    let url = format!("amqp://app:{PASSWORD}@mq:5672");
    let time = "2026-01-02T03:04:05.000000Z";
    let migration = json!({
        "apiVersion": "migration.ms2m.io/v1alpha1", "kind": "StatefulMigration",
        "metadata": {"name": "orders-0-x7k2p", "namespace": "shop", "uid": "m-uid", "creationTimestamp": "2026-01-02T03:04:05Z",
            "annotations": {"kubectl.kubernetes.io/last-applied-configuration": format!("{{\"brokerUrl\":\"{url}\"}}")}},
        "spec": {"sourcePod": "orders-0", "targetNode": "node-b", "messageQueueConfig": {"brokerUrl": url, "queueName": "q"}},
        "status": {"phase": "Failed", "sourceNode": "node-a", "startTime": time, "completionTime": "2026-01-02T03:04:07.500000Z",
            "plan": {"strategy": "ShadowPod", "because": "as asked", "container": "orders", "sourceNode": "node-a",
                "targetNode": "node-b", "checkpointBackend": "Runtime", "queue": {"queue": "q", "quorum": false},
                "source": {"namespace": "shop", "name": "orders-0", "uid": "p-uid"}},
            "rollback": {"reason": "BrokerRefused", "message": format!("{url} refused"), "since": time},
            "steps": [{"step": "Prepare", "leg": 0, "started": time, "finished": "2026-01-02T03:04:06.250000Z"}]},
    });
    let event = json!({
        "apiVersion": "v1", "kind": "Event", "metadata": {"name": "e", "namespace": "shop"},
        "involvedObject": {"kind": "StatefulMigration", "name": "orders-0-x7k2p", "uid": "m-uid"},
        "reason": "Undone", "message": format!("{url} refused"), "type": "Warning", "eventTime": time,
    });
    let progress = json!({
        "apiVersion": "migration.ms2m.io/v1alpha1", "kind": "MigrationProgress",
        "metadata": {"name": "orders-0-x7k2p", "namespace": "shop"},
        "spec": {"now": time, "samples": [{"at": time, "primary": {"ready": 7, "consumers": 1}}]},
    });
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "orders-0", "namespace": "shop"},
        "spec": {"containers": [{"name": "orders", "env": [{"name": "BROKER", "value": url}]}]},
    });
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "orders-broker", "namespace": "shop"},
        "stringData": {"uri": url},
    });
    Cluster {
        objects: vec![migration, event, progress, pod, secret],
        ..Cluster::default()
    }
}

fn said(stub: &Stub, args: &[&str]) -> String {
    let output = stub.runs(args);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    text(&output.stdout)
}

#[test]
fn a_planted_password_is_found_in_no_report_of_a_cluster() {
    let stub = Stub::of(cluster());
    for format in ["text", "json", "html"] {
        let said = said(&stub, &["report", "orders-0", "-o", format]);
        assert!(said.contains("REMOVED@mq:5672 refused"), "{format}: {said}");
        assert!(!said.contains(PASSWORD), "{format}");
    }
    let secrets = stub
        .asked()
        .iter()
        .filter(|one| one.path.contains("secrets"))
        .count();
    assert_eq!(secrets, 0, "no Secret is read");
}

#[test]
fn events_and_queues_are_told_with_their_times() {
    let stub = Stub::of(cluster());
    let story: Value =
        serde_json::from_str(&said(&stub, &["report", "orders-0-x7k2p", "-o", "json"])).unwrap();
    assert_eq!(story["outcome"]["state"], "UNDONE");
    assert_eq!(story["outcome"]["reason"], "BrokerRefused");
    assert_eq!(story["outcome"]["exitCode"], 2);
    assert_eq!(story["totalSeconds"], 2.5);
    assert_eq!(story["events"][0]["reason"], "Undone");
    assert_eq!(story["messages"]["looks"][0]["primary"]["ready"], 7);
    assert_eq!(story["seen"]["kind"], "cluster");
}

#[test]
fn what_may_not_be_read_is_named_and_the_rest_is_told() {
    let mut cluster = cluster();
    cluster.hidden = ["events", "migrationprogresses"].into();
    let said = said(&Stub::of(cluster), &["report", "orders-0"]);
    for word in [
        "Not seen",
        "cannot read events",
        "cannot read migrationprogresses",
        "BrokerRefused",
    ] {
        assert!(said.contains(word), "{word}: {said}");
    }
}

#[test]
fn a_move_that_is_not_there_is_refused_and_named() {
    let output = Stub::of(cluster()).runs(&["report", "carts-0"]);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("no migration carts-0") && said.contains("namespace shop"),
        "{said}"
    );
}
