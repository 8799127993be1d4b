//! Dumps a container: pause, CRIU and rw layer at the same instant, go on.
//!
//! Holds on success: `archive.partial` of the key has images, layer and spec; the container runs, or stays frozen as asked
//! ([`standstill`]). Holds on failure: the container runs; what was written is worthless. Holds after a crash: a note names the container, and whoever finds it
//! thaws the container.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use shadow_core::names::Key;

use super::freezer::Freezer;
use super::{
    ContainerId, NodeError, criu_log, full_disk, note, overlay, pausing_criu, room, runc, standstill,
};
use crate::archive::{IMAGES, LAYER, SPEC, layer};
use crate::layout::{self, KeyFolder, Layout};

const LOOK_AGAIN: Duration = Duration::from_micros(200);

/// What a dump cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Dumped {
    /// Time that the processes stood still, microseconds.
    pub frozen_micros: u64,
    /// All of it, microseconds.
    pub total_micros: u64,
}

/// Dumps `id` into the folder of `key`; it stays frozen for as long as `stay` says. Runs in the node's namespaces.
pub fn dump(key: &Key, id: &ContainerId, stay: Option<Duration>) -> Result<Dumped, NodeError> {
    let layout = Layout::node();
    dump_into(&layout.key(key), key, id, stay, &layout.keys())
        .map_err(|error| full_disk::or(error, &layout.keys()))
}

fn dump_into(
    folder: &KeyFolder,
    key: &Key,
    id: &ContainerId,
    stay: Option<Duration>,
    keys: &Path,
) -> Result<Dumped, NodeError> {
    let begun = Instant::now();
    let partial = folder.partial();
    make_fresh(&partial)?;
    make_fresh(&folder.work())?;
    make_fresh(&partial.join(IMAGES))?;
    let spec = layout::bundle(id).join("config.json");
    fs::copy(&spec, partial.join(SPEC)).map_err(NodeError::at("copy", &spec))?;
    let upper = overlay::upper_of(id)?;
    let freezer = Freezer::of(id)?;
    let saved = Saved {
        upper: &upper,
        most: room::for_layer(keys).map_err(NodeError::at("ask for the room in", keys))?,
    };
    note::write(id, key)?;

    let stamp = folder.paused_at();
    let dumped = dump_paused(folder, id, &saved, &freezer, &stamp);
    let paused = pausing_criu::paused_at(&stamp);
    match (stay, paused) {
        (Some(limit), Some(at)) if dumped.is_ok() => standstill::stay(id, key, at, limit)?,
        (Some(_) | None, _) => note::thaw(id)?,
    }
    let frozen = paused.and_then(|at| at.elapsed().ok()).unwrap_or_default();
    dumped?;
    Ok(Dumped {
        frozen_micros: whole(frozen),
        total_micros: whole(begun.elapsed()),
    })
}

/// The writable layer, and how many bytes of it are saved at most: the container stands still meanwhile.
struct Saved<'a> {
    upper: &'a Path,
    most: u64,
}

/// runc starts our CRIU, which pauses the container; the rw layer is saved while CRIU works: nothing runs that could
/// change it.
fn dump_paused(
    folder: &KeyFolder,
    id: &ContainerId,
    layer: &Saved<'_>,
    freezer: &Freezer,
    stamp: &Path,
) -> Result<(), NodeError> {
    let target = folder.partial().join(LAYER);
    let (work, images) = (folder.work(), folder.partial().join(IMAGES));
    let log = work.join("runc.log");
    let args = runc::checkpoint_args(&images, &work, id);
    let args: Vec<&OsStr> = args.iter().map(AsRef::as_ref).collect();
    let mut command = runc::command(&log, &args)?;
    pausing_criu::prepare(&mut command, id, stamp)?;
    let ended = AtomicBool::new(false);
    let (saved, checkpointed) = thread::scope(|scope| {
        let saving = scope.spawn(|| save_layer_when_paused(layer, &target, stamp, &ended));
        let checkpointed = runc::finish(command, &log);
        ended.store(true, Ordering::SeqCst);
        let saved = saving
            .join()
            .map_err(|_| NodeError::Unfit("saving the writable layer crashed".to_owned()));
        (saved, checkpointed)
    });
    checkpointed.map_err(|error| explain(error, &work.join("dump.log")))?;
    saved??;
    if freezer.is_frozen()? {
        Ok(())
    } else {
        Err(NodeError::Unfit(format!(
            "another program thawed container {id} during the dump, so the dump is void"
        )))
    }
}

fn save_layer_when_paused(
    layer: &Saved<'_>,
    target: &Path,
    stamp: &Path,
    ended: &AtomicBool,
) -> Result<(), NodeError> {
    while pausing_criu::paused_at(stamp).is_none() {
        if ended.load(Ordering::SeqCst) && pausing_criu::paused_at(stamp).is_none() {
            return Err(NodeError::Unfit(
                "runc did not start our CRIU; the container was not paused".to_owned(),
            ));
        }
        thread::sleep(LOOK_AGAIN);
    }
    save_layer(layer, target)
}

fn save_layer(saved: &Saved<'_>, target: &Path) -> Result<(), NodeError> {
    let file = File::create(target).map_err(NodeError::at("create", target))?;
    let output = BufWriter::with_capacity(256 * 1024, file);
    let mut written = layer::save(saved.upper, output, saved.most)?;
    written.flush().map_err(NodeError::at("write", target))
}

/// Puts what CRIU's log says in the place of the runtime's words, which name the log and nothing else.
fn explain(error: NodeError, log: &Path) -> NodeError {
    match error {
        NodeError::Program { program, message } => {
            let said = criu_log::of_dump(log);
            let message = format!("{program} failed: {message}; {}", said.message);
            if said.lasts {
                NodeError::Lasting(message)
            } else {
                NodeError::Unfit(message)
            }
        }
        NodeError::Io { .. }
        | NodeError::Unfit(_)
        | NodeError::Lasting(_)
        | NodeError::DiskFull(_)
        | NodeError::Layer(_) => error,
    }
}

fn make_fresh(dir: &Path) -> Result<(), NodeError> {
    match fs::remove_dir_all(dir) {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(NodeError::at("clear", dir)(error)),
    }
    make_folder(dir)
}

fn make_folder(dir: &Path) -> Result<(), NodeError> {
    fs::DirBuilder::new()
        .mode(0o700)
        .recursive(true)
        .create(dir)
        .map_err(NodeError::at("make folder", dir))
}

fn whole(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
