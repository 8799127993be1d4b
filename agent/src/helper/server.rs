//! Accept loop of the helper: only root may ask, one thread a request, few at once.

use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
use tracing::{info, warn};

use super::{Answer, Ask, worker};

const AT_ONCE: usize = 8;
const MAX_ASK: u64 = 64 * 1024;
const READ_WITHIN: Duration = Duration::from_secs(5);

static BUSY: AtomicUsize = AtomicUsize::new(0);
static STOPS: AtomicBool = AtomicBool::new(false);
/// How often is looked whether the last request is done.
const LOOK: Duration = Duration::from_millis(20);

/// Begins nothing more and returns when everything under way is done: who ends in the middle of a dump leaves a container
/// paused until its successor runs.
pub fn settle() {
    STOPS.store(true, Ordering::SeqCst);
    while BUSY.load(Ordering::SeqCst) > 0 {
        thread::sleep(LOOK);
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
        let busy = BUSY.fetch_add(1, Ordering::SeqCst);
        thread::spawn(move || {
            let answered = if STOPS.load(Ordering::SeqCst) {
                let stops = "node helper stops; try again when the next one runs".to_owned();
                send(&stream, &Answer::Failed(stops.into()))
            } else if busy < AT_ONCE {
                answer(&stream)
            } else {
                let busy = "node helper is busy; try again".to_owned();
                send(&stream, &Answer::Failed(busy.into()))
            };
            if let Err(error) = answered {
                warn!(%error, "request to the node helper broke off");
            }
            BUSY.fetch_sub(1, Ordering::SeqCst);
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
