//! An API server with TLS: whose certificates are trusted, and under which name.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::Output;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};

use crate::stub::{Stub, err, list};

/// An authority, its certificate in PEM.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: rcgen::Certificate,
}

impl Authority {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap();
        Self {
            issuer: Issuer::new(params, key),
            certificate,
        }
    }

    fn signs(&self, name: &str) -> (rcgen::Certificate, KeyPair) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        (params.signed_by(&key, &self.issuer).unwrap(), key)
    }
}

/// A server whose certificate has this name, and the authority of it in PEM. Each connection gets an empty list.
fn server(name: &str) -> (u16, String) {
    serving(name, None)
}

/// The same. `clients`: a client without a certificate of that authority is refused.
fn serving(name: &str, clients: Option<&Authority>) -> (u16, String) {
    let authority = Authority::new();
    let (certificate, key) = authority.signs(name);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap();
    let config = match clients {
        None => config.with_no_client_auth(),
        Some(clients) => {
            let mut roots = RootCertStore::empty();
            roots.add(clients.certificate.der().clone()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            config.with_client_cert_verifier(verifier.build().unwrap())
        }
    };
    let chain = vec![certificate.der().clone()];
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = Arc::new(config.with_single_cert(chain, key).unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            // A client that does not trust us goes away.
            drop(answer(StreamOwned::new(connection, stream)));
        }
    });
    (port, authority.certificate.pem())
}

fn answer(mut stream: impl std::io::Read + Write) -> std::io::Result<()> {
    let mut lines = BufReader::new(&mut stream);
    let mut line = String::new();
    while lines.read_line(&mut line)? > 2 {
        line.clear();
    }
    let body = r#"{"apiVersion":"migration.ms2m.io/v1alpha1","kind":"StatefulMigrationList","metadata":{},"items":[]}"#;
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
    )?;
    stream.flush()
}

/// Asks a server, about which the kubeconfig says this.
fn asks(address: &str, of_cluster: &str, flags: &[&str]) -> Output {
    let stub = Stub::that_answers(|_| list("StatefulMigrationList", Vec::new()));
    stub.has_config(&stub.address, "", "{}");
    let config = std::fs::read_to_string(stub.folder.join("config")).unwrap();
    let plain = format!("server: 'http://{}'", stub.address);
    stub.writes(
        "config",
        &config.replace(&plain, &format!("server: '{address}'{of_cluster}")),
    );
    stub.runs(&[&["list"], flags].concat())
}

#[test]
fn only_the_authority_of_the_kubeconfig_or_of_a_flag_is_trusted() {
    let (port, pem) = server("127.0.0.1");
    let (_, other) = server("127.0.0.1");
    let address = format!("https://127.0.0.1:{port}");
    let written = |pem: &str| format!(", certificate-authority-data: {}", STANDARD.encode(pem));
    let file = std::env::temp_dir().join(format!("kubectl-shadow-ca-{port}.crt"));
    std::fs::write(&file, &pem).unwrap();
    let flag = format!("--certificate-authority={}", file.display());
    let cases = [
        (written(&pem), vec![], Some(0)),
        (written(&other), vec![], Some(1)),
        (String::new(), vec![], Some(1)),
        (written(&other), vec![flag.as_str()], Some(0)),
        (written(&other), vec!["--insecure-skip-tls-verify"], Some(0)),
        (", insecure-skip-tls-verify: true".to_owned(), vec![], Some(0)),
    ];
    for (of_cluster, flags, code) in cases {
        let output = asks(&address, &of_cluster, &flags);
        assert_eq!(
            output.status.code(),
            code,
            "{of_cluster} {flags:?}: {}",
            err(&output)
        );
        if code == Some(1) {
            let told = format!("cannot reach {address} (context prod): invalid peer certificate");
            assert!(err(&output).contains(&told), "{}", err(&output));
        }
    }
    std::fs::remove_file(file).unwrap();
}

#[test]
fn a_certificate_of_another_name_needs_that_name() {
    let (port, pem) = server("kube.test");
    let address = format!("https://127.0.0.1:{port}");
    let trusted = format!(", certificate-authority-data: {}", STANDARD.encode(pem));
    assert_eq!(asks(&address, &trusted, &[]).status.code(), Some(1));
    let named = asks(&address, &trusted, &["--tls-server-name", "kube.test"]);
    assert_eq!(named.status.code(), Some(0), "{}", err(&named));
    let written = asks(&address, &format!("{trusted}, tls-server-name: kube.test"), &[]);
    assert_eq!(written.status.code(), Some(0), "{}", err(&written));
}

#[test]
fn an_authority_that_cannot_be_read_is_told_with_its_file() {
    for (authority, told) in [
        (STANDARD.encode("no certificate"), "holds no certificate"),
        ("!".to_owned(), "certificate authority"),
    ] {
        let output = asks(
            "https://127.0.0.1:1",
            &format!(", certificate-authority-data: '{authority}'"),
            &[],
        );
        assert_eq!(output.status.code(), Some(1));
        assert!(
            err(&output).contains("/config: ") && err(&output).contains(told),
            "{}",
            err(&output)
        );
    }
}

/// Certificate, key, and another key, as files.
fn login(folder: &std::path::Path, clients: &Authority) -> [String; 3] {
    let (certificate, key) = clients.signs("anna");
    let files = [
        ("a.crt", certificate.pem()),
        ("a.key", key.serialize_pem()),
        ("b.key", KeyPair::generate().unwrap().serialize_pem()),
    ];
    files.map(|(name, pem)| {
        let file = folder.join(name);
        std::fs::write(&file, pem).unwrap();
        file.display().to_string()
    })
}

#[test]
fn a_certificate_that_is_typed_logs_in() {
    let clients = Authority::new();
    let (port, pem) = serving("127.0.0.1", Some(&clients));
    let folder = tempfile::tempdir().unwrap();
    let [certificate, key, other_key] = login(folder.path(), &clients);
    let address = format!("https://127.0.0.1:{port}");
    let trusted = format!(", certificate-authority-data: {}", STANDARD.encode(pem));
    let cases: [(&[&str], i32, &str); 6] = [
        (&[], 1, "cannot reach https://127.0.0.1"),
        (
            &["--client-certificate", &certificate, "--client-key", &key],
            0,
            "",
        ),
        (
            &["--client-certificate", &certificate],
            1,
            "--client-certificate needs its private key. Add --client-key FILE",
        ),
        (
            &["--client-key", &key],
            1,
            "--client-key needs its certificate. Add --client-certificate FILE",
        ),
        (
            &["--client-certificate", &key, "--client-key", &key],
            1,
            "a.key: the file holds no certificate in PEM",
        ),
        (
            &["--client-certificate", &certificate, "--client-key", &other_key],
            1,
            "does not belong to the certificate",
        ),
    ];
    for (flags, code, told) in cases {
        let output = asks(&address, &trusted, flags);
        assert_eq!(output.status.code(), Some(code), "{flags:?}: {}", err(&output));
        assert!(err(&output).contains(told), "{flags:?}: {}", err(&output));
    }
    let gone = asks(&address, &trusted, &["--client-key", "/nonexistent/key"]);
    assert!(
        err(&gone).contains("--client-key /nonexistent/key: the file cannot be read: "),
        "{}",
        err(&gone)
    );
}
