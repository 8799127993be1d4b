//! Who is told of the rows of a drain: a person who reads lines, and the live view or a recording.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::Instant;

use crate::drain::{Row, Standing, line, table};
use crate::say;
use crate::view::event::{Change, Event, Kind, What};

/// How often a pipe gets a sign of life.
const SIGN_OF_LIFE: Duration = Duration::from_secs(10);

/// See the module.
pub(super) struct Teller {
    lines: bool,
    events: Option<UnboundedSender<Event>>,
    /// What was said of each row last, as a line.
    said: BTreeMap<String, String>,
    /// What was sent last, by its id.
    sent: RefCell<BTreeMap<String, Value>>,
    sign: Instant,
}

impl Teller {
    /// `lines`: to the terminal or into a pipe. `events`: to the live view or into a recording.
    pub(super) fn new(lines: bool, events: Option<UnboundedSender<Event>>) -> Self {
        Self {
            lines,
            events,
            said: BTreeMap::new(),
            sent: RefCell::default(),
            sign: Instant::now(),
        }
    }

    /// A line for a person.
    pub(super) fn say(&self, text: &str) {
        if self.lines {
            say::line(text);
        }
    }

    /// All rows as a table.
    pub(super) fn all(&mut self, rows: &[Row]) {
        for text in table(rows) {
            self.say(&text);
        }
        self.said = rows.iter().map(|row| (row.uid.clone(), row.news())).collect();
    }

    /// Each row whose state has changed, as a line.
    pub(super) fn changes(&mut self, rows: &[Row]) {
        let width = rows.iter().map(|row| row.id().chars().count()).max().unwrap_or(0);
        for row in rows {
            let now = row.news();
            if self.said.get(&row.uid) != Some(&now) {
                self.say(&line(row, width));
                self.said.insert(row.uid.clone(), now);
            }
        }
    }

    /// On a terminal one line that is repainted, in a pipe one line each 10 s.
    pub(super) fn life(&mut self, rows: &[Row]) {
        let left: Vec<&Row> = rows.iter().filter(|row| !row.state.is_settled()).collect();
        let first = left.iter().find(|row| row.migration.is_some()).or(left.first());
        let Some(first) = first.filter(|_| self.lines) else {
            return;
        };
        let text = format!(
            "{} pods left; {}: {} {}",
            left.len(),
            first.id(),
            first.state.word(),
            first.why
        );
        if say::can_repaint() {
            say::paint(&text);
        } else if self.sign.elapsed() >= SIGN_OF_LIFE {
            self.sign = Instant::now();
            say::line(&text);
        }
    }

    /// All that is new, as changes.
    pub(super) fn send(&self, rows: &[Row], standing: &Standing) {
        self.send_one(Standing::ID, standing);
        rows.iter().for_each(|row| self.send_row(row));
    }

    /// One row, if it is new.
    pub(super) fn send_row(&self, row: &Row) {
        self.send_one(&row.uid, row);
    }

    fn send_one(&self, id: &str, object: &impl Serialize) {
        let Some(events) = &self.events else {
            return;
        };
        // Rows are plain data: there is nothing in them that JSON cannot say.
        let object = serde_json::to_value(object).unwrap_or(Value::Null);
        let before = self.sent.borrow_mut().insert(id.to_owned(), object.clone());
        if before.as_ref() == Some(&object) {
            return;
        }
        let change = Change {
            at: Timestamp::now(),
            kind: Kind::Drain,
            id: id.to_owned(),
            what: What::Set(object),
        };
        // A view that was left wants to know nothing more.
        drop(events.send(Event::Change(change)));
    }
}
