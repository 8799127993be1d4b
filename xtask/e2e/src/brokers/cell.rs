//! What is broken, when, and how the stream is held meanwhile; and what became of a move. Pure.

use anyhow::{Result, bail, ensure};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What is done to a broker of three nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    LeaderChange,
    NodeRestart,
    MinorityCut,
    RollingRestart,
    MemoryAlarm,
    ChangedPassword,
    SecretAnew,
}

impl Fault {
    pub(crate) const ALL: [Self; 7] = [
        Self::LeaderChange,
        Self::NodeRestart,
        Self::MinorityCut,
        Self::RollingRestart,
        Self::MemoryAlarm,
        Self::ChangedPassword,
        Self::SecretAnew,
    ];

    /// For a person.
    pub(crate) fn told(self) -> &'static str {
        match self {
            Self::LeaderChange => "another node becomes the leader of the queue",
            Self::NodeRestart => "the node that leads the queue is killed and comes back",
            Self::MinorityCut => "the node that leads the queue is cut off from the other two for 12 s",
            Self::RollingRestart => "one node after the other is killed and comes back",
            Self::MemoryAlarm => "a node has a memory alarm for 6 s",
            Self::ChangedPassword => "the password is another one for 6 s",
            Self::SecretAnew => "the Secret is deleted and created again 6 s later",
        }
    }
}

/// The step in which it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    Hold,
    Checkpoint,
    Commit,
    Release,
}

impl Moment {
    pub(crate) const ALL: [Self; 4] = [Self::Hold, Self::Checkpoint, Self::Commit, Self::Release];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Hold => "Hold",
            Self::Checkpoint => "Checkpoint",
            Self::Commit => "Commit",
            Self::Release => "Release",
        }
    }
}

/// How the stream is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Held {
    Park,
    SingleActive,
}

impl Held {
    pub(crate) const ALL: [Self; 2] = [Self::Park, Self::SingleActive];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Park => "Park",
            Self::SingleActive => "SingleActive",
        }
    }
}

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cell {
    pub(crate) held: Held,
    pub(crate) fault: Fault,
    pub(crate) moment: Moment,
}

impl Cell {
    /// Its name in the record of what was run.
    pub(crate) fn key(self) -> String {
        format!("{}, {:?}, {}", self.held.name(), self.fault, self.moment.name())
    }
}

/// How a move may end, whatever was broken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum End {
    /// The pod is on the target, and the verdict is exact.
    Exact,
    /// The pod is on the target, and the verdict says what it does not vouch for.
    Told(String),
    /// The source goes on with its memory, for this reason.
    Undone(String),
}

/// What became of one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Outcome {
    pub(crate) end: End,
    /// What the move said that it waits for, while something was broken.
    pub(crate) waited_for: Option<String>,
    /// From the fault to the end.
    pub(crate) seconds: u64,
}

/// Where the pod is at the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) stayed: bool,
    pub(crate) on_target: bool,
}

/// How a move ended.
///
/// # Errors
///
/// It ended in another way, or says of the pod what is not so.
pub(crate) fn end(object: &Value, place: Place) -> Result<End> {
    let status = &object["status"];
    let text = |value: &Value| value.as_str().unwrap_or("no reason").to_owned();
    match status["phase"].as_str() {
        Some("Completed") => {
            ensure!(
                place.on_target,
                "it says Completed, and the pod is not on the target"
            );
            let verdict = &status["verdict"];
            Ok(if verdict["exact"] == true {
                End::Exact
            } else {
                End::Told(text(&verdict["because"]))
            })
        }
        Some("Failed") => {
            ensure!(
                place.stayed,
                "it says that it was undone, and the pod is another one or was restarted"
            );
            Ok(End::Undone(text(&status["rollback"]["reason"])))
        }
        other => bail!("it ended {other:?}: {}", status["conditions"]),
    }
}

/// What an oracle saw of the moves under one fault. What the broker delivered again when connections ended is no harm where a
/// verdict says so, or where it came outside of a hold; anything else is.
///
/// # Errors
///
/// What was seen.
pub(crate) fn harmless(report: &Value) -> Result<()> {
    let comparison = &report["comparison"];
    let number = |value: &Value| value.as_u64().unwrap_or(u64::MAX);
    let (missing, reordered) = (number(&comparison["missing"]), number(&comparison["reordered"]));
    ensure!(
        missing == 0 && reordered == 0,
        "{missing} missing, {reordered} reordered"
    );
    let (duplicate, again) = (number(&comparison["duplicate"]), number(&report["redelivered"]));
    ensure!(
        duplicate <= again,
        "{duplicate} applied twice, and the broker delivered {again} again"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn place(stayed: bool) -> Place {
        Place {
            stayed,
            on_target: !stayed,
        }
    }

    #[test]
    fn an_end_is_exact_or_told_or_undone_and_nothing_else() {
        let completed = |exact: bool| json!({"status": {"phase": "Completed", "verdict": {"exact": exact, "because": "R"}}});
        assert_eq!(end(&completed(true), place(false)).unwrap(), End::Exact);
        assert_eq!(
            end(&completed(false), place(false)).unwrap(),
            End::Told("R".to_owned())
        );
        assert!(end(&completed(true), place(true)).is_err());
        let failed = json!({"status": {"phase": "Failed", "rollback": {"reason": "HoldLost"}}});
        assert_eq!(
            end(&failed, place(true)).unwrap(),
            End::Undone("HoldLost".to_owned())
        );
        assert!(end(&failed, place(false)).is_err());
        assert!(end(&json!({"status": {"phase": "Restoring"}}), place(true)).is_err());
    }

    #[test]
    fn what_came_again_is_no_harm_and_what_is_missing_is() {
        let report = |missing: u64, duplicate: u64, again: u64| json!({"comparison": {"missing": missing, "reordered": 0, "duplicate": duplicate}, "redelivered": again});
        assert!(harmless(&report(0, 0, 0)).is_ok());
        assert!(harmless(&report(0, 2, 3)).is_ok());
        assert!(harmless(&report(0, 2, 1)).is_err());
        assert!(harmless(&report(1, 0, 5)).is_err());
        assert!(harmless(&json!({})).is_err());
    }
}
