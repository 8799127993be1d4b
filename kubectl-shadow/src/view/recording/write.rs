//! Changes to lines. Guarantee: what was written up to the last whole line can be read, whatever happens to this program; no
//! secret is written, whatever it is given.

use std::collections::HashMap;
use std::io::Write;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::Header;
use super::clean::cleaned;
use super::merge::difference;
use super::rename::{RENAMED, Renamer};
use crate::view::event::{Change, Kind, What};

/// Writes a recording to anything.
pub struct Recorder<W> {
    out: W,
    begun: Timestamp,
    known: HashMap<(Kind, String), Value>,
    renamer: Option<Renamer>,
    lines: u64,
    last: f64,
}

impl<W: Write> Recorder<W> {
    /// Writes the header.
    pub fn begin(out: W, header: &Header) -> std::io::Result<Self> {
        let mut recorder = Self {
            out,
            begun: header.at,
            known: HashMap::new(),
            renamer: None,
            lines: 0,
            last: 0.0,
        };
        let header = serde_json::to_value(header).map_err(std::io::Error::other)?;
        recorder.line(&header)?;
        Ok(recorder)
    }

    /// The same with other names everywhere. What is there already is given, so that its names are known from the first line on.
    pub fn renamed<'a>(
        out: W,
        header: &Header,
        there: impl Iterator<Item = &'a Change>,
    ) -> std::io::Result<Self> {
        let mut renamer = Renamer::default();
        let mut header = header.clone();
        header.namespace = header.namespace.map(|name| renamer.namespace(&name));
        header.removed.push(RENAMED.to_owned());
        for change in there {
            if let What::Set(object) = &change.what {
                renamer.learn(change.kind, &change.id, object);
            }
        }
        let mut recorder = Self::begin(out, &header)?;
        recorder.renamer = Some(renamer);
        Ok(recorder)
    }

    /// Writes a change, if it is one.
    pub fn note(&mut self, change: &Change) -> std::io::Result<()> {
        let key = (change.kind, change.id.clone());
        let (op, object) = match &change.what {
            What::Deleted => {
                if self.known.remove(&key).is_none() {
                    return Ok(());
                }
                ("del", None)
            }
            What::Set(value) => {
                let value = self.named(change, cleaned(value.clone()));
                let written = match self.known.get(&key) {
                    None => ("set", Some(value.clone())),
                    Some(before) => match difference(before, &value) {
                        None => return Ok(()),
                        Some(patch) => ("patch", Some(patch)),
                    },
                };
                self.known.insert(key, value);
                written
            }
        };
        let mut line =
            json!({"t": self.time(change.at), "k": change.kind.word(), "op": op, "id": self.id(change)});
        if let (Some(fields), Some(object)) = (line.as_object_mut(), object) {
            fields.insert("o".to_owned(), object);
        }
        self.line(&line)
    }

    /// With other names, if they are wanted.
    fn named(&mut self, change: &Change, value: Value) -> Value {
        match &mut self.renamer {
            Some(renamer) => {
                renamer.learn(change.kind, &change.id, &value);
                renamer.object(value)
            }
            None => value,
        }
    }

    fn id(&self, change: &Change) -> String {
        match &self.renamer {
            Some(renamer) => renamer.id(change.kind, &change.id),
            None => change.id.clone(),
        }
    }

    /// Writes the last line.
    pub fn end(mut self, at: Timestamp) -> std::io::Result<W> {
        let line = json!({"t": self.time(at), "k": "end", "lines": self.lines + 1});
        self.line(&line)?;
        Ok(self.out)
    }

    /// Seconds since the beginning, to the microsecond. A clock that is set back does not turn the recording round.
    fn time(&mut self, at: Timestamp) -> f64 {
        let micros = at.as_microsecond().saturating_sub(self.begun.as_microsecond());
        self.last = self.last.max(micros.max(0) as f64 / 1e6);
        self.last
    }

    fn line(&mut self, line: &Value) -> std::io::Result<()> {
        self.lines += 1;
        // One write for a line: a reader that comes meanwhile sees whole ones.
        self.out.write_all(format!("{line}\n").as_bytes())?;
        self.out.flush()
    }
}
