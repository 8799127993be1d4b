//! Migrations under way as they were last written. An object that another program removes or spoils takes its plan along; what is
//! kept here is enough to lead its pod back.
//!
//! It lives in this process alone: a controller that begins after such a removal knows nothing of it.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use kube::ResourceExt;
use shadow_core::api::{MigrationStatus, StatefulMigration};
use shadow_core::machine;

/// See the module.
#[derive(Default)]
pub struct UnderWay(Mutex<HashMap<String, StatefulMigration>>);

impl UnderWay {
    /// As it is now. One that has ended is forgotten; of one that cannot be read, the last readable state stays.
    pub fn note(&self, migration: &StatefulMigration) {
        let Some(uid) = migration.uid() else { return };
        let status = migration.status.as_ref();
        if status.is_some_and(|status| status.phase.is_terminal()) {
            self.all().remove(&uid);
        } else if status.is_some_and(has_plan) {
            self.all().insert(uid, migration.clone());
        }
    }

    /// It was brought to its end, or given up.
    pub fn forget(&self, uid: &str) {
        self.all().remove(uid);
    }

    /// Those whose object is not among the living.
    pub fn lost(&self, known: &HashSet<String>, living: &HashSet<String>) -> Vec<StatefulMigration> {
        let all = self.all();
        let lost = known.iter().filter(|uid| !living.contains(*uid));
        lost.filter_map(|uid| all.get(uid).cloned()).collect()
    }

    /// UIDs of all.
    pub fn uids(&self) -> HashSet<String> {
        self.all().keys().cloned().collect()
    }

    /// Namespace and name of one.
    pub fn name(&self, uid: &str) -> Option<String> {
        let all = self.all();
        let migration = all.get(uid)?;
        Some(format!(
            "{}/{}",
            migration.namespace().unwrap_or_default(),
            migration.name_any()
        ))
    }

    fn all(&self) -> MutexGuard<'_, HashMap<String, StatefulMigration>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn has_plan(status: &MigrationStatus) -> bool {
    status.plan.is_some() && machine::unreadable(status).is_none()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn migration(status: serde_json::Value) -> StatefulMigration {
        serde_json::from_value(json!({
            "apiVersion": "migration.ms2m.io/v1alpha1", "kind": "StatefulMigration",
            "metadata": {"name": "move", "namespace": "shop", "uid": "u"}, "spec": {"sourcePod": "orders-0"},
            "status": status,
        }))
        .unwrap()
    }

    fn held() -> serde_json::Value {
        json!({
            "phase": "Checkpointing",
            "plan": {"strategy": "ShadowPod", "because": "", "container": "c", "sourceNode": "node-a",
                "targetNode": "node-b", "checkpointBackend": "Runtime",
                "source": {"namespace": "shop", "name": "orders-0", "uid": "source"},
                "queue": {"queue": "orders", "quorum": false}},
            "intent": {"step": "Hold", "leg": 1, "since": "1970-01-01T00:00:00.000000Z"},
            "legs": [{"number": 1, "attempt": 0, "key": "11111111-1111-1111-1111-111111111111-1-0",
                "from": {"pod": "orders-0", "uid": "source", "node": "node-a"},
                "to": {"pod": "orders-0-shadow", "node": "node-b"}}],
        })
    }

    #[test]
    fn the_last_readable_state_is_kept_until_the_end() {
        let under_way = UnderWay::default();
        under_way.note(&migration(json!({"phase": "Pending"})));
        assert!(under_way.uids().is_empty());
        under_way.note(&migration(held()));
        let mut spoiled = held();
        spoiled.as_object_mut().unwrap().remove("intent");
        under_way.note(&migration(spoiled));
        let known = under_way.uids();
        assert!(under_way.lost(&known, &known).is_empty());
        let lost = under_way.lost(&known, &HashSet::new());
        assert!(lost[0].status.as_ref().unwrap().intent.is_some());
        assert_eq!(under_way.name("u").as_deref(), Some("shop/move"));
        let mut ended = held();
        ended["phase"] = json!("Failed");
        under_way.note(&migration(ended));
        assert!(under_way.uids().is_empty());
    }
}
