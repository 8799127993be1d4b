//! `images`: archives into a registry, and what is said when that does not work.

use std::io::Write;
use std::process::{Output, Stdio};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::registry::{Login, Registry, SHARED, archive, archives, digest, docker_config};
use crate::stub::{Answer, Asked, Stub, err, failure, out, program};

/// A folder with the archives, as a home folder without any kubeconfig.
fn release() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    archives(folder.path());
    folder
}

fn push(home: &tempfile::TempDir, registry: &str, flags: &[&str]) -> Output {
    let folder = home.path().to_str().unwrap();
    let fixed = ["images", "push", registry, "--from", folder];
    let args: Vec<&str> = fixed.iter().chain(flags).copied().collect();
    program(home.path(), &args).output().unwrap()
}

fn logged_in(home: &tempfile::TempDir, registry: &str, password: &str) {
    let folder = home.path().join(".docker");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("config.json"), docker_config(registry, password)).unwrap();
}

#[test]
fn all_images_are_pushed_and_nothing_is_sent_twice() {
    let (home, registry) = (release(), Registry::begin(Login::None));
    let place = format!("{}/me", registry.address);
    let output = push(&home, &place, &["--plain-http", "--tag", "v7"]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    assert_eq!(out(&output).lines().count(), 4, "{}", out(&output));
    assert!(
        out(&output).contains(&format!(
            "pushed  {place}/webhook:v7 (11.6 kB sent, 16 B were there)"
        )),
        "{}",
        out(&output)
    );
    assert!(
        out(&output).ends_with(&format!("install --registry {place} --tag v7\n")),
        "{}",
        out(&output)
    );
    for part in ["controller", "webhook", "agent"] {
        let manifest = registry.manifest(&format!("me/{part}:v7")).unwrap();
        assert_eq!(digest(&manifest), archive(home.path(), part));
    }
    // Three manifests, three configurations, three programs, and one layer that all share.
    assert_eq!(registry.written().len(), 10, "{:?}", registry.written());

    let again = push(&home, &place, &["--plain-http", "--tag", "v7"]);
    assert_eq!(again.status.code(), Some(0), "{}", err(&again));
    assert_eq!(
        out(&again).matches("(nothing to send)").count(),
        3,
        "{}",
        out(&again)
    );
    assert_eq!(registry.written().len(), 10, "{:?}", registry.written());
}

#[test]
fn a_layer_that_is_there_is_not_sent() {
    let (home, registry) = (release(), Registry::begin(Login::None));
    registry.has(SHARED);
    let output = push(&home, &registry.address, &["--plain-http"]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    assert!(!registry.written().is_empty());
    assert_eq!(
        out(&output).matches("16 B were there").count(),
        3,
        "{}",
        out(&output)
    );
}

#[test]
fn the_user_of_docker_login_is_taken_by_registries_of_both_kinds() {
    for login in [Login::Basic, Login::Token] {
        let (home, registry) = (release(), Registry::begin(login));
        let output = push(&home, &registry.address, &["--plain-http"]);
        assert_eq!(output.status.code(), Some(1), "{}", out(&output));
        let way = format!(
            "wants a login. To log in, type: docker login {}",
            registry.address
        );
        assert!(err(&output).contains(&way), "{}", err(&output));

        logged_in(&home, &registry.address, "wrong");
        let output = push(&home, &registry.address, &["--plain-http"]);
        assert_eq!(output.status.code(), Some(1), "{}", out(&output));
        assert!(
            err(&output).contains("does not accept user me of") && !err(&output).contains("wrong"),
            "{}",
            err(&output)
        );

        logged_in(&home, &registry.address, "right");
        let output = push(&home, &registry.address, &["--plain-http"]);
        assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    }
}

#[test]
fn a_password_on_standard_input_goes_before_dockers_file() {
    let (home, registry) = (release(), Registry::begin(Login::Basic));
    logged_in(&home, &registry.address, "wrong");
    let typed = |password: &str| {
        let folder = home.path().to_str().unwrap();
        let args = [
            "images",
            "push",
            &registry.address,
            "--from",
            folder,
            "--plain-http",
        ];
        let mut program = program(home.path(), &args);
        program.args(["--username", "me", "--password-stdin"]);
        let piped = program
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = piped.spawn().unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(password.as_bytes())
            .unwrap();
        child.wait_with_output().unwrap()
    };
    assert_eq!(typed("right\n").status.code(), Some(0));
    let empty = typed("");
    assert_eq!(empty.status.code(), Some(1));
    assert!(
        err(&empty).contains("no password on standard input"),
        "{}",
        err(&empty)
    );
}

#[test]
fn the_user_may_be_that_of_a_secret_of_the_cluster() {
    let registry = Registry::begin(Login::Basic);
    let address = registry.address.clone();
    let stub = Stub::that_answers(move |asked: &Asked| match asked.place() {
        "/api/v1/namespaces/shop/secrets/push" => {
            let config = STANDARD.encode(docker_config(&address, "right"));
            Answer::Json(
                200,
                json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "push", "namespace": "shop"},
                    "data": {".dockerconfigjson": config}}),
            )
        }
        _ => failure(404, "NotFound", "not found", "x"),
    });
    archives(&stub.folder);
    let folder = stub.folder.to_str().unwrap().to_owned();
    let run = |secret: &str| {
        let args = [
            "images",
            "push",
            &registry.address,
            "--from",
            &folder,
            "--plain-http",
        ];
        stub.program(&args)
            .args(["--registry-secret", secret])
            .output()
            .unwrap()
    };
    let output = run("shop/push");
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    let output = run("shop/none");
    assert_eq!(output.status.code(), Some(1));
    assert!(
        err(&output).contains("there is no Secret shop/none"),
        "{}",
        err(&output)
    );
}

