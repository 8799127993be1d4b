//! Accept loop of the helper: only root may ask, one thread a request, few at once.

use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::{Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
use tracing::{info, warn};

use super::{Answer, Ask, worker};

const AT_ONCE: usize = 8;
const MAX_ASK: u64 = 64 * 1024;
const READ_WITHIN: Duration = Duration::from_secs(5);

static GATE: Gate = Gate {
    inside: Mutex::new(Inside {
        requests: 0,
        stops: false,
    }),
    left: Condvar::new(),
};

/// Who is being answered, and whether anybody else will be.
struct Gate {
    inside: Mutex<Inside>,
    left: Condvar,
}

struct Inside {
    requests: usize,
    stops: bool,
}

/// A request from its begin to its end.
struct Request;

impl Request {
    /// Why it is turned away, if it is. It counts until it has been told.
    fn begin() -> (Self, Option<&'static str>) {
        let mut inside = GATE.inside.lock().unwrap_or_else(PoisonError::into_inner);
        inside.requests += 1;
        let refusal = if inside.stops {
            Some("node helper stops; try again when the next one runs")
        } else if inside.requests > AT_ONCE {
            Some("node helper is busy; try again")
        } else {
            None
        };
        (Self, refusal)
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        let mut inside = GATE.inside.lock().unwrap_or_else(PoisonError::into_inner);
        inside.requests -= 1;
        GATE.left.notify_all();
    }
}

/// Begins nothing more and returns when everything under way is done: who ends in the middle of a dump leaves a container
/// paused until its successor runs.
pub fn settle() {
    let mut inside = GATE.inside.lock().unwrap_or_else(PoisonError::into_inner);
    inside.stops = true;
    while inside.requests > 0 {
        inside = GATE.left.wait(inside).unwrap_or_else(PoisonError::into_inner);
    }
}

/// Serves until the process ends.
pub fn serve(socket: &Path) -> io::Result<()> {
    match fs::remove_file(socket) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let listener = UnixListener::bind(socket)?;
    fs::set_permissions(socket, fs::Permissions::from_mode(0o600))?;
    info!(socket = %socket.display(), "node helper listens");
    for stream in listener.incoming() {
        let stream = stream?;
        let (request, refusal) = Request::begin();
        thread::spawn(move || {
            let answered = match refusal {
                Some(why) => send(&stream, &Answer::Failed(why.to_owned().into())),
                None => answer(&stream),
            };
            if let Err(error) = answered {
                warn!(%error, "request to the node helper broke off");
            }
            drop(request);
        });
    }
    Ok(())
}

fn answer(stream: &UnixStream) -> io::Result<()> {
    let peer = getsockopt(&stream.as_fd(), PeerCredentials)?;
    if peer.uid() != 0 {
        let who = format!("user {} may not ask the node helper", peer.uid());
        return send(stream, &Answer::Failed(who.into()));
    }
    stream.set_read_timeout(Some(READ_WITHIN))?;
    let mut line = String::new();
    BufReader::new(stream.take(MAX_ASK)).read_line(&mut line)?;
    let answer = match serde_json::from_str::<Ask>(&line) {
        Ok(ask) => worker::perform(&ask),
        Err(error) => Answer::Failed(format!("request is not understood: {error}").into()),
    };
    send(stream, &answer)
}

fn send(mut stream: &UnixStream, answer: &Answer) -> io::Result<()> {
    let mut line = serde_json::to_vec(answer)?;
    line.push(b'\n');
    stream.write_all(&line)
}
