//! An API server that holds objects in memory: what a test puts in is what the program is shown. It records what it was asked.

mod store;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
pub(crate) use store::Cluster;

/// A request, as it came in.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) body: Value,
}

/// What it is answered with: a code, and JSON or plain text.
pub(crate) enum Answer {
    Json(u16, Value),
    Text(String),
}

/// A running one. It ends with the test.
pub(crate) struct Stub {
    folder: tempfile::TempDir,
    cluster: Arc<Mutex<Cluster>>,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Stub {
    pub(crate) fn of(cluster: Cluster) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (cluster, asked) = (Arc::new(Mutex::new(cluster)), Arc::<Mutex<Vec<Asked>>>::default());
        let (shown, heard) = (Arc::clone(&cluster), Arc::clone(&asked));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (shown, heard) = (Arc::clone(&shown), Arc::clone(&heard));
                std::thread::spawn(move || serve(stream, &shown, &heard));
            }
        });
        let folder = tempfile::tempdir().unwrap();
        let config = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: prod\nclusters: [{{name: c, cluster: {{server: 'http://{address}'}}}}]\n\
             contexts: [{{name: prod, context: {{cluster: c, user: u, namespace: shop}}}}]\nusers: [{{name: u, user: {{}}}}]\n"
        );
        std::fs::write(folder.path().join("config"), config).unwrap();
        Self {
            folder,
            cluster,
            asked,
        }
    }

    /// What the program says when it is run with these arguments.
    pub(crate) fn run(&self, args: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kubectl-shadow"));
        command.args(args).env("KUBECONFIG", self.kubeconfig());
        command.env("HOME", "/nonexistent").output().unwrap()
    }

    pub(crate) fn kubeconfig(&self) -> PathBuf {
        self.folder.path().join("config")
    }

    /// A folder that ends with the test.
    pub(crate) fn folder(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    /// What it was asked to change, without dry runs and questions of rights.
    pub(crate) fn changes(&self) -> Vec<Asked> {
        let asked = self.asked.lock().unwrap();
        let changes = asked.iter().filter(|one| {
            one.method != "GET" && !one.query.contains("dryRun") && !one.path.contains("reviews")
        });
        changes.cloned().collect()
    }

    /// Everything that it was asked.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// What it holds now.
    pub(crate) fn holds<T>(&self, look: impl FnOnce(&Cluster) -> T) -> T {
        look(&self.cluster.lock().unwrap())
    }
}

/// Compares with a file of `tests/screens`; `UPDATE_SCREENS=1` writes it anew.
pub(crate) fn snapshot(name: &str, text: &str) {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/screens");
    let path = folder.join(name);
    if std::env::var_os("UPDATE_SCREENS").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(text == expected, "{name} changed; now:\n{text}");
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// One request for each connection.
fn serve(mut stream: TcpStream, cluster: &Mutex<Cluster>, asked: &Mutex<Vec<Asked>>) {
    let Some(request) = request(&stream) else {
        return;
    };
    asked.lock().unwrap().push(request.clone());
    let answer = cluster.lock().unwrap().answer(&request);
    let (code, kind, body) = match answer {
        Answer::Json(code, value) => (code, "application/json", value.to_string()),
        Answer::Text(text) => (200, "text/plain", text),
    };
    let head = format!(
        "HTTP/1.1 {code} Answer\r\nContent-Type: {kind}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    // A program that has enough may be gone.
    drop(stream.write_all(format!("{head}{body}").as_bytes()));
}

fn request(stream: &TcpStream) -> Option<Asked> {
    let mut lines = BufReader::new(stream);
    let mut first = String::new();
    lines.read_line(&mut first).ok()?;
    let mut length = 0;
    loop {
        let mut line = String::new();
        lines.read_line(&mut line).ok()?;
        if line.trim().is_empty() {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    lines.read_exact(&mut body).ok()?;
    let mut words = first.split_whitespace();
    let (method, target) = (words.next()?.to_owned(), words.next()?);
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    Some(Asked {
        method,
        path: path.to_owned(),
        query: query.to_owned(),
        body: serde_json::from_slice(&body).unwrap_or(Value::Null),
    })
}

pub(crate) fn failure(code: u16, reason: &str, name: &str, message: &str) -> Answer {
    let details = json!({"name": name});
    Answer::Json(
        code,
        json!({"apiVersion": "v1", "kind": "Status", "status": "Failure", "code": code, "message": message,
            "reason": reason, "details": details}),
    )
}
