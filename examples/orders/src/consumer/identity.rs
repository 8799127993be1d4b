//! Who the process is. The pod's name may change under a running process (a restore puts it into
//! another pod); the primary queue may not: it is fixed by the first name, for the life of the process.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::Settings;

/// The pod's name cannot be told.
#[derive(Debug, Error)]
pub enum IdentityError {
    /// The file cannot be read.
    #[error("cannot read the pod's name from {path}: {source}; set --hostname-file", path = path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file holds nothing.
    #[error("the file {path} that should hold the pod's name is empty; set --hostname-file", path = path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
}

/// Where the pod's name is read. Not from the environment: that is stale after a restore.
#[derive(Debug, Clone)]
pub(crate) enum PodName {
    /// It is what the file says at the moment.
    File(PathBuf),
    /// It never changes.
    Fixed(String),
}

impl PodName {
    /// As the settings say.
    pub(crate) fn of(settings: &Settings) -> Self {
        settings
            .pod_name
            .clone()
            .map_or_else(|| Self::File(settings.hostname_file.clone()), Self::Fixed)
    }

    /// The name as of now.
    pub(crate) fn read(&self) -> Result<String, IdentityError> {
        match self {
            Self::Fixed(name) => Ok(name.clone()),
            Self::File(path) => read(path),
        }
    }
}

fn read(path: &Path) -> Result<String, IdentityError> {
    let text = std::fs::read_to_string(path).map_err(|source| IdentityError::Unreadable {
        path: path.to_owned(),
        source,
    })?;
    match text.trim() {
        "" => Err(IdentityError::Empty {
            path: path.to_owned(),
        }),
        name => Ok(name.to_owned()),
    }
}

/// What stays the same for the life of the process, wherever it wakes up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The queue the process serves.
    pub primary_queue: String,
    /// The routing key which feeds it.
    pub routing_key: String,
}

impl Identity {
    /// The identity of a process that starts in the pod called `pod`.
    #[must_use]
    pub fn first(settings: &Settings, pod: &str) -> Self {
        Self {
            primary_queue: settings.queue.replace("{pod}", pod),
            routing_key: settings.routing_key.clone().unwrap_or_else(|| pod.to_owned()),
        }
    }
}
