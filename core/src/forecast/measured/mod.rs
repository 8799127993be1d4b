//! What was measured on one machine, under at most 80 messages a second and with a small heap: the medians of the rows of
//! docs/results. They stand in for moves of this cluster until there are any.

mod table;

use super::Way;
use crate::api::{HoldKind, Step};
use crate::machine::Route;

/// A way that was not measured in this step; a look takes about as long.
const UNKNOWN: Measured = Measured {
    millis: 50,
    per_100_mb: 0,
};

/// How long a step took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Measured {
    /// With a small heap, milliseconds.
    millis: u64,
    /// What 100 MB of memory add, milliseconds.
    per_100_mb: u64,
}

impl Measured {
    /// With so many bytes of memory, milliseconds.
    pub(super) fn at(self, bytes: u64) -> u64 {
        self.millis + self.per_100_mb.saturating_mul(bytes) / 100_000_000
    }
}

/// A step of this way; of one that is like it where it was not measured.
pub(super) fn of(way: Way, handoff: u8, step: Step) -> Measured {
    let like = [
        way,
        Way {
            hold: HoldKind::Park,
            ..way
        },
        Way {
            route: Route::Twice,
            hold: way.hold,
        },
        Way {
            route: Route::Twice,
            hold: HoldKind::Park,
        },
    ];
    // What comes after the last handoff is counted to it.
    let handoffs = [handoff, 2];
    let found = like.iter().find_map(|way| {
        let exact = |handoff: u8| millis(*way, handoff, step);
        handoffs.into_iter().find_map(exact)
    });
    found.map_or(UNKNOWN, |millis| Measured {
        millis,
        per_100_mb: growth(handoff, step),
    })
}

fn millis(way: Way, handoff: u8, step: Step) -> Option<u64> {
    let mut rows = table::MEDIANS.iter();
    rows.find(|(route, hold, one, what, _)| {
        (*route, *hold, *one, *what) == (way.route, way.hold, handoff, step)
    })
    .map(|(.., millis)| *millis)
}

fn growth(handoff: u8, step: Step) -> u64 {
    let mut rows = table::GROWTH.iter();
    rows.find(|(one, what, _)| (*one, *what) == (handoff, step))
        .map_or(0, |(.., millis)| *millis)
}
