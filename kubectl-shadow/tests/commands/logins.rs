//! Credential plugins, kuberc and identity providers.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use crate::connection::stub;
use crate::stub::{Stub, err};

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
