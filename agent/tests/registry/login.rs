//! Credentials and certificates, against a real registry.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::process::{self, Registry};
use crate::scene::{Node, PASSWORD};

/// `robot` with [`PASSWORD`].
const HTPASSWD: &str = "robot:$2b$05$abcdefghijklmnopqrstuudks0cx3ry4eykejzEdjJRiLcs8hlf/a\n";

struct Guarded {
    registry: Registry,
    ca: String,
    repository: String,
}

fn guarded() -> Guarded {
    let certified = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let (ca, key) = (certified.cert.pem(), certified.signing_key.serialize_pem());
    let written = ca.clone();
    let registry = process::start(true, |dir: &Path| {
        let put = |name: &str, content: &str| {
            fs::write(dir.join(name), content).unwrap();
            dir.join(name).display().to_string()
        };
        let (certificate, key) = (put("tls.crt", &written), put("tls.key", &key));
        let users = put("htpasswd", HTPASSWD);
        format!(
            "http: {{addr: \"ADDRESS\", tls: {{certificate: \"{certificate}\", key: \"{key}\"}}}}\n\
             auth: {{htpasswd: {{realm: test, path: \"{users}\"}}}}\n"
        )
    });
    let repository = format!("{}/shadow/checkpoints", registry.address);
    Guarded {
        registry,
        ca,
        repository,
    }
}

fn access(guarded: &Guarded, password: Option<&str>) -> Value {
    let login = password.map(|password| json!({"user": "robot", "password": password}));
    json!({"ca": guarded.ca, "login": login})
}

#[tokio::test]
async fn who_has_the_password_gets_through_by_https() {
    let guarded = guarded();
    let (source, target) = (Node::new("node-a"), Node::new("node-b"));
    let dump = source.dumped(500_000);
    target.announced().await;
    let access = access(&guarded, Some(PASSWORD));
    let pushed = source.push(&guarded.repository, &access).await.unwrap();
    target
        .pull(&guarded.repository, &access, &pushed.image, &dump)
        .await
        .unwrap();
    target.holds(&dump);
    let deleted = source.discard(&guarded.repository, &access).await.unwrap();
    assert_eq!(deleted["outcome"], "deleted");
    drop(guarded.registry);
}

#[tokio::test]
async fn who_has_not_is_told_what_to_do() {
    let guarded = guarded();
    let source = Node::new("node-a");
    source.dumped(1000);
    for (password, advice) in [
        (None, "name a Secret"),
        (Some("wrong"), "does not accept user and password"),
    ] {
        let refused = source
            .push(&guarded.repository, &access(&guarded, password))
            .await
            .unwrap_err();
        assert_eq!(
            (refused.status.as_u16(), refused.reason.as_str()),
            (409, "RegistryRefused")
        );
        let said = refused.message;
        assert!(
            said.contains("401 UNAUTHORIZED") && said.contains(advice),
            "{said}"
        );
        assert!(said.contains("checkpointImageSecretRef"), "{said}");
    }
    let kept = source
        .discard(&guarded.repository, &access(&guarded, None))
        .await
        .unwrap();
    assert_eq!(kept["outcome"], "kept");
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_not_accepted() {
    let (guarded, other) = (guarded(), guarded());
    let source = Node::new("node-a");
    source.dumped(1000);
    let refused = source
        .push(&guarded.repository, &access(&other, Some(PASSWORD)))
        .await
        .unwrap_err();
    assert_eq!(
        (refused.status.as_u16(), refused.reason.as_str()),
        (502, "RegistryUnavailable")
    );
    assert!(
        refused.message.contains("certificate") && refused.message.contains("as ca.crt"),
        "{refused:?}"
    );
}

#[tokio::test]
async fn one_that_has_no_certificate_is_not_spoken_to_in_plain_http_instead() {
    let (plain, guarded) = (process::plain(true), guarded());
    let source = Node::new("node-a");
    source.dumped(1000);
    let repository = format!("{}/shadow/checkpoints", plain.address);
    let refused = source
        .push(&repository, &access(&guarded, Some(PASSWORD)))
        .await
        .unwrap_err();
    assert_eq!(refused.reason, "RegistryUnavailable");
    assert!(
        refused.message.contains("install --plain-http HOST:PORT"),
        "{refused:?}"
    );
}
