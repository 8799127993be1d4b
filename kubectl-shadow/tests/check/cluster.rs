//! The installation.

use serde_json::json;

use crate::stage::{EXPIRED, Wanted, checked, cluster, definition, edit, expect, take_away, trust};
use crate::stub::{Cluster, Stub, text};

fn with(change: impl FnOnce(&mut Cluster), wanted: Wanted<'_>) {
    expect(&["cluster"], change, wanted);
}

#[test]
fn all_is_well_in_a_fresh_installation() {
    with(|_| {}, &[]);
    let (lines, _) = checked(cluster(), &["cluster"]);
    let codes: std::collections::BTreeSet<&str> = lines.iter().map(|line| line.code.as_str()).collect();
    assert_eq!(codes.len(), 13, "each check has a line: {lines:#?}");
}

#[test]
fn a_cluster_without_an_installation_is_told_in_one_line() {
    let empty = |cluster: &mut Cluster| cluster.objects.clear();
    with(empty, &[("SH002", "", "fail", "not installed")]);
    expect(&[], empty, &[("SH002", "", "fail", "not installed")]);
}

#[test]
fn versions_of_kubernetes_are_told_apart() {
    let of = |version: &'static str| move |cluster: &mut Cluster| cluster.version = version.to_owned();
    with(of("v1.29.9"), &[("SH001", "", "fail", "1.30 or newer")]);
    with(of("v1.31.0+k3s1"), &[("SH001", "", "warn", "was not run")]);
    with(of("v1.37.0"), &[("SH001", "", "warn", "was not run")]);
}

#[test]
fn each_missing_kind_is_told() {
    for index in 0..3 {
        let name = definition(index);
        with(
            |cluster| take_away(cluster, "CustomResourceDefinition", name),
            &[("SH002", name, "fail", "is not there")],
        );
    }
}

#[test]
fn a_kind_that_is_not_served_is_told() {
    let name = definition(0);
    with(
        |cluster| edit(cluster, "CustomResourceDefinition", name)["status"]["conditions"] = json!([]),
        &[("SH002", name, "fail", "not served")],
    );
}

#[test]
fn a_kind_of_another_version_is_told() {
    let name = definition(0);
    let spec = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties";
    with(
        |cluster| {
            let kind = edit(cluster, "CustomResourceDefinition", name);
            kind.pointer_mut(spec)
                .unwrap()
                .as_object_mut()
                .unwrap()
                .remove("giveMemoryUp");
        },
        &[("SH003", name, "warn", "it lacks spec.giveMemoryUp")],
    );
    with(
        |cluster| {
            let kind = edit(cluster, "CustomResourceDefinition", name);
            kind.pointer_mut(spec).unwrap()["ofNextYear"] = json!({"type": "string"});
        },
        &[("SH003", name, "warn", "it has spec.ofNextYear")],
    );
}

#[test]
fn a_controller_that_is_not_available_is_told_with_the_last_words_of_its_pod() {
    with(
        |cluster| {
            edit(cluster, "Deployment", "shadow-controller")["status"] = json!({"replicas": 1});
            edit(cluster, "Pod", "shadow-controller-x")["status"] = json!({"phase": "Running", "containerStatuses": [{
                "name": "controller", "ready": false, "restartCount": 3, "image": "", "imageID": "",
                "state": {"waiting": {"reason": "CrashLoopBackOff"}},
                "lastState": {"terminated": {"exitCode": 1, "message": "no route to the API server\n"}}}]});
        },
        &[(
            "SH004",
            "Deployment shadow-controller",
            "fail",
            "CrashLoopBackOff. Its last words: no route to the API server",
        )],
    );
    with(
        |cluster| take_away(cluster, "Deployment", "shadow-controller"),
        &[("SH004", "Deployment shadow-controller", "fail", "is not there")],
    );
}

#[test]
fn a_lease_that_is_not_renewed_is_told() {
    let spec = |spec: serde_json::Value| {
        move |cluster: &mut Cluster| edit(cluster, "Lease", "shadow-controller")["spec"] = spec
    };
    let old =
        json!({"holderIdentity": "x", "leaseDurationSeconds": 8, "renewTime": "2026-01-02T03:04:05.000000Z"});
    with(spec(old), &[("SH005", "", "fail", "x has not renewed the Lease")]);
    with(
        spec(json!({"leaseDurationSeconds": 8})),
        &[("SH005", "", "fail", "no controller holds the Lease")],
    );
    with(
        |cluster| take_away(cluster, "Lease", "shadow-controller"),
        &[("SH005", "", "fail", "no controller has taken the Lease")],
    );
}

#[test]
fn a_webhook_that_is_not_available_is_told() {
    with(
        |cluster| edit(cluster, "Deployment", "shadow-webhook")["status"] = json!({}),
        &[("SH006", "Deployment shadow-webhook", "fail", "0 of 2")],
    );
    with(
        |cluster| {
            edit(cluster, "Deployment", "shadow-webhook")["status"] =
                json!({"replicas": 2, "availableReplicas": 1});
        },
        &[("SH006", "Deployment shadow-webhook", "warn", "1 of 2")],
    );
}

