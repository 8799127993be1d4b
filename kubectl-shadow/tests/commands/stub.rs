//! An API server that answers as a test says, and keeps what it was asked.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

const PLUGIN: &str = env!("CARGO_BIN_EXE_kubectl-shadow");

/// What was asked.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) method: String,
    /// With what stands behind the question mark.
    pub(crate) path: String,
    /// Names in small letters.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Value,
}

impl Asked {
    /// The path alone.
    pub(crate) fn place(&self) -> &str {
        self.path.split('?').next().unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Vec<&str> {
        let of_name = self.headers.iter().filter(|(one, _)| one == name);
        of_name.map(|(_, value)| value.as_str()).collect()
    }
}

/// What is answered.
pub(crate) enum Answer {
    Json(u16, Value),
    /// With a warning.
    Warned(u16, Value, &'static str),
    Text(String),
    /// A watch: these lines, and then silence.
    Stream(Vec<Value>),
}

pub(crate) struct Stub {
    /// Kubeconfig, and whatever else a test needs; its own home folder.
    pub(crate) folder: PathBuf,
    pub(crate) address: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Stub {
    pub(crate) fn that_answers(answer: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (answer, asked) = (Arc::new(answer), Arc::<Mutex<Vec<Asked>>>::default());
        let kept = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (answer, kept) = (Arc::clone(&answer), Arc::clone(&kept));
                std::thread::spawn(move || serve(stream, &*answer, &kept));
            }
        });
        let name = format!("kubectl-shadow-stub-{}-{}", std::process::id(), address.port());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        let stub = Self {
            folder,
            address: address.to_string(),
            asked,
        };
        stub.has_config(&stub.address, "", "{}");
        stub
    }

    /// Writes the kubeconfig anew: where the server is, what else is said of the cluster, and the user.
    pub(crate) fn has_config(&self, server: &str, of_cluster: &str, user: &str) {
        let config = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: prod\nclusters:\n- name: c\n  cluster: {{server: 'http://{server}'{of_cluster}}}\n\
             contexts:\n- {{name: prod, context: {{cluster: c, user: u, namespace: shop}}}}\n- {{name: test, context: {{cluster: c, user: u}}}}\n\
             users:\n- name: u\n  user: {user}\n"
        );
        std::fs::write(self.folder.join("config"), config).unwrap();
    }

    pub(crate) fn writes(&self, name: &str, text: &str) -> PathBuf {
        let file = self.folder.join(name);
        std::fs::write(&file, text).unwrap();
        file
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// Changes that were asked for.
    pub(crate) fn changes(&self) -> Vec<Asked> {
        let reviews = |asked: &Asked| asked.path.contains("accessreviews");
        let asked = self.asked().into_iter();
        asked
            .filter(|asked| asked.method != "GET" && !reviews(asked))
            .collect()
    }

    /// The program, with this home folder and this kubeconfig.
    pub(crate) fn program(&self, args: &[&str]) -> Command {
        program(&self.folder, args)
    }

    pub(crate) fn runs(&self, args: &[&str]) -> Output {
        self.program(args).output().unwrap()
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.folder).unwrap();
    }
}

/// The program with nothing of this machine's own settings.
pub(crate) fn program(home: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(PLUGIN);
    command
        .args(args)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap());
    command.env("HOME", home).env("KUBECONFIG", home.join("config"));
    command
}

pub(crate) fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

pub(crate) fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// An object that is not there, a kind that is not there.
pub(crate) fn failure(code: u16, reason: &str, message: &str, name: &str) -> Answer {
    Answer::Json(
        code,
        json!({"apiVersion": "v1", "kind": "Status", "status": "Failure", "code": code, "reason": reason,
            "message": message, "details": {"name": name}}),
    )
}

pub(crate) fn list(kind: &str, items: Vec<Value>) -> Answer {
    let version = if kind == "StatefulMigrationList" {
        "migration.ms2m.io/v1alpha1"
    } else {
        "v1"
    };
    Answer::Json(
        200,
        json!({"apiVersion": version, "kind": kind, "metadata": {"resourceVersion": "1"}, "items": items}),
    )
}

fn serve(mut stream: TcpStream, answer: &dyn Fn(&Asked) -> Answer, kept: &Mutex<Vec<Asked>>) {
    let Some(asked) = request(&stream) else {
        return;
    };
    kept.lock().unwrap().push(asked.clone());
    let (code, kind, warning, body) = match answer(&asked) {
        Answer::Json(code, body) => (code, "application/json", String::new(), body.to_string()),
        Answer::Warned(code, body, text) => {
            let warning = format!("Warning: 299 - \"{text}\"\r\n");
            (code, "application/json", warning, body.to_string())
        }
        Answer::Text(text) => (200, "text/plain", String::new(), text),
        Answer::Stream(lines) => {
            let head =
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
            let mut text = head.to_owned();
            for line in lines {
                let line = format!("{line}\n");
                text.push_str(&format!("{:x}\r\n{line}\r\n", line.len()));
            }
            if stream.write_all(text.as_bytes()).is_ok() {
                // Until the client goes.
                drop(stream.read(&mut [0]));
            }
            return;
        }
    };
    let head = format!(
        "HTTP/1.1 {code} Answer\r\nContent-Type: {kind}\r\n{warning}Connection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    drop(stream.write_all(format!("{head}{body}").as_bytes()));
}

fn request(stream: &TcpStream) -> Option<Asked> {
    let mut lines = BufReader::new(stream);
    let mut first = String::new();
    lines.read_line(&mut first).ok()?;
    let (mut length, mut headers) = (0, Vec::new());
    loop {
        let mut line = String::new();
        lines.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim().split_once(':') else {
            break;
        };
        let (name, value) = (name.to_ascii_lowercase(), value.trim().to_owned());
        if name == "content-length" {
            length = value.parse().ok()?;
        }
        headers.push((name, value));
    }
    let mut body = vec![0; length];
    lines.read_exact(&mut body).ok()?;
    let mut words = first.split_whitespace();
    Some(Asked {
        method: words.next()?.to_owned(),
        path: words.next()?.to_owned(),
        headers,
        body: serde_json::from_slice(&body).unwrap_or_default(),
    })
}
