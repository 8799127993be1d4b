//! Pauses and thaws a container through its freezer cgroup (v1 or v2), as `runc pause` does but without the time that
//! starting runc takes, which would count as freeze.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use serde::Deserialize;

use super::{ContainerId, NodeError};
use crate::layout;
use crate::pace::stretched;

const PATIENCE: Duration = Duration::from_secs(2);
const LOOK_AGAIN: Duration = Duration::from_micros(200);

/// The freezer of one container.
#[derive(Clone, Debug)]
pub struct Freezer {
    dir: PathBuf,
    unified: bool,
}

impl Freezer {
    /// Finds it in the state that runc keeps.
    pub fn of(id: &ContainerId) -> Result<Self, NodeError> {
        #[derive(Deserialize)]
        struct State {
            cgroup_paths: BTreeMap<String, PathBuf>,
        }
        let path = layout::runc_state(id);
        let json = fs::read(&path).map_err(NodeError::at("read the runtime's state", &path))?;
        let state: State = serde_json::from_slice(&json)
            .map_err(|error| NodeError::Unfit(format!("{} is not as expected: {error}", path.display())))?;
        if let Some(dir) = state.cgroup_paths.get("freezer") {
            return Ok(Self {
                dir: dir.clone(),
                unified: false,
            });
        }
        match state.cgroup_paths.get("") {
            Some(dir) => Ok(Self {
                dir: dir.clone(),
                unified: true,
            }),
            None => Err(NodeError::Unfit(format!("container {id} has no freezer cgroup"))),
        }
    }

    /// The file that lists the container's processes.
    pub fn processes(&self) -> PathBuf {
        self.dir.join("cgroup.procs")
    }

    /// Its cgroup.
    pub fn folder(&self) -> PathBuf {
        self.dir.clone()
    }

    /// Stops all processes and returns when they stand still.
    pub fn freeze(&self) -> Result<(), NodeError> {
        let deadline = Instant::now() + stretched(PATIENCE);
        while !self.is_frozen()? {
            // Written again each time: cgroup v1 may hang in FREEZING when a process forks meanwhile.
            self.write(true)?;
            if self.is_frozen()? {
                return Ok(());
            }
            if Instant::now() > deadline {
                self.thaw()?;
                return Err(NodeError::Unfit(format!(
                    "{} did not freeze in {PATIENCE:?}",
                    self.dir.display()
                )));
            }
            thread::sleep(LOOK_AGAIN);
        }
        Ok(())
    }

    /// Lets all processes go on.
    pub fn thaw(&self) -> Result<(), NodeError> {
        self.write(false)
    }

    /// Whether all processes stand still.
    pub fn is_frozen(&self) -> Result<bool, NodeError> {
        let (file, word) = if self.unified {
            ("cgroup.events", "frozen 1")
        } else {
            ("freezer.state", "FROZEN")
        };
        let path = self.dir.join(file);
        let text = fs::read_to_string(&path).map_err(NodeError::at("read", &path))?;
        Ok(text.lines().any(|line| line.trim() == word))
    }

    fn write(&self, frozen: bool) -> Result<(), NodeError> {
        let (file, word) = match (self.unified, frozen) {
            (true, true) => ("cgroup.freeze", "1"),
            (true, false) => ("cgroup.freeze", "0"),
            (false, true) => ("freezer.state", "FROZEN"),
            (false, false) => ("freezer.state", "THAWED"),
        };
        let path = self.dir.join(file);
        fs::write(&path, word).map_err(NodeError::at("write", &path))
    }
}
