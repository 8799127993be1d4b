//! How the API server is found and asked: flags, files, and what is told when that fails.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use crate::stub::{Stub, err, failure, list, out, program};

pub(crate) fn stub() -> Stub {
    Stub::that_answers(|_| list("StatefulMigrationList", Vec::new()))
}

#[test]
fn another_user_is_acted_as() {
    let stub = stub();
    let output = stub.runs(&[
        "list",
        "--as",
        "anna",
        "--as-group",
        "dev",
        "--as-group",
        "ops",
        "--as-uid",
        "42",
        "--as-user-extra",
        "scopes=view",
        "--as-user-extra",
        "scopes=edit",
    ]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    let asked = &stub.asked()[0];
    assert_eq!(asked.header("impersonate-user"), ["anna"]);
    assert_eq!(asked.header("impersonate-group"), ["dev", "ops"]);
    assert_eq!(asked.header("impersonate-uid"), ["42"]);
    assert_eq!(asked.header("impersonate-extra-scopes"), ["view", "edit"]);
}

#[test]
fn another_server_needs_no_kubeconfig() {
    let stub = stub();
    std::fs::remove_file(stub.folder.join("config")).unwrap();
    let output = stub
        .program(&["list", "-s", &format!("http://{}", stub.address), "-n", "pay"])
        .env_remove("KUBECONFIG")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    assert!(
        stub.asked()[0].path.contains("/namespaces/pay/"),
        "{:?}",
        stub.asked()
    );
    assert_eq!(out(&output), "");
}

#[test]
fn a_cluster_without_us_is_named_with_both_reasons() {
    let stub = Stub::that_answers(|_| {
        failure(
            404,
            "NotFound",
            "the server could not find the requested resource",
            "",
        )
    });
    let output = stub.runs(&["list", "--context", "test"]);
    assert_eq!(output.status.code(), Some(1));
    for word in [
        "the cluster of context test does not know StatefulMigrations",
        "wrong cluster",
        "kubectl shadow install",
    ] {
        assert!(err(&output).contains(word), "{}", err(&output));
    }
}

/// Connections are taken, and nothing is ever said.
#[test]
fn a_silent_port_ends_after_the_time_that_was_typed() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let stub = stub();
    stub.has_config(&silent.local_addr().unwrap().to_string(), "", "{}");
    for args in [
        &["list", "--request-timeout=2s"][..],
        &["migrate", "orders-0", "--to", "b", "--request-timeout=2"],
    ] {
        let begun = Instant::now();
        let output = stub.runs(args);
        let took = begun.elapsed();
        assert_eq!(output.status.code(), Some(1), "{}", err(&output));
        let told = err(&output);
        for word in [
            silent.local_addr().unwrap().to_string().as_str(),
            "(context prod)",
            "no answer within 2s",
        ] {
            assert!(told.contains(word), "{told}");
        }
        assert_eq!(told.contains("Nothing was begun"), args[0] == "migrate", "{told}");
        assert!(
            (Duration::from_secs(2)..Duration::from_secs(8)).contains(&took),
            "{took:?}"
        );
    }
}

#[test]
fn a_port_that_nothing_listens_on_is_told_at_once() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let stub = stub();
    stub.has_config(&free.to_string(), "", "{}");
    let output = stub.runs(&["status", "orders-0", "--context", "prod"]);
    assert_eq!(output.status.code(), Some(1));
    let wanted = format!(
        "error: cannot reach http://{free} (context prod): connection refused. Is a VPN needed? To see whether the server answers, \
         type: kubectl --context prod version\n"
    );
    assert_eq!(err(&output), wanted);
}

#[test]
fn what_is_wrong_with_a_kubeconfig_is_told_with_the_file_and_the_way_out() {
    let stub = stub();
    let file = stub.folder.join("config").display().to_string();
    let broken = stub.writes("broken", "clusters: [").display().to_string();
    let cases = [
        (vec!["list", "--context", "prd"], format!("no context \"prd\" in {file}; it has prod, test")),
        (vec!["list", "--user", "x"], format!("no user \"x\" in {file}; it has u")),
        (
            vec!["list", "--kubeconfig", "/nonexistent/config"],
            "/nonexistent/config does not exist. Name another kubeconfig with --kubeconfig FILE or KUBECONFIG".to_owned(),
        ),
        (vec!["list", "--kubeconfig", &broken], format!("{broken} cannot be read: ")),
    ];
    for (args, told) in cases {
        let output = stub.runs(&args);
        assert_eq!(output.status.code(), Some(1), "{args:?}");
        assert!(
            err(&output).starts_with(&format!("error: {told}")),
            "{}",
            err(&output)
        );
    }
    let none = program(&stub.folder, &["list"])
        .env_remove("KUBECONFIG")
        .output()
        .unwrap();
    let told = format!(
        "error: {}/.kube/config does not exist. Name another",
        stub.folder.display()
    );
    assert!(err(&none).starts_with(&told), "{}", err(&none));
}
