//! What the program inside the machine tells: one JSON line each, on a serial line.

use serde::{Deserialize, Serialize};

/// One line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "told")]
pub enum Told {
    /// Something about the machine, for docs/nodes.md.
    Fact {
        /// What.
        name: String,
        /// How it is.
        value: String,
    },
    /// A claim that holds.
    Passed {
        /// Which.
        claim: String,
        /// Time since the machine's start.
        at_seconds: u64,
    },
    /// A claim that does not hold.
    Failed {
        /// Which.
        claim: String,
        /// Time since the machine's start.
        at_seconds: u64,
        /// What was seen.
        why: String,
    },
    /// Nothing more is told.
    End,
}

impl Told {
    /// From a line of the serial port; `None` for what is no line of ours, such as a half one.
    #[must_use]
    pub fn read(line: &str) -> Option<Self> {
        serde_json::from_str(line.trim()).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_as_it_was_written_and_a_half_one_is_none() {
        let told = Told::Failed {
            claim: "a copy is right".into(),
            at_seconds: 7,
            why: "its cgroup namespace is the node's".into(),
        };
        let line = serde_json::to_string(&told).unwrap();
        assert_eq!(Told::read(&format!("{line}\r\n")), Some(told));
        assert_eq!(Told::read(&line[..20]), None);
        assert_eq!(Told::read("[  1.0] random: crng init done"), None);
    }
}
