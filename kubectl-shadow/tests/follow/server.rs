//! An API server that knows one migration. What it shows of it is told by the test, by the time since its creation.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

pub(crate) const NAME: &str = "orders-0-x7k2p";

/// What a question is answered with.
pub(crate) enum Answer {
    /// The migration with this status.
    Shown(Value),
    /// An error.
    Error(u16, &'static str),
    /// Nothing: the connection ends.
    Nothing,
    /// The migration, but only when so much time has passed since the creation.
    Late(Duration, Value),
}

pub(crate) struct Server {
    folder: PathBuf,
    patches: Arc<AtomicUsize>,
}

impl Server {
    /// One that answers so.
    pub(crate) fn that_shows(show: impl Fn(Duration) -> Answer + Send + Sync + 'static) -> Self {
        Self::that_denies(&[], show)
    }

    /// The same, but these resources may not be looked at.
    pub(crate) fn that_denies(
        denied: &'static [&'static str],
        show: impl Fn(Duration) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (show, begun) = (Arc::new(show), Instant::now());
        let patches = Arc::<AtomicUsize>::default();
        let counted = Arc::clone(&patches);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (show, counted) = (Arc::clone(&show), Arc::clone(&counted));
                std::thread::spawn(move || serve(stream, (&*show, denied), begun, &counted));
            }
        });
        let folder = std::env::temp_dir().join(format!(
            "kubectl-shadow-{}-{}",
            std::process::id(),
            address.port()
        ));
        std::fs::create_dir_all(&folder).unwrap();
        let config = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: c\nclusters: [{{name: c, cluster: {{server: 'http://{address}'}}}}]\n\
             contexts: [{{name: c, context: {{cluster: c, user: u, namespace: shop}}}}]\nusers: [{{name: u, user: {{}}}}]\n"
        );
        std::fs::write(folder.join("config"), config).unwrap();
        Self { folder, patches }
    }

    /// How often something was asked to be changed.
    pub(crate) fn patches(&self) -> usize {
        self.patches.load(Ordering::SeqCst)
    }

    /// The program, asking this server.
    pub(crate) fn asked_by(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("KUBECONFIG", self.folder.join("config"));
        command
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.folder).unwrap();
    }
}

/// One request for each connection. A watch is answered by silence, as one in which nothing changes.
fn serve(
    mut stream: TcpStream,
    (show, denied): (&dyn Fn(Duration) -> Answer, &[&str]),
    begun: Instant,
    patches: &AtomicUsize,
) {
    let Some((method, path)) = request(&stream) else {
        return;
    };
    if path.contains("/statefulmigrations") && matches!(show(begun.elapsed()), Answer::Nothing) {
        return;
    }
    let is_denied = denied
        .iter()
        .any(|one| path.split('?').next().is_some_and(|path| path.ends_with(one)));
    if !is_denied
        && path.contains("watch=true")
        && matches!(show(begun.elapsed()), Answer::Shown(_) | Answer::Late(..))
    {
        let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
        if stream.write_all(head.as_bytes()).is_ok() {
            // Until the client goes.
            drop(stream.read(&mut [0]));
        }
        return;
    }
    let (code, body) = match (method.as_str(), path.contains("/statefulmigrations")) {
        _ if is_denied => (403, failure(403, "you may not")),
        ("PATCH", true) => {
            patches.fetch_add(1, Ordering::SeqCst);
            (200, migration(Value::Null, begun))
        }
        ("POST", true) => (201, migration(Value::Null, begun)),
        ("GET", true) => shown(&path, show(begun.elapsed()), begun),
        _ => (404, failure(404, "not found")),
    };
    let body = body.to_string();
    let warning = if method == "POST" {
        "Warning: 299 - \"its files stay behind\"\r\n"
    } else {
        ""
    };
    let head = format!(
        "HTTP/1.1 {code} Answer\r\nContent-Type: application/json\r\n{warning}Connection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    drop(stream.write_all(format!("{head}{body}").as_bytes()));
}

fn shown(path: &str, answer: Answer, begun: Instant) -> (u16, Value) {
    let status = match answer {
        Answer::Shown(status) => status,
        Answer::Error(code, message) => return (code, failure(code, message)),
        Answer::Nothing => return (500, failure(500, "asked twice")),
        Answer::Late(until, status) => {
            std::thread::sleep(until.saturating_sub(begun.elapsed()));
            status
        }
    };
    let object = migration(status, begun);
    match path.split('?').next().and_then(|path| path.rsplit('/').next()) {
        Some("statefulmigrations") => {}
        Some(NAME) => return (200, object),
        Some(_) | None => return (404, failure(404, "not found")),
    }
    let list = json!({"apiVersion": "migration.ms2m.io/v1alpha1", "kind": "StatefulMigrationList",
        "metadata": {"resourceVersion": "1"}, "items": [object]});
    (200, list)
}

/// Each one that is shown is newer than the last.
fn migration(status: Value, begun: Instant) -> Value {
    let version = (begun.elapsed().as_millis() + 1).to_string();
    json!({"apiVersion": "migration.ms2m.io/v1alpha1", "kind": "StatefulMigration",
        "metadata": {"name": NAME, "namespace": "shop", "resourceVersion": version, "uid": "u",
            "finalizers": ["migration.ms2m.io/handoff"]},
        "spec": {"sourcePod": "orders-0", "targetNode": "node-b"}, "status": status})
}

fn failure(code: u16, message: &str) -> Value {
    let reason = if code == 404 { "NotFound" } else { "Because" };
    json!({"apiVersion": "v1", "kind": "Status", "status": "Failure", "code": code, "message": message,
        "reason": reason, "details": {"name": NAME}})
}

/// Method and path; the body is read and thrown away.
fn request(stream: &TcpStream) -> Option<(String, String)> {
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
    lines.read_exact(&mut vec![0; length]).ok()?;
    let mut words = first.split_whitespace();
    Some((words.next()?.to_owned(), words.next()?.to_owned()))
}