#[test]
fn a_certificate_authority_that_cannot_be_trusted_is_told() {
    let kind = "ValidatingWebhookConfiguration";
    let with_bundle = |certificate: &'static str| {
        move |cluster: &mut Cluster| trust(edit(cluster, kind, "shadow-webhook"), certificate)
    };
    with(
        with_bundle(EXPIRED),
        &[("SH007", kind, "fail", "expired on 2021-01-01")],
    );
    with(
        with_bundle("no certificate"),
        &[("SH007", kind, "fail", "cannot be read")],
    );
    with(
        with_bundle(""),
        &[("SH007", kind, "fail", "holds no certificate authority")],
    );
    with(
        |cluster| take_away(cluster, "MutatingWebhookConfiguration", "shadow-webhook"),
        &[("SH007", "MutatingWebhookConfiguration", "fail", "is not there")],
    );
}

#[test]
fn a_webhook_that_does_not_answer_is_told() {
    let said = "Internal error occurred: failed calling webhook \"migrations.migration.ms2m.io\": connection refused";
    with(
        |cluster| cluster.admission = (500, said.to_owned()),
        &[("SH008", "", "fail", "connection refused")],
    );
    with(
        |cluster| cluster.admission = (403, "you may not create statefulmigrations".to_owned()),
        &[("SH008", "", "warn", "you may not create")],
    );
}

#[test]
fn missing_policies_roles_and_runtime_class_are_told() {
    with(
        |cluster| take_away(cluster, "ValidatingAdmissionPolicy", "shadow-reserved-pods"),
        &[("SH009", "shadow-reserved-pods", "fail", "not there")],
    );
    with(
        |cluster| take_away(cluster, "ValidatingAdmissionPolicyBinding", "shadow-finalizer"),
        &[("SH009", "shadow-finalizer", "fail", "not bound")],
    );
    with(
        |cluster| take_away(cluster, "ClusterRole", "shadow-view"),
        &[("SH010", "shadow-view", "fail", "not there")],
    );
    with(
        |cluster| take_away(cluster, "RuntimeClass", "shadow"),
        &[("SH011", "", "fail", "not there")],
    );
}

#[test]
fn parts_of_two_versions_are_told() {
    with(
        |cluster| {
            let agents = edit(cluster, "DaemonSet", "shadow-agent");
            agents["spec"]["template"]["spec"]["containers"][0]["image"] =
                json!("registry.example/agent:v0.0.9");
        },
        &[("SH012", "", "warn", "v0.1.0, v0.1.0, v0.0.9")],
    );
}

#[test]
fn what_may_not_be_read_is_a_warning_and_no_failure() {
    with(
        |cluster| {
            cluster.hidden.insert("leases");
        },
        &[("SH005", "", "warn", "leases is forbidden")],
    );
}

#[test]
fn a_user_that_may_not_read_definitions_sees_what_is_served() {
    let hide = |cluster: &mut Cluster| {
        cluster.hidden.insert("customresourcedefinitions");
    };
    with(hide, &[]);
    with(
        |cluster| {
            hide(cluster);
            take_away(cluster, "CustomResourceDefinition", definition(2));
        },
        &[("SH002", definition(2), "fail", "is not served")],
    );
    with(
        |cluster| {
            hide(cluster);
            cluster.hidden.insert("namespaces");
            cluster.objects.clear();
        },
        &[("SH002", "", "fail", "not installed")],
    );
}

#[test]
fn the_lines_say_what_to_type_and_where_to_read_more() {
    let mut broken = cluster();
    take_away(&mut broken, "RuntimeClass", "shadow");
    let stub = Stub::of(broken);
    let full = text(&stub.runs(&["check", "cluster"]).stdout);
    assert!(
        full.contains("  FAIL  SH011  RuntimeClass shadow is not there\n"),
        "{full}"
    );
    assert!(
        full.contains("type: kubectl shadow install --registry REGISTRY"),
        "{full}"
    );
    assert!(
        full.contains("1 fail. To read what SH011 means, type: kubectl shadow explain SH011"),
        "{full}"
    );
    let short = text(&stub.runs(&["check", "cluster", "-o", "short"]).stdout);
    assert_eq!(short.lines().count(), 2, "{short}");
}

#[test]
fn an_api_server_that_does_not_answer_ends_the_check() {
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let stub = Stub::of(cluster());
    let config = std::fs::read_to_string(stub.kubeconfig()).unwrap();
    let address = config
        .split("http://")
        .nth(1)
        .unwrap()
        .split('\'')
        .next()
        .unwrap()
        .to_owned();
    let file = stub.folder.join("elsewhere");
    std::fs::write(&file, config.replace(&address, &free.to_string())).unwrap();
    let output = stub.runs(&["--kubeconfig", file.to_str().unwrap(), "check"]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stdout));
    assert!(
        text(&output.stderr).contains("connection refused"),
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn a_pause_is_told_with_its_reason_and_the_way_out() {
    let paused = json!({"apiVersion": "migration.ms2m.io/v1alpha1", "kind": "Pause", "metadata": {"name": "moves"},
        "spec": {"reason": "the broker is updated", "by": "carol"}});
    with(
        |cluster| cluster.objects.push(paused),
        &[("SH013", "", "warn", "by carol (the broker is updated)")],
    );
}
