//! How a command ended. Guarantee: the exit code says it, and the same ending always has the same code.

use serde::{Deserialize, Serialize};

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Ending {
    /// Done; a migration that was waited for is Completed.
    Done,
    /// Nothing was begun: the arguments, the admission or the API server refused.
    Refused,
    /// The migration was undone; the source goes on, unless it went by itself.
    Failed,
    /// The same, as asked.
    Cancelled,
    /// Moved, and the memory is lost: the pod started from its image.
    MemoryLost,
    /// Moved, and not proven exact: messages may have been lost, doubled or reordered.
    NotExact,
    /// Not known how it ends: stuck, out of time, or out of sight.
    Unknown,
    /// The user interrupted the waiting; the migration goes on.
    Interrupted,
}

impl Ending {
    /// Each of them.
    pub const ALL: [Self; 8] = [
        Self::Done,
        Self::Refused,
        Self::Failed,
        Self::Cancelled,
        Self::MemoryLost,
        Self::NotExact,
        Self::Unknown,
        Self::Interrupted,
    ];

    /// The worse of two, for several moves: what has to be looked at goes before what is known.
    pub fn worse(self, other: Self) -> Self {
        if self.weight() >= other.weight() {
            self
        } else {
            other
        }
    }

    fn weight(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Cancelled => 1,
            Self::Refused => 2,
            Self::Failed => 3,
            Self::NotExact => 4,
            Self::MemoryLost => 5,
            Self::Unknown => 6,
            Self::Interrupted => 7,
        }
    }

    /// What it means, for a person.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Done => "Done. A migration that was waited for has moved its pod, and is exact.",
            Self::Refused => "Refused: nothing was begun. Of check: something is in the way.",
            Self::Failed => {
                "The move was undone. The source goes on, unless it went by itself (evicted, rolled out, crashed)."
            }
            Self::Cancelled => {
                "The move was cancelled, as asked. The source goes on, unless it went by itself."
            }
            Self::MemoryLost => {
                "The pod is on its target, and its memory is lost: it started from its image."
            }
            Self::NotExact => {
                "Moved, and not proven exact. The verdict says what may have happened to messages."
            }
            Self::Unknown => {
                "It is not known how it ends: the move is stuck, the time to wait is over, or the migration is out of sight."
            }
            Self::Interrupted => "The waiting was interrupted. The migration goes on.",
        }
    }

    /// The exit code.
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Refused => 1,
            Self::Failed => 2,
            Self::Cancelled => 3,
            Self::Unknown => 4,
            Self::MemoryLost => 5,
            Self::NotExact => 6,
            Self::Interrupted => 130,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_ending_has_a_code_of_its_own() {
        let endings = [
            (Ending::Done, 0),
            (Ending::Refused, 1),
            (Ending::Failed, 2),
            (Ending::Cancelled, 3),
            (Ending::Unknown, 4),
            (Ending::MemoryLost, 5),
            (Ending::NotExact, 6),
            (Ending::Interrupted, 130),
        ];
        for (ending, code) in endings {
            assert_eq!(ending.code(), code, "{ending:?}");
        }
        assert!(
            Ending::ALL
                .iter()
                .all(|one| endings.iter().any(|(ending, _)| ending == one))
        );
    }

    #[test]
    fn the_worse_of_two_does_not_depend_on_their_order() {
        for one in Ending::ALL {
            assert_eq!(one.worse(Ending::Done), one);
            for other in Ending::ALL {
                assert_eq!(one.worse(other), other.worse(one));
            }
        }
        assert_eq!(Ending::Failed.worse(Ending::Unknown), Ending::Unknown);
        assert_eq!(Ending::NotExact.worse(Ending::MemoryLost), Ending::MemoryLost);
    }
}
