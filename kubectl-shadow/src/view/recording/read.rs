//! Lines to changes. Guarantee: unknown kinds and fields are passed over, a torn last line is tolerated, everything else that
//! is wrong is named with its line.

use std::collections::HashMap;
use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::Value;

use super::clean::cleaned;
use super::merge::patched;
use super::{FORMAT, Header, RecordingError, sink};
use crate::view::event::{Change, Kind, What};

/// A recording, as a whole: it is a few hundred kilobytes.
#[derive(Clone, Debug)]
pub struct Recording {
    /// The first line.
    pub header: Header,
    /// The changes, in the order of time.
    pub changes: Vec<Change>,
    /// Its end, if it was told: a recording that was torn has none.
    pub ended: Option<Timestamp>,
}

#[derive(Deserialize)]
struct Line {
    t: f64,
    k: String,
    #[serde(default)]
    op: String,
    #[serde(default)]
    id: String,
    #[serde(default)]
    o: Value,
}

/// Reads a file.
pub fn file(path: &Path) -> Result<Recording, RecordingError> {
    let name = path.display().to_string();
    let text = sink::read(path).map_err(|error| RecordingError::File {
        file: name.clone(),
        error,
    })?;
    // A line can be torn in the middle of a character.
    text_of(&name, &String::from_utf8_lossy(&text))
}

/// Reads a text; `file` is its name in messages.
pub fn text_of(file: &str, text: &str) -> Result<Recording, RecordingError> {
    let lines: Vec<&str> = text.lines().collect();
    let mut reader = Reader::new(file, lines.first().copied().unwrap_or_default())?;
    for (index, line) in lines.iter().enumerate().skip(1) {
        let is_last = index + 1 == lines.len();
        match serde_json::from_str::<Line>(line) {
            Ok(line) => reader.take(index + 1, line)?,
            Err(_) if line.trim().is_empty() || is_last => {}
            Err(error) => return Err(reader.wrong(index + 1, error.to_string())),
        }
    }
    Ok(reader.recording)
}

struct Reader {
    file: String,
    recording: Recording,
    known: HashMap<(Kind, String), Value>,
}

impl Reader {
    fn new(file: &str, first: &str) -> Result<Self, RecordingError> {
        let no_header = || RecordingError::NoHeader {
            file: file.to_owned(),
        };
        let value: Value = serde_json::from_str(first).map_err(|_| no_header())?;
        let format = value
            .get("shadowRecording")
            .and_then(Value::as_u64)
            .ok_or_else(no_header)?;
        if format != u64::from(FORMAT) {
            let plugin = value
                .get("plugin")
                .and_then(Value::as_str)
                .unwrap_or("its version is not told");
            return Err(RecordingError::Format {
                file: file.to_owned(),
                format: u32::try_from(format).unwrap_or(u32::MAX),
                plugin: plugin.to_owned(),
            });
        }
        let header = serde_json::from_value(value).map_err(|_| no_header())?;
        Ok(Self {
            file: file.to_owned(),
            recording: Recording {
                header,
                changes: Vec::new(),
                ended: None,
            },
            known: HashMap::new(),
        })
    }

    fn take(&mut self, number: usize, line: Line) -> Result<(), RecordingError> {
        let at = self.time(number, line.t)?;
        if line.k == "end" {
            self.recording.ended = Some(at);
            return Ok(());
        }
        let Some(kind) = Kind::of(&line.k) else {
            return Ok(());
        };
        let key = (kind, line.id.clone());
        let what = match line.op.as_str() {
            "del" => {
                self.known.remove(&key);
                What::Deleted
            }
            "set" => self.set(key, line.o),
            "patch" => match self.known.get(&key) {
                Some(before) => {
                    let whole = patched(before.clone(), &line.o);
                    self.set(key, whole)
                }
                None => {
                    return Err(self.wrong(
                        number,
                        format!("a patch of {}, which was not set before", line.id),
                    ));
                }
            },
            other => return Err(self.wrong(number, format!("\"op\" is \"{other}\", not set, patch or del"))),
        };
        self.recording.changes.push(Change {
            at,
            kind,
            id: line.id,
            what,
        });
        Ok(())
    }

    /// A file that another program made may hold what this one would not have written.
    fn set(&mut self, key: (Kind, String), value: Value) -> What {
        let value = cleaned(value);
        self.known.insert(key, value.clone());
        What::Set(value)
    }

    fn time(&self, number: usize, seconds: f64) -> Result<Timestamp, RecordingError> {
        let last = self
            .recording
            .changes
            .last()
            .map_or(self.recording.header.at, |one| one.at);
        let offset = SignedDuration::try_from_secs_f64(seconds)
            .map_err(|error| self.wrong(number, error.to_string()))?;
        let at = self
            .recording
            .header
            .at
            .checked_add(offset)
            .map_err(|error| self.wrong(number, error.to_string()))?;
        Ok(at.max(last))
    }

    fn wrong(&self, line: usize, why: String) -> RecordingError {
        RecordingError::Line {
            file: self.file.clone(),
            line,
            why,
        }
    }
}
