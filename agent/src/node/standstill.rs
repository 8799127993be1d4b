//! A container that stays frozen after its dump, until the move is committed or undone.
//!
//! Guarantees: it goes on when its time is over or the controller falls silent, until a promise is given; a promise is only given
//! while it has stood still since its dump; at its end it is killed before it is thawed, so that it does not run one instruction.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill as send};
use nix::unistd::Pid;
use shadow_core::names::Key;
use shadow_core::wire::{FreezeOrder, Frozen};

use super::freezer::Freezer;
use super::note::{self, Locked, Note, Paused};
use super::{ContainerId, NodeError};
use crate::layout;

/// After a dump: the container stands still for `limit` since it was paused.
pub fn stay(id: &ContainerId, key: &Key, paused: SystemTime, limit: Duration) -> Result<(), NodeError> {
    let locked = note::lock()?;
    let now = note::clock()?;
    let left = limit.saturating_sub(paused.elapsed().unwrap_or_default());
    let note = Note {
        group: 0,
        key: key.clone(),
        paused: Paused::Until {
            limit: now.saturating_add(note::millis(left)),
            heard: now,
        },
    };
    note::change(id, &note, &locked)
}

/// Does what is wanted, and says how the container is then.
pub fn obey(id: &ContainerId, key: &Key, order: FreezeOrder) -> Result<Frozen, NodeError> {
    let locked = note::lock()?;
    let Some(found) = note::read(id).filter(|note| note.key == *key) else {
        return Ok(Frozen::Thawed);
    };
    if order == FreezeOrder::Thaw {
        note::thaw(id)?;
        return Ok(Frozen::Thawed);
    }
    let now = note::clock()?;
    if found.paused.is_over(now) || !stands(id)? {
        note::thaw(id)?;
        return Ok(Frozen::Thawed);
    }
    match (order, found.paused) {
        (_, Paused::Promised) => Ok(Frozen::Promised),
        (FreezeOrder::Promise, Paused::Until { .. }) => {
            write(id, found, Paused::Promised, &locked)?;
            Ok(Frozen::Promised)
        }
        (FreezeOrder::Keep | FreezeOrder::Thaw, Paused::Until { limit, .. }) => {
            write(id, found, Paused::Until { limit, heard: now }, &locked)?;
            Ok(Frozen::Held)
        }
        (FreezeOrder::Keep | FreezeOrder::Promise | FreezeOrder::Thaw, Paused::WhileDumped) => {
            Err(NodeError::Unfit(format!("container {id} is being dumped")))
        }
    }
}

fn write(id: &ContainerId, found: Note, paused: Paused, locked: &Locked) -> Result<(), NodeError> {
    note::change(id, &Note { paused, ..found }, locked)
}

fn stands(id: &ContainerId) -> Result<bool, NodeError> {
    if !layout::runc_state(id).exists() {
        return Ok(false);
    }
    Freezer::of(id)?.is_frozen()
}

/// Lets every container go on whose time is over, and forgets those that are gone; returns the ids of the former.
pub fn watch() -> Result<Vec<String>, NodeError> {
    let _locked = note::lock()?;
    let now = note::clock()?;
    let mut thawed = Vec::new();
    for id in note::all()? {
        let gone = !layout::runc_state(&id).exists();
        match note::read(&id).map(|note| note.paused) {
            Some(Paused::Until { .. } | Paused::Promised) if gone => note::thaw(&id)?,
            Some(paused) if paused.is_over(now) => {
                note::thaw(&id)?;
                thawed.push(id.to_string());
            }
            Some(_) | None => {}
        }
    }
    Ok(thawed)
}

/// Whether the container stands still after its dump.
pub fn is_standing(id: &ContainerId) -> bool {
    match note::read(id).map(|note| note.paused) {
        Some(Paused::Until { .. } | Paused::Promised) => true,
        Some(Paused::WhileDumped) | None => false,
    }
}

/// Ends all its processes while they stand still, and thaws it: a signal that ends a process is obeyed before the process
/// runs on.
pub fn kill(id: &ContainerId) -> Result<(), NodeError> {
    let _locked = note::lock()?;
    if layout::runc_state(id).exists() {
        let freezer = Freezer::of(id)?;
        freezer.freeze()?;
        end_all(&freezer.folder())?;
    }
    note::thaw(id)
}

/// In this cgroup and below it. What stands still starts no further process.
fn end_all(cgroup: &Path) -> Result<(), NodeError> {
    let list = cgroup.join("cgroup.procs");
    let processes = fs::read_to_string(&list).map_err(NodeError::at("read", &list))?;
    for process in processes.lines() {
        let pid: i32 = process
            .trim()
            .parse()
            .map_err(|_| NodeError::Unfit(format!("{} is not as expected", list.display())))?;
        // 0 stands for a process outside our view of process numbers; as a target it would mean ourselves.
        if pid <= 0 {
            return Err(NodeError::Unfit(format!(
                "{} names a process that cannot be seen",
                list.display()
            )));
        }
        match send(Pid::from_raw(pid), Signal::SIGKILL) {
            Ok(()) | Err(Errno::ESRCH) => {}
            Err(errno) => return Err(NodeError::call("end a process that stands still")(errno)),
        }
    }
    for entry in fs::read_dir(cgroup).map_err(NodeError::at("read folder", cgroup))? {
        let path = entry.map_err(NodeError::at("read folder", cgroup))?.path();
        if path.is_dir() {
            end_all(&path)?;
        }
    }
    Ok(())
}
