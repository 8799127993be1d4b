//! A source that stands still from its dump to the commit, and its node, which lets it go on when it hears nothing.

use super::*;

/// Rounds after which a node that has heard nothing lets the source go on.
const UNHEARD: u32 = 150;
/// Every so many rounds a node that has promised reads the migration.
const READS: u32 = 25;

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Standstill {
    promised: bool,
    /// Rounds since the controller's last word.
    unheard: u32,
}

impl World {
    /// Whether the source's process stands still.
    pub(super) fn stands(&self, pod: &str) -> bool {
        let source = self.pods.get(pod).filter(|found| found.uid == "source");
        self.frozen.is_some() && source.is_some_and(|found| found.process.is_some())
    }

    /// Whether a source that has to stand still at the commit does so until it is told otherwise.
    pub(crate) fn keeps_its_promise(&self) -> bool {
        !self.freezes || self.frozen.is_some_and(|frozen| frozen.promised)
    }

    pub(super) fn freeze(&mut self) {
        self.frozen = Some(Standstill::default());
    }

    pub(super) fn keep_frozen(&mut self) -> bool {
        self.frozen.as_mut().map(|frozen| frozen.unheard = 0).is_some()
    }

    pub(super) fn promise(&mut self) -> Outcome {
        match &mut self.frozen {
            Some(frozen) => {
                frozen.promised = true;
                Outcome::Promised
            }
            None => Outcome::Thawed,
        }
    }

    pub(super) fn thaw(&mut self) -> Outcome {
        self.frozen = None;
        Outcome::Thawed
    }

    /// The node's own watch.
    pub(super) fn node_watches(&mut self, saved: &MigrationStatus) {
        if !self.stands(SOURCE) {
            // Killed, or started anew: nothing stands still.
            self.frozen = None;
            return;
        }
        let Some(frozen) = &mut self.frozen else { return };
        frozen.unheard += 1;
        let undone = saved.rollback.is_some() || saved.phase.is_terminal();
        let goes_on = if frozen.promised {
            undone && frozen.unheard.is_multiple_of(READS)
        } else {
            frozen.unheard > UNHEARD
        };
        if goes_on {
            self.frozen = None;
        }
    }
}
