//! What was seen of a migration that is followed, and said of it.

use std::time::Instant;

use jiff::Timestamp;
use kube::ResourceExt;
use shadow_core::api::StatefulMigration;

use crate::ending::Ending;
use crate::output::Format;
use crate::problem::Problem;
use crate::render::{self, Life, Progress};
use crate::say;

/// How often a pipe gets a sign of life.
const SIGN_OF_LIFE: u64 = 10;

/// How a migration is told while it is followed.
#[derive(Clone, Debug)]
pub(crate) enum Told {
    /// Line by line, for a person. Where several are followed, the name of its pod stands before each line.
    Lines {
        /// What stands before each line.
        prefix: String,
        /// Which steps were told already.
        progress: Progress,
    },
    /// Each change as an object.
    Objects(Format),
    /// Not at all: what became of it is told by the caller.
    Nothing,
}

impl Told {
    /// For one alone.
    pub(crate) fn lines() -> Self {
        Self::beside(String::new())
    }

    /// For one among others.
    pub(crate) fn beside(prefix: String) -> Self {
        Self::Lines {
            prefix,
            progress: Progress::default(),
        }
    }

    /// For one alone, from now on: the steps that ended before are known.
    pub(crate) fn from_now_on(migration: &StatefulMigration) -> Self {
        let mut progress = Progress::default();
        if let Some(status) = &migration.status {
            progress.pass_over(status);
        }
        Self::Lines {
            prefix: String::new(),
            progress,
        }
    }
}

/// What was seen, and said of it.
pub(super) struct Followed {
    told: Told,
    life: Life,
    pub(super) last: Option<StatefulMigration>,
    out_of_sight: bool,
    signs: u64,
}

impl Followed {
    pub(super) fn new(told: Told) -> Self {
        Self {
            told,
            life: Life::default(),
            last: None,
            out_of_sight: false,
            signs: 0,
        }
    }

    /// It was seen; how it ended, if it did.
    pub(super) fn tells(&mut self, migration: StatefulMigration) -> Result<Option<Ending>, Problem> {
        if std::mem::take(&mut self.out_of_sight) {
            say::remark(&format!("{} can be read again", migration.name_any()));
        }
        let status = migration.status.as_ref();
        let ending = status.and_then(render::ending);
        match &mut self.told {
            Told::Lines { prefix, progress } => {
                let steps = status.map(|status| progress.lines(status)).unwrap_or_default();
                let end = ending.map(|_| render::end_lines(&migration)).unwrap_or_default();
                for line in steps.iter().chain(&end) {
                    say::line(&format!("{prefix}{line}"));
                }
            }
            Told::Objects(format) => {
                let before = self.last.as_ref().and_then(ResourceExt::resource_version);
                // It is read beside the watch, and comes twice then.
                if before.is_none() || before != migration.resource_version() {
                    let lines = format.one_line(&migration)?;
                    lines.iter().flatten().for_each(|line| say::line(line));
                }
            }
            Told::Nothing => {}
        }
        self.last = Some(migration);
        Ok(ending)
    }

    /// On a terminal one line that is repainted, in a pipe or beside others one line each 10 s.
    pub(super) fn shows_life(&mut self) {
        let Told::Lines { prefix, .. } = &self.told else {
            return;
        };
        let (line, seconds) = self
            .life
            .line(self.last.as_ref(), Instant::now(), Timestamp::now());
        if prefix.is_empty() && say::can_repaint() {
            if seconds > 0 {
                say::paint(&line);
            }
        } else if seconds / SIGN_OF_LIFE > self.signs {
            say::line(&format!("{prefix}{line}"));
        }
        self.signs = seconds / SIGN_OF_LIFE;
    }

    pub(super) fn lost_sight(&mut self, name: &str, error: &str) {
        if !std::mem::replace(&mut self.out_of_sight, true) {
            say::remark(&format!("{name} cannot be read, trying again: {error}"));
        }
    }
}
