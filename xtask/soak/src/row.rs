//! One line for each move.

use serde::{Deserialize, Serialize};

/// How a move ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Outcome {
    /// The soak itself could not order it: the note says why. It is tried again in the next stretch.
    #[default]
    NotRun,
    Completed,
    /// Undone.
    Failed,
    Cancelled,
    /// The object was deleted and is gone.
    Deleted,
    /// It waits for a person.
    Stuck,
    /// Neither ended nor waiting for a person within its limit.
    Unended,
}

/// What the status says of the messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Told {
    /// There is no verdict, as when the object was deleted.
    #[default]
    Nothing,
    Exact,
    NotExact,
}

/// What explains a difference that the oracle saw, so that it contradicts nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Excuse {
    #[default]
    Nothing,
    /// A verdict of the group said "not exact".
    Verdict,
    /// The broker delivered again what was not acknowledged when a connection ended, outside of the hold.
    Redelivered,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Row {
    pub(crate) index: u32,
    pub(crate) seed: u64,
    pub(crate) engine: String,
    pub(crate) commit: String,
    pub(crate) at: String,
    pub(crate) application: String,
    /// As the plan of the migration says.
    pub(crate) hold: String,
    pub(crate) strategy: String,
    pub(crate) consumer: String,
    pub(crate) rate: u32,
    pub(crate) fault: String,
    pub(crate) moment: String,
    /// It was made, or tried; the move may have ended before.
    pub(crate) made: bool,
    pub(crate) outcome: Outcome,
    pub(crate) verdict: Told,
    pub(crate) total_ms: Option<i64>,
    pub(crate) pause_ms: Option<i64>,
    /// Moves that one oracle judged share it, and everything of the oracle.
    pub(crate) group: String,
    pub(crate) missing: Option<u64>,
    pub(crate) duplicate: Option<u64>,
    pub(crate) reordered: Option<u64>,
    pub(crate) state_equal: Option<bool>,
    pub(crate) control_faults: Option<u64>,
    pub(crate) redelivered: Option<u64>,
    pub(crate) excuse: Excuse,
    /// What was left behind when the group was over.
    pub(crate) left: String,
    /// Why the verdict or the outcome is wrong.
    pub(crate) wrong: String,
    pub(crate) note: String,
}

impl Row {
    /// Whether it is a move, done or not.
    pub(crate) fn counts(&self) -> bool {
        match self.outcome {
            Outcome::NotRun => false,
            Outcome::Completed
            | Outcome::Failed
            | Outcome::Cancelled
            | Outcome::Deleted
            | Outcome::Stuck
            | Outcome::Unended => true,
        }
    }

    /// It was not done although nothing disturbed it: somebody has to explain it.
    pub(crate) fn failed_by_itself(&self) -> bool {
        self.counts() && !self.made && self.outcome != Outcome::Completed
    }

    /// Adds to what is noted.
    pub(crate) fn note(&mut self, text: &str) {
        add(&mut self.note, text);
    }

    /// Something is not as told.
    pub(crate) fn is_wrong(&mut self, text: &str) {
        add(&mut self.wrong, text);
    }
}

fn add(to: &mut String, text: &str) {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if !to.is_empty() && !text.is_empty() {
        to.push_str("; ");
    }
    to.push_str(&text);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(outcome: Outcome, made: bool) -> Row {
        Row {
            outcome,
            made,
            ..Row::default()
        }
    }

    #[test]
    fn a_move_that_nothing_disturbed_has_to_be_done() {
        assert!(row(Outcome::Failed, false).failed_by_itself());
        assert!(row(Outcome::Unended, false).failed_by_itself());
        assert!(!row(Outcome::Failed, true).failed_by_itself());
        assert!(!row(Outcome::Completed, false).failed_by_itself());
        // It was no move.
        assert!(!row(Outcome::NotRun, false).failed_by_itself());
    }

    #[test]
    fn notes_are_one_line() {
        let mut row = Row::default();
        row.note("a\n  b");
        row.note("c");
        assert_eq!(row.note, "a b; c");
    }
}
