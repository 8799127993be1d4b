//! How the API server is found and asked: flags, files, proxies, credential plugins and kuberc.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::stub::{Stub, err, failure, list, out, program};

fn stub() -> Stub {
    Stub::that_answers(|_| list("StatefulMigrationList", Vec::new()))
}

/// A proxy that leads every tunnel to one address, whatever it was asked for.
fn proxy(to: String) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let tunnels = Arc::<AtomicUsize>::default();
    let counted = Arc::clone(&tunnels);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (to, counted) = (to.clone(), Arc::clone(&counted));
            std::thread::spawn(move || tunnel(stream, &to, &counted));
        }
    });
    (address, tunnels)
}

fn tunnel(mut client: TcpStream, to: &str, counted: &AtomicUsize) {
    let mut lines = BufReader::new(client.try_clone().unwrap());
    let mut first = String::new();
    lines.read_line(&mut first).unwrap();
    let mut line = first.clone();
    while !line.trim().is_empty() {
        line.clear();
        lines.read_line(&mut line).unwrap();
    }
    assert!(first.starts_with("CONNECT kube.invalid:6443 "), "{first}");
    counted.fetch_add(1, Ordering::SeqCst);
    let server = TcpStream::connect(to).unwrap();
    client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
    joined(client, server);
}

/// What one says the other hears.
fn joined(mut client: TcpStream, mut server: TcpStream) {
    let (mut from_client, mut to_server) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    std::thread::spawn(move || std::io::copy(&mut from_client, &mut to_server).is_ok());
    drop(std::io::copy(&mut server, &mut client));
}

#[test]
fn an_api_server_behind_the_proxy_of_the_kubeconfig_is_reached() {
    let stub = stub();
    let (proxy, tunnels) = proxy(stub.address.clone());
    stub.has_config(
        "kube.invalid:6443",
        &format!(", proxy-url: 'http://{proxy}'"),
        "{}",
    );
    let output = stub.runs(&["list"]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    assert_eq!(tunnels.load(Ordering::SeqCst), 1);
    assert_eq!(stub.asked().len(), 1);
}

/// A SOCKS 5 proxy (RFC 1928) without a login, which leads every connection to one address.
fn socks(to: String) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let tunnels = Arc::<AtomicUsize>::default();
    let counted = Arc::clone(&tunnels);
    std::thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            let mut greeting = [0; 2];
            client.read_exact(&mut greeting).unwrap();
            client.read_exact(&mut vec![0; usize::from(greeting[1])]).unwrap();
            client.write_all(&[5, 0]).unwrap();
            let mut asked = [0; 5];
            client.read_exact(&mut asked).unwrap();
            assert_eq!(
                asked[..4],
                [5, 1, 0, 3],
                "a name is asked for, and the proxy finds it"
            );
            let mut name = vec![0; usize::from(asked[4]) + 2];
            client.read_exact(&mut name).unwrap();
            assert!(name.starts_with(b"kube.invalid"), "{name:?}");
            client.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).unwrap();
            counted.fetch_add(1, Ordering::SeqCst);
            let server = TcpStream::connect(&to).unwrap();
            std::thread::spawn(move || joined(client, server));
        }
    });
    (address, tunnels)
}

