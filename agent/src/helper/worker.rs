//! Performs a request in a child process that joins the node's namespaces, and watches over it.

use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use tracing::{debug, error, info, warn};

use super::growth::Growth;
use super::{Answer, Ask, Failure};
use crate::keys::under_way;
use crate::layout::Layout;
use crate::node::quiet::{self, Quiet};
use crate::node::{
    ContainerId, NodeError, connections, dump, ended, enter, facts, note, preflight, runc, standstill,
};
use crate::pace::stretched;

/// A dump that takes longer is given up and the container thawed.
const DUMP_WITHIN: Duration = Duration::from_secs(120);
/// So is one that writes nothing for as long. Archives are kept in memory, which takes a gigabyte a second.
const WRITES_WITHIN: Duration = Duration::from_secs(15);
/// How often is looked whether it writes.
const LOOK: Duration = Duration::from_millis(500);
const OTHERS_WITHIN: Duration = Duration::from_secs(20);
/// One request waits this long for silence; the caller asks again.
const QUIET_WITHIN: Duration = Duration::from_secs(2);
/// A killed process is gone after this time, unless the kernel is busy with it.
const ENDS_WITHIN: Duration = Duration::from_secs(1);
/// How often is looked whether the freeze of a container is over.
const WATCHES: Duration = Duration::from_millis(250);
/// How often notes on containers that are gone are looked for, while there are notes.
const FORGETS: Duration = Duration::from_secs(5);
/// The child's word for both.
const WATCH: &str = "watch";
/// First argument of the child.
pub const IN_NODE: &str = "in-node";

/// Does what is asked; a failed or overrun dump ends with the container thawed.
pub fn perform(ask: &Ask) -> Answer {
    let begun = Instant::now();
    let patience = match ask {
        Ask::Dump {
            key, within_millis, ..
        } => Patience::WhileWriting {
            folder: Layout::node().key(key).partial(),
            stillness: stretched(WRITES_WITHIN),
            limit: within_millis.map_or(DUMP_WITHIN, |millis| {
                DUMP_WITHIN.min(Duration::from_millis(millis))
            }),
        },
        Ask::Kill { .. }
        | Ask::Thaw { .. }
        | Ask::Freeze { .. }
        | Ask::Connections { .. }
        | Ask::Preflight { .. }
        | Ask::Inspect => Patience::Within(stretched(OTHERS_WITHIN)),
    };
    let answer = in_child(ask, &patience).unwrap_or_else(Answer::Failed);
    let micros = begun.elapsed().as_micros();
    match (&answer, ask) {
        (
            Answer::Failed(why),
            Ask::Dump {
                key, container_id, ..
            },
        ) => {
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
            | Ask::Freeze { .. }
            | Ask::Connections { .. }
            | Ask::Preflight { .. }
            | Ask::Inspect,
        ) => {
            warn!(?ask, %why, micros, "request failed");
        }
        (Answer::Node(_), _) => debug!(micros, "read the node's facts"),
        (Answer::Looked(found), _) => debug!(micros, ?found, "looked for what cannot be dumped"),
        (Answer::Connected(count), _) => debug!(micros, count, "counted connections"),
        (Answer::Frozen(frozen), _) => debug!(micros, ?ask, ?frozen, "looked after a frozen container"),
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
    if let Err(why) | Ok(Answer::Failed(why)) = in_child(&ask, &Patience::Within(stretched(OTHERS_WITHIN))) {
        error!(container = %id, %why, "container could not be thawed; run runc resume on the node");
    }
}

/// Thaws what a helper before us left paused.
pub fn thaw_leftovers() -> Answer {
    in_child_with(&["thaw-all"], &Patience::Within(stretched(OTHERS_WITHIN))).unwrap_or_else(Answer::Failed)
}

/// Lets containers go on whose freeze is over. A look that changes nothing costs a folder's listing.
pub fn watch_over_frozen() {
    let mut looked = Instant::now();
    let mut said = None;
    loop {
        thread::sleep(WATCHES);
        let due = match over() {
            Ok(found) => {
                said = None;
                found.is_some_and(|over| over || looked.elapsed() > FORGETS)
            }
            // The child tries it too, from within the node: what cannot be seen from here may be over.
            Err(why) => {
                let why = why.to_string();
                if said.as_ref() != Some(&why) {
                    error!(%why, "notes on frozen containers could not be read");
                    said = Some(why);
                }
                looked.elapsed() > FORGETS
            }
        };
        if !due {
            continue;
        }
        looked = Instant::now();
        if let Err(why) | Ok(Answer::Failed(why)) =
            in_child_with(&[WATCH], &Patience::Within(stretched(OTHERS_WITHIN)))
        {
            error!(%why, "frozen containers could not be watched");
        }
    }
}

/// Whether the freeze of a container is over; `None` where none is frozen.
fn over() -> Result<Option<bool>, NodeError> {
    let (noted, now) = (note::all()?, note::clock()?);
    let paused = noted.iter().filter_map(note::read);
    Ok(paused
        .map(|note| note.paused.is_over(now))
        .reduce(|one, other| one || other))
}

/// How long a child is waited for.
enum Patience {
    Within(Duration),
    /// As long as it writes into this folder, up to a limit; not much longer than this without a byte.
    WhileWriting {
        folder: PathBuf,
        stillness: Duration,
        limit: Duration,
    },
}

impl Patience {
    /// What the child says, or why it is given up.
    fn wait<T>(&self, said: &mpsc::Receiver<T>) -> Result<T, Failure> {
        let (begun, mut growth) = (Instant::now(), Growth::begun(Instant::now()));
        loop {
            let turn = match self {
                Self::Within(limit) => *limit,
                Self::WhileWriting { .. } => LOOK,
            };
            match (said.recv_timeout(turn), self) {
                (Ok(said), _) => return Ok(said),
                (Err(mpsc::RecvTimeoutError::Disconnected), _) => {
                    return Err(Failure::Other(
                        "a child process of the helper was lost".to_owned(),
                    ));
                }
                (Err(mpsc::RecvTimeoutError::Timeout), Self::Within(limit)) => {
                    return Err(Failure::Other(format!("not done within {limit:?}; stopped")));
                }
                (
                    Err(mpsc::RecvTimeoutError::Timeout),
                    Self::WhileWriting {
                        folder,
                        stillness,
                        limit,
                    },
                ) => {
                    let still = growth.still_for(under_way::bytes(folder), Instant::now());
                    if still > *stillness || begun.elapsed() > *limit {
                        return Err(Failure::Hung(format!(
                            "it was stopped after {:.0?}, the last {still:.0?} without writing anything",
                            begun.elapsed()
                        )));
                    }
                }
            }
        }
    }
}

fn in_child(ask: &Ask, patience: &Patience) -> Result<Answer, Failure> {
    let json = serde_json::to_string(ask).map_err(|error| error.to_string())?;
    in_child_with(&["ask", &json], patience)
}

fn in_child_with(args: &[&str], patience: &Patience) -> Result<Answer, Failure> {
    let mut child = Command::new("/proc/self/exe")
        .arg(IN_NODE)
        .args(args)
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("could not start a child process of the helper: {error}"))?;
    let Some(mut stdout) = child.stdout.take() else {
        return Err(Failure::Other(
            "a child process of the helper has no output".to_owned(),
        ));
    };
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut text = String::new();
        let read = stdout.read_to_string(&mut text).map(|_| text);
        // Nobody listens any more after a time-out; that is no fault.
        drop(sender.send(read));
    });
    let said = match patience.wait(&receiver) {
        Ok(said) => said,
        Err(given_up) => {
            end(&mut child);
            return Err(given_up);
        }
    };
    let status = child
        .wait()
        .map_err(|error| format!("a child process of the helper was lost: {error}"))?;
    let lost = |error: &dyn std::fmt::Display| {
        Failure::from(format!(
            "a child process of the helper ended with {status}: \
        {error}"
        ))
    };
    let text = said.map_err(|error| lost(&error))?;
    serde_json::from_str(&text).map_err(|error| lost(&error))
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
            [word] if word == WATCH => {
                let thawed = standstill::watch()?;
                if !thawed.is_empty() {
                    warn!(?thawed, "let containers go on whose freeze was over");
                }
                Ok(Answer::Done)
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
    if standstill::is_standing(id) {
        standstill::kill(id)?;
        return ended::wait(id, stretched(ENDS_WITHIN)).map(|()| Answer::Done);
    }
    match quiet::wait(id, window, stretched(QUIET_WITHIN))? {
        Quiet::InUse => return Ok(Answer::InUse),
        Quiet::Silent => send_kill(id)?,
        Quiet::Ended => {}
    }
    ended::wait(id, stretched(ENDS_WITHIN)).map(|()| Answer::Done)
}