#[test]
fn what_is_wrong_is_told_with_the_way_out() {
    let (home, registry) = (release(), Registry::begin(Login::None));
    let output = push(&home, &registry.address, &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        err(&output).contains("speaks plain HTTP") && err(&output).contains("add --plain-http"),
        "{}",
        err(&output)
    );
    let output = push(&home, "127.0.0.1:1", &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        err(&output).contains("registry 127.0.0.1:1 cannot be reached"),
        "{}",
        err(&output)
    );
    let output = push(&home, "https://ghcr.io/me", &[]);
    assert!(err(&output).contains("is not a registry"), "{}", err(&output));
    assert_eq!(registry.written().len(), 0);
}

#[test]
fn archives_that_are_missing_or_damaged_are_named_before_anything_is_sent() {
    let (home, registry) = (release(), Registry::begin(Login::None));
    let file = home.path().join("agent.tar");
    let mut bytes = std::fs::read(&file).unwrap();
    let program = b"the program of agent";
    let at = bytes.windows(program.len()).position(|part| part == program);
    bytes[at.unwrap()] ^= 1;
    std::fs::write(&file, &bytes).unwrap();
    let output = push(&home, &registry.address, &["--plain-http"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        err(&output).contains("agent.tar is no whole image archive: sha256:"),
        "{}",
        err(&output)
    );
    bytes.truncate(2_000);
    std::fs::write(&file, &bytes).unwrap();
    let output = push(&home, &registry.address, &["--plain-http"]);
    assert!(
        err(&output).contains("no whole image archive"),
        "{}",
        err(&output)
    );
    std::fs::remove_file(&file).unwrap();
    let output = push(&home, &registry.address, &["--plain-http"]);
    assert!(
        err(&output).contains("there is no image archive") && err(&output).contains("--from"),
        "{}",
        err(&output)
    );
    assert!(registry.asked().is_empty(), "{:?}", registry.asked());
}

#[test]
fn archives_are_listed_with_digest_and_size() {
    let home = release();
    let folder = home.path().to_str().unwrap();
    let list = |flags: &[&str]| {
        let fixed = ["images", "list", "--from", folder];
        let args: Vec<&str> = fixed.iter().chain(flags).copied().collect();
        program(home.path(), &args).output().unwrap()
    };
    let output = list(&[]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    let of_agent = archive(home.path(), "agent");
    let line = out(&output).lines().nth(3).unwrap().to_owned();
    assert!(
        line.starts_with(&format!("agent        {of_agent}")) && line.contains(" kB "),
        "{line}"
    );
    let json: Value = serde_json::from_str(&out(&list(&["-o", "json"]))).unwrap();
    assert_eq!(json["images"][2]["digest"], of_agent.as_str());
    assert_eq!(json["images"][0]["name"], "controller");
}