#[test]
fn an_api_server_behind_a_socks_proxy_is_reached() {
    let stub = stub();
    let (proxy, tunnels) = socks(stub.address.clone());
    stub.has_config(
        "kube.invalid:6443",
        &format!(", proxy-url: 'socks5://{proxy}'"),
        "{}",
    );
    let output = stub.runs(&["list"]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    assert_eq!(tunnels.load(Ordering::SeqCst), 1);
}

/// A token of an identity provider that is still valid is sent as it is.
#[test]
fn a_login_by_an_identity_provider_is_used() {
    let encoded = |json: &str| base64_url(json.as_bytes());
    let token = format!(
        "{}.{}.c2ln",
        encoded("{\"alg\":\"none\"}"),
        encoded("{\"exp\":4102444800}")
    );
    let stub = stub();
    let user = format!(
        "{{auth-provider: {{name: oidc, config: {{client-id: c, idp-issuer-url: 'https://idp.invalid', id-token: {token}}}}}}}"
    );
    stub.has_config(&stub.address, "", &user);
    let output = stub.runs(&["list"]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    assert_eq!(
        stub.asked()[0].header("authorization"),
        [format!("Bearer {token}")]
    );
}

fn base64_url(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}

#[test]
fn the_proxy_of_the_environment_counts_unless_the_server_is_excepted() {
    let stub = stub();
    let (proxy, tunnels) = proxy(stub.address.clone());
    stub.has_config("kube.invalid:6443", "", "{}");
    let with_proxy = || {
        let mut program = stub.program(&["list"]);
        program.env("HTTP_PROXY", format!("http://{proxy}"));
        program
    };
    let output = with_proxy().output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    assert_eq!(tunnels.load(Ordering::SeqCst), 1);
    // An empty part at the end is usual.
    let output = with_proxy()
        .env("NO_PROXY", "10.0.0.0/8, example.org,")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    assert_eq!(tunnels.load(Ordering::SeqCst), 2);
    let output = with_proxy().env("NO_PROXY", "invalid").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        err(&output).contains("cannot reach http://kube.invalid:6443"),
        "{}",
        err(&output)
    );
    assert_eq!(tunnels.load(Ordering::SeqCst), 2);
}

/// A program that writes a token, and that it ran.
fn credential_plugin(stub: &Stub, name: &str) -> PathBuf {
    let script = format!(
        "#!/bin/sh\necho ran >>'{}'\necho '{{\"apiVersion\": \"client.authentication.k8s.io/v1\", \"kind\": \"ExecCredential\", \
         \"status\": {{\"token\": \"from-plugin\"}}}}'\n",
        stub.folder.join("ran").display()
    );
    let file = stub.writes(name, &script);
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
    let exec = format!(
        "{{exec: {{apiVersion: client.authentication.k8s.io/v1, interactiveMode: Never, command: '{}'}}}}",
        file.display()
    );
    stub.has_config(&stub.address, "", &exec);
    file
}

fn has_run(stub: &Stub) -> bool {
    stub.folder.join("ran").exists()
}

#[test]
fn a_credential_plugin_logs_in() {
    let stub = stub();
    credential_plugin(&stub, "login");
    let output = stub.runs(&["list"]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    assert_eq!(stub.asked()[0].header("authorization"), ["Bearer from-plugin"]);
}

#[test]
fn a_token_that_is_typed_runs_no_plugin() {
    let stub = stub();
    credential_plugin(&stub, "login");
    let output = stub.runs(&["list", "--token", "typed"]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    assert_eq!(stub.asked()[0].header("authorization"), ["Bearer typed"]);
    assert!(!has_run(&stub));
}

#[test]
fn a_credential_plugin_runs_only_if_kubectl_would_run_it() {
    let allowlist = |entry: &str| {
        format!(
            "credentialPluginPolicy: Allowlist\ncredentialPluginAllowlist: [{{command: other}}, {{command: {entry}}}]"
        )
    };
    let cases = [
        ("credentialPluginPolicy: AllowAll".to_owned(), true, ""),
        ("aliases: []".to_owned(), true, ""),
        ("credentialPluginPolicy: DenyAll".to_owned(), false, "DenyAll"),
        (allowlist("PLUGIN"), true, ""),
        (
            allowlist("/usr/bin/login"),
            false,
            "not in credentialPluginAllowlist",
        ),
        ("credentialPluginPolicy: Allowlist".to_owned(), false, "is empty"),
        ("credentialPluginPolicy: [".to_owned(), false, "kuberc"),
    ];
    for (policy, runs, told) in cases {
        let stub = stub();
        let plugin = credential_plugin(&stub, "login");
        let policy = policy.replace("PLUGIN", plugin.to_str().unwrap());
        std::fs::create_dir_all(stub.folder.join(".kube")).unwrap();
        stub.writes(
            ".kube/kuberc",
            &format!("apiVersion: kubectl.config.k8s.io/v1beta1\nkind: Preference\n{policy}\n"),
        );
        let output = stub.runs(&["list"]);
        let code = if runs { 0 } else { 1 };
        assert_eq!(output.status.code(), Some(code), "{policy}: {}", err(&output));
        assert_eq!(has_run(&stub), runs, "{policy}");
        assert!(err(&output).contains(told), "{policy}: {}", err(&output));
        if !runs {
            assert!(stub.asked().is_empty(), "{policy}");
            let off = stub
                .program(&["list"])
                .env("KUBECTL_KUBERC", "false")
                .output()
                .unwrap();
            assert_eq!(off.status.code(), Some(0), "{policy}: {}", err(&off));
            let off = stub.program(&["list"]).env("KUBERC", "off").output().unwrap();
            assert_eq!(off.status.code(), Some(0), "{policy}: {}", err(&off));
        }
    }
}

#[test]
fn a_kuberc_that_is_named_counts() {
    let stub = stub();
    credential_plugin(&stub, "login");
    let text =
        "apiVersion: kubectl.config.k8s.io/v1beta1\nkind: Preference\ncredentialPluginPolicy: DenyAll\n";
    let file = stub.writes("other", text);
    let output = stub.runs(&["list", "--kuberc", file.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1), "{}", err(&output));
    let output = stub.program(&["list"]).env("KUBERC", &file).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", err(&output));
    let output = stub.runs(&["list", "--kuberc", "/nonexistent/kuberc"]);
    assert!(
        err(&output).contains("/nonexistent/kuberc cannot be read"),
        "{}",
        err(&output)
    );
    assert!(!has_run(&stub));
}

#[test]
fn a_plugin_that_fails_is_named() {
    let stub = stub();
    let file = credential_plugin(&stub, "login");
    std::fs::write(&file, "#!/bin/sh\nexit 7\n").unwrap();
    let output = stub.runs(&["list"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        err(&output).contains("login\" gave no credentials"),
        "{}",
        err(&output)
    );
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
