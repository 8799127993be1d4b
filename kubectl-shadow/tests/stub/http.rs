//! The wire: requests as they come in, answers as they go out. One request for each connection.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

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

    /// What stands behind the question mark.
    pub(crate) fn query(&self) -> &str {
        self.path.split_once('?').map_or("", |(_, query)| query)
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
    /// The connection ends.
    Nothing,
}

/// A server that answers so: its address, and what it was asked so far.
pub(super) fn served(
    answer: impl Fn(&Asked) -> Answer + Send + Sync + 'static,
) -> (String, Arc<Mutex<Vec<Asked>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (answer, asked) = (Arc::new(answer), Arc::<Mutex<Vec<Asked>>>::default());
    let kept = Arc::clone(&asked);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (answer, kept) = (Arc::clone(&answer), Arc::clone(&kept));
            std::thread::spawn(move || serve(stream, &*answer, &kept));
        }
    });
    (address, asked)
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
        Answer::Stream(lines) => return watched(stream, lines),
        Answer::Nothing => return,
    };
    let head = format!(
        "HTTP/1.1 {code} Answer\r\nContent-Type: {kind}\r\n{warning}Connection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    // A program that has enough may be gone.
    drop(stream.write_all(format!("{head}{body}").as_bytes()));
}

fn watched(mut stream: TcpStream, lines: Vec<Value>) {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
    let mut text = head.to_owned();
    for line in lines {
        let line = format!("{line}\n");
        text.push_str(&format!("{:x}\r\n{line}\r\n", line.len()));
    }
    if stream.write_all(text.as_bytes()).is_ok() {
        // Until the client goes.
        drop(stream.read(&mut [0]));
    }
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
