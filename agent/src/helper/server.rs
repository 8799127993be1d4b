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

use super::{Answer, Ask, Failure, worker};

/// Looks at the same time. What acts on a container has places of its own: looks for moves that wait must not keep a dump
/// from beginning while a stream is held.
const LOOKS: usize = 8;
const ACTS: usize = 8;
/// Requests that are read or answered, one thread each.
const AT_ONCE: usize = 64;
const MAX_ASK: u64 = 64 * 1024;
const READ_WITHIN: Duration = Duration::from_secs(5);

static GATE: Gate = Gate {
    inside: Mutex::new(Inside {
        requests: 0,
        looks: 0,
        acts: 0,
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
    looks: usize,
    acts: usize,
    stops: bool,
}

impl Inside {
    fn lane(&mut self, lane: Lane) -> (&mut usize, usize) {
        match lane {
            Lane::Looks => (&mut self.looks, LOOKS),
            Lane::Acts => (&mut self.acts, ACTS),
        }
    }
}

/// Which places a request takes.
#[derive(Clone, Copy)]
enum Lane {
    Looks,
    Acts,
}

impl Lane {
    fn of(ask: &Ask) -> Self {
        match ask {
            Ask::Dump { .. } | Ask::Kill { .. } | Ask::Thaw { .. } => Self::Acts,
            // It takes a moment, and a source stands still meanwhile.
            Ask::Freeze { .. } | Ask::Connections { .. } | Ask::Preflight { .. } | Ask::Inspect => {
                Self::Looks
            }
        }
    }
}

/// A place among those that are carried out.
struct Place(Lane);

impl Place {
    fn taken(lane: Lane) -> Option<Self> {
        let mut inside = GATE.inside.lock().unwrap_or_else(PoisonError::into_inner);
        let (taken, most) = inside.lane(lane);
        if *taken >= most {
            return None;
        }
        *taken += 1;
        Some(Self(lane))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut inside = GATE.inside.lock().unwrap_or_else(PoisonError::into_inner);
        let (taken, _) = inside.lane(self.0);
        *taken -= 1;
    }
}

fn busy() -> Answer {
    Answer::Failed(Failure::Busy("the node helper is busy".to_owned()))
}

/// A request from its begin to its end.
struct Request;

impl Request {
    /// Why it is turned away, if it is. It counts until it has been told.
    fn begin() -> (Self, Option<Answer>) {
        let mut inside = GATE.inside.lock().unwrap_or_else(PoisonError::into_inner);
        inside.requests += 1;
        let refusal = if inside.stops {
            let why = "the node helper stops; try again when the next one runs";
            Some(Answer::Failed(Failure::Busy(why.to_owned())))
        } else if inside.requests > AT_ONCE {
            Some(busy())
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
                Some(refusal) => send(&stream, &refusal),
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
        Ok(ask) => match Place::taken(Lane::of(&ask)) {
            Some(_place) => worker::perform(&ask),
            None => busy(),
        },
        Err(error) => Answer::Failed(format!("the request cannot be read: {error}").into()),
    };
    send(stream, &answer)
}

fn send(mut stream: &UnixStream, answer: &Answer) -> io::Result<()> {
    let mut line = serde_json::to_vec(answer)?;
    line.push(b'\n');
    stream.write_all(&line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_leave_the_places_of_dumps_alone() {
        let looks: Vec<_> = (0..LOOKS).map(|_| Place::taken(Lane::Looks).unwrap()).collect();
        assert!(Place::taken(Lane::Looks).is_none());
        let acts: Vec<_> = (0..ACTS).map(|_| Place::taken(Lane::Acts).unwrap()).collect();
        assert!(Place::taken(Lane::Acts).is_none());
        drop((looks, acts));
        assert!(Place::taken(Lane::Looks).is_some());
    }
}
