//! Counts what this process writes into migrations, each thing once.
//!
//! Guarantee: an increment is what differs from the status as it was written last, never from what is in memory; of a
//! migration that this process has not read before, nothing is counted that stood there already.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use kube::ResourceExt;
use shadow_core::api::{MigrationStatus, StatefulMigration};
use shadow_core::tally::{Count, counted};

/// Statuses as they were written last, by UID.
#[derive(Default)]
pub struct Meter(Mutex<HashMap<String, MigrationStatus>>);

impl Meter {
    /// It was read: what its status says already was counted by its writer. What is known is kept, since a write of ours
    /// may have been carried out though its answer was lost.
    pub fn sees(&self, migration: &StatefulMigration) {
        let status = migration.status.clone().unwrap_or_default();
        let (Some(uid), false) = (migration.uid(), status.phase.is_terminal()) else {
            return;
        };
        self.all().entry(uid).or_insert(status);
    }

    /// It was written; what is new in it.
    pub fn wrote(&self, migration: &StatefulMigration) -> Vec<Count> {
        let (Some(uid), Some(status)) = (migration.uid(), &migration.status) else {
            return Vec::new();
        };
        let mut all = self.all();
        let before = if status.phase.is_terminal() {
            all.remove(&uid)
        } else {
            all.insert(uid, status.clone())
        };
        before.map_or_else(Vec::new, |before| counted(&before, status))
    }

    /// Its object is gone.
    pub fn forget(&self, uid: &str) {
        self.all().remove(uid);
    }

    fn all(&self) -> MutexGuard<'_, HashMap<String, MigrationStatus>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn migration(phase: &str, finished: usize) -> StatefulMigration {
        let time = "2026-11-30T10:00:00.000000Z";
        let steps: Vec<_> = (0..finished)
            .map(|_| json!({"step": "Hold", "leg": 1, "started": time, "finished": time}))
            .collect();
        serde_json::from_value(json!({
            "apiVersion": "migration.ms2m.io/v1alpha1", "kind": "StatefulMigration",
            "metadata": {"name": "move", "namespace": "shop", "uid": "u"}, "spec": {"sourcePod": "orders-0"},
            "status": {"phase": phase, "steps": steps, "startTime": time, "completionTime": time},
        }))
        .unwrap()
    }

    #[test]
    fn a_controller_that_begins_counts_only_what_it_writes() {
        let meter = Meter::default();
        meter.sees(&migration("Checkpointing", 2));
        assert_eq!(meter.wrote(&migration("Checkpointing", 3)).len(), 1);
        // A visit reads it again.
        meter.sees(&migration("Checkpointing", 3));
        assert!(meter.wrote(&migration("Checkpointing", 3)).is_empty());
    }

    #[test]
    fn a_write_whose_answer_was_lost_is_counted_with_the_next_one() {
        let meter = Meter::default();
        meter.sees(&migration("Checkpointing", 1));
        meter.sees(&migration("Checkpointing", 2));
        assert_eq!(meter.wrote(&migration("Checkpointing", 3)).len(), 2);
    }

    #[test]
    fn an_end_is_counted_once_and_forgotten() {
        let meter = Meter::default();
        meter.sees(&migration("Finalizing", 1));
        assert_eq!(meter.wrote(&migration("Failed", 1)).len(), 1);
        // The spec of one that has ended was changed, and its status says so.
        meter.sees(&migration("Failed", 1));
        assert!(meter.wrote(&migration("Failed", 1)).is_empty());
        assert!(meter.all().is_empty());
    }
}
