//! Performs a request in a child process that joins the node's namespaces, and watches over it.

use std::io::Read;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use tracing::{debug, error, info, warn};

use super::{Answer, Ask, Failure};
use crate::node::quiet::{self, Quiet};
use crate::node::{ContainerId, NodeError, connections, dump, ended, enter, facts, note, preflight, runc};

/// A dump that takes longer is given up and the container thawed.
const DUMP_WITHIN: Duration = Duration::from_secs(120);
const OTHERS_WITHIN: Duration = Duration::from_secs(20);
/// One request waits this long for silence; the caller asks again.
const QUIET_WITHIN: Duration = Duration::from_secs(2);
/// A killed process is gone after this time, unless the kernel is busy with it.
const ENDS_WITHIN: Duration = Duration::from_secs(1);
/// First argument of the child.
pub const IN_NODE: &str = "in-node";

/// Does what is asked; a failed or overrun dump ends with the container thawed.
pub fn perform(ask: &Ask) -> Answer {
    let begun = Instant::now();
    let within = match ask {
        Ask::Dump { .. } => DUMP_WITHIN,
        Ask::Kill { .. }
        | Ask::Thaw { .. }
        | Ask::Connections { .. }
        | Ask::Preflight { .. }
        | Ask::Inspect => OTHERS_WITHIN,
    };
    let answer = in_child(ask, within).unwrap_or_else(Answer::Failed);
    let micros = begun.elapsed().as_micros();
    match (&answer, ask) {
        (Answer::Failed(why), Ask::Dump { key, container_id }) => {
            warn!(?ask, %why, micros, "dump failed");
            // The note is gone if the dump thawed the container itself, and another's if that one is under way.
            if note::names(container_id, key) {
                thaw(container_id);
            }
        }
        (
            Answer::Failed(why),
            Ask::Kill { .. }
            | Ask::Thaw { .. }
            | Ask::Connections { .. }
            | Ask::Preflight { .. }
            | Ask::Inspect,
        ) => {
            warn!(?ask, %why, micros, "request failed");
        }
        (Answer::Node(_), _) => debug!(micros, "read the node's facts"),
        (Answer::Looked(found), _) => debug!(micros, ?found, "looked for what cannot be dumped"),
        (Answer::Connected(count), _) => debug!(micros, count, "counted connections"),
        (Answer::Dumped(_) | Answer::Done | Answer::InUse, _) => {
            info!(?ask, ?answer, micros, "request done")
        }
    }
    answer
}

fn thaw(id: &ContainerId) {
    let ask = Ask::Thaw {
        container_id: id.clone(),
    };
    if let Err(why) | Ok(Answer::Failed(why)) = in_child(&ask, OTHERS_WITHIN) {
        error!(container = %id, %why, "container could not be thawed; run runc resume on the node");
    }
}

/// Thaws what a helper before us left paused.
pub fn thaw_leftovers() -> Answer {
    in_child_with(&["thaw-all"], OTHERS_WITHIN).unwrap_or_else(Answer::Failed)
}

fn in_child(ask: &Ask, within: Duration) -> Result<Answer, Failure> {
    let json = serde_json::to_string(ask).map_err(|error| error.to_string())?;
    in_child_with(&["ask", &json], within)
}

fn in_child_with(args: &[&str], within: Duration) -> Result<Answer, Failure> {
    let mut child = Command::new("/proc/self/exe")
        .arg(IN_NODE)
        .args(args)
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("could not start a child of the helper: {error}"))?;
    let Some(mut stdout) = child.stdout.take() else {
        return Err(Failure::Other("child of the helper has no output".to_owned()));
    };
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut text = String::new();
        let read = stdout.read_to_string(&mut text).map(|_| text);
        // Nobody listens any more after a time-out; that is no fault.
        drop(sender.send(read));
    });
    let outcome = receiver.recv_timeout(within);
    if outcome.is_err() {
        end(&mut child);
        return Err(format!("not done within {within:?}; given up").into());
    }
    let status = child
        .wait()
        .map_err(|error| format!("child of the helper was lost: {error}"))?;
    match outcome {
        Ok(Ok(text)) => {
            serde_json::from_str(&text).map_err(|error| format!("child ended with {status}: {error}").into())
        }
        Ok(Err(error)) => Err(format!("child ended with {status}: {error}").into()),
        Err(error) => Err(error.to_string().into()),
    }
}

fn end(child: &mut Child) {
    if let Err(error) = child.kill().and_then(|()| child.wait().map(drop)) {
        warn!(%error, "child of the helper could not be ended");
    }
}

/// The child's side: joins the node and answers on standard output. Called before any thread exists.
pub fn in_node(args: &[String]) -> Answer {
    let done = enter::enter_node()
        .map_err(Failure::from)
        .and_then(|()| match args {
            [word, json] if word == "ask" => {
                let ask: Ask = serde_json::from_str(json).map_err(|error| error.to_string())?;
                act(&ask).map_err(Failure::from)
            }
            [word] if word == "thaw-all" => {
                let thawed = note::thaw_orphans()?;
                if !thawed.is_empty() {
                    warn!(?thawed, "thawed containers that a dead dump left paused");
                }
                Ok(Answer::Done)
            }
            _ => Err(format!("unknown operation {args:?}").into()),
        });
    done.unwrap_or_else(Answer::Failed)
}

fn kill(id: &ContainerId, window: Duration) -> Result<Answer, NodeError> {
    match quiet::wait(id, window, QUIET_WITHIN)? {
        Quiet::InUse => return Ok(Answer::InUse),
        Quiet::Silent => send_kill(id)?,
        Quiet::Ended => {}
    }
    ended::wait(id, ENDS_WITHIN).map(|()| Answer::Done)
}

fn send_kill(id: &ContainerId) -> Result<(), NodeError> {
    let log = std::env::temp_dir().join(format!("shadow-kill-{id}.log"));
    let killed = runc::kill(id, &log);
    if let Err(error) = std::fs::remove_file(&log) {
        info!(%error, "runtime wrote no log");
    }
    killed
}

fn act(ask: &Ask) -> Result<Answer, NodeError> {
    match ask {
        Ask::Dump { key, container_id } => dump::dump(key, container_id).map(Answer::Dumped),
        Ask::Kill {
            container_id,
            quiet_millis,
        } => kill(container_id, Duration::from_millis(*quiet_millis)),
        Ask::Thaw { container_id } => note::thaw_orphan(container_id).map(|()| Answer::Done),
        Ask::Connections { container_id, port } => {
            connections::count(container_id, *port).map(Answer::Connected)
        }
        Ask::Preflight { container_id } => preflight::look(container_id).map(Answer::Looked),
        Ask::Inspect => facts::read().map(Answer::Node),
    }
}