fn send_kill(id: &ContainerId) -> Result<(), NodeError> {
    // The folder is new and ours alone: the runtime opens the file as root.
    let folder = tempfile::tempdir().map_err(NodeError::at("make folder in", &std::env::temp_dir()))?;
    runc::kill(id, &folder.path().join("log"))
}

fn act(ask: &Ask) -> Result<Answer, NodeError> {
    match ask {
        Ask::Dump {
            key,
            container_id,
            stay_frozen_millis,
            within_millis: _,
        } => {
            let stay = stay_frozen_millis.map(Duration::from_millis);
            dump::dump(key, container_id, stay).map(Answer::Dumped)
        }
        Ask::Freeze {
            key,
            container_id,
            order,
        } => standstill::obey(container_id, key, *order).map(Answer::Frozen),
        Ask::Kill {
            container_id,
            quiet_millis,
        } => kill(container_id, Duration::from_millis(*quiet_millis)),
        Ask::Thaw { container_id } => note::thaw_orphan(container_id).map(|()| Answer::Done),
        Ask::Connections { container_id, port } => {
            connections::count(container_id, *port).map(Answer::Connected)
        }
        Ask::Preflight { container_id, layer } => preflight::look(container_id, *layer).map(Answer::Looked),
        Ask::Inspect => facts::read().map(Answer::Node),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dump_that_writes_nothing_is_given_up_and_not_tried_again() {
        let folder = tempfile::tempdir().unwrap();
        let patience = Patience::WhileWriting {
            folder: folder.path().to_owned(),
            stillness: Duration::from_millis(1),
            limit: DUMP_WITHIN,
        };
        let (sender, receiver) = mpsc::channel::<()>();
        let given_up = patience.wait(&receiver).unwrap_err();
        assert!(
            matches!(&given_up, Failure::Hung(why) if why.contains("without writing")),
            "{given_up:?}"
        );
        sender.send(()).unwrap();
        patience.wait(&receiver).unwrap();
        drop(sender);
        let lost = patience.wait(&receiver).unwrap_err();
        assert!(matches!(lost, Failure::Other(_)), "{lost:?}");
    }

    #[test]
    fn a_dump_with_a_limit_of_its_own_is_given_up_although_it_writes() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("pages-1.img"), [0; 7]).unwrap();
        let patience = Patience::WhileWriting {
            folder: folder.path().to_owned(),
            stillness: WRITES_WITHIN,
            limit: Duration::from_millis(1),
        };
        let (_sender, receiver) = mpsc::channel::<()>();
        let given_up = patience.wait(&receiver).unwrap_err();
        assert!(matches!(given_up, Failure::Hung(_)), "{given_up:?}");
    }
}
