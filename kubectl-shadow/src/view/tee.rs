//! A recording of what is seen, while it is seen. Guarantee: a file that is there already is not written over; when it cannot be
//! written any more, the view goes on and says so.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::event::{Change, Kind, What};
use super::recording::sink::Sink;
use super::recording::write::Recorder;
use super::recording::{Header, RecordingError};

/// Takes every change, and writes it while a recording is wanted.
#[derive(Default)]
pub struct Tee {
    namespace: Option<String>,
    /// Other names are written.
    redacted: bool,
    running: Option<(PathBuf, Recorder<Sink>)>,
    /// What is there: a recording that begins later begins with it.
    world: BTreeMap<(Kind, String), Change>,
}

impl Tee {
    /// Of this namespace; none: all.
    pub fn new(namespace: Option<String>) -> Self {
        Self {
            namespace,
            ..Self::default()
        }
    }

    /// The same; if so, pods, nodes, namespaces and queues get other names in what is written.
    pub fn redacted(self, redacted: bool) -> Self {
        Self { redacted, ..self }
    }

    /// Begins to write. What is there already comes first.
    pub fn begin(&mut self, path: &Path, at: Timestamp) -> Result<(), RecordingError> {
        let wrong = |error| RecordingError::File {
            file: path.display().to_string(),
            error,
        };
        let file = Sink::create(path).map_err(wrong)?;
        let header = Header::new(at, self.namespace.clone(), None);
        let recorder = if self.redacted {
            Recorder::renamed(file, &header, self.world.values())
        } else {
            Recorder::begin(file, &header)
        };
        let mut recorder = recorder.map_err(wrong)?;
        for change in self.world.values() {
            let first = Change { at, ..change.clone() };
            recorder.note(&first).map_err(wrong)?;
        }
        self.running = Some((path.to_owned(), recorder));
        Ok(())
    }

    /// A change; why it could not be written.
    pub fn note(&mut self, change: &Change) -> Result<(), RecordingError> {
        let key = (change.kind, change.id.clone());
        match change.what {
            What::Set(_) => drop(self.world.insert(key, change.clone())),
            What::Deleted => drop(self.world.remove(&key)),
        }
        let Some((path, recorder)) = &mut self.running else {
            return Ok(());
        };
        if let Err(error) = recorder.note(change) {
            let file = path.display().to_string();
            self.running = None;
            return Err(RecordingError::File { file, error });
        }
        Ok(())
    }

    /// Ends it; gives the file.
    pub fn end(&mut self, at: Timestamp) -> Result<Option<PathBuf>, RecordingError> {
        let Some((path, recorder)) = self.running.take() else {
            return Ok(None);
        };
        match recorder.end(at).and_then(Sink::finish) {
            Ok(()) => Ok(Some(path)),
            Err(error) => Err(RecordingError::File {
                file: path.display().to_string(),
                error,
            }),
        }
    }

    /// The file that is being written.
    pub fn file(&self) -> Option<String> {
        self.running.as_ref().map(|(path, _)| path.display().to_string())
    }
}
