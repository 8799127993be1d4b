//! Which pods are rewritten, and into what. Pure.
//!
//! Guarantee: a pod is rewritten if and only if its name and its StatefulSet's UID are those in the plan of a
//! migration under way that has come to the point of re-creating it; more than one such migration is an error.

use k8s_openapi::api::core::v1::Pod;
use shadow_core::api::{MigrationStatus, Plan, StatefulMigration};
use shadow_core::machine::Route;
use shadow_core::names::{self, Key};

/// What the pod becomes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announcement {
    /// Key that its container claims.
    pub key: Key,
    /// Migration that announced it.
    pub migration: String,
    /// Container that is restored.
    pub container: String,
    /// Node that it goes to.
    pub node: String,
}

/// Why a pod cannot be decided on; its creation is refused and its StatefulSet tries again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RewriteError {
    /// Two migrations claim it.
    #[error("pod {pod:?} is announced by the migrations {first:?} and {second:?}; cancel one of them")]
    Ambiguous {
        /// The pod.
        pod: String,
        /// One.
        first: String,
        /// Another.
        second: String,
    },
    /// The migration cannot be the basis of a key.
    #[error("migration {migration:?} yields no restore key: {reason}")]
    NoKey {
        /// The migration.
        migration: String,
        /// Why not.
        reason: String,
    },
}

/// Decides on a pod that is about to be created. `probe` says that it is the controller's dry run, which asks
/// whether the rule is in force before the real pod may go.
pub fn decide(
    pod: &Pod,
    migrations: &[StatefulMigration],
    probe: bool,
) -> Result<Option<Announcement>, RewriteError> {
    let mut found: Option<Announcement> = None;
    for migration in migrations {
        let Some((plan, status)) = under_way(migration) else {
            continue;
        };
        if !is_of(pod, plan, probe) {
            continue;
        }
        let Some(key) = key(migration, status, probe)? else {
            continue;
        };
        let name = migration.metadata.name.clone().unwrap_or_default();
        if let Some(first) = found {
            return Err(RewriteError::Ambiguous {
                pod: plan.source.name.clone(),
                first: first.migration,
                second: name,
            });
        }
        found = Some(Announcement {
            key,
            migration: name,
            container: plan.container.clone(),
            node: plan.target_node.clone(),
        });
    }
    Ok(found)
}

fn under_way(migration: &StatefulMigration) -> Option<(&Plan, &MigrationStatus)> {
    let status = migration
        .status
        .as_ref()
        .filter(|status| !status.phase.is_terminal())?;
    Some((status.plan.as_ref()?, status))
}

/// The probe cannot bear the name of the pod, which is taken while the source lives; it says which pod it means.
fn is_of(pod: &Pod, plan: &Plan, probe: bool) -> bool {
    let mut owners = pod.metadata.owner_references.iter().flatten();
    let meant = if probe {
        pod.metadata
            .annotations
            .as_ref()
            .and_then(|all| all.get(names::RULE_PROBE))
    } else {
        pod.metadata.name.as_ref()
    };
    let ours = |uid: &String| plan.owner.as_ref().is_some_and(|owner| owner.uid == *uid);
    meant == Some(&plan.source.name) && owners.any(|owner| ours(&owner.uid) && owner.controller == Some(true))
}

/// The key of the pod that is re-created, once the first handoff cannot be undone any more.
fn key(
    migration: &StatefulMigration,
    status: &MigrationStatus,
    probe: bool,
) -> Result<Option<Key>, RewriteError> {
    let committed = status.legs.iter().any(|leg| leg.committed.is_some());
    let Some(plan) = status.plan.as_ref().filter(|_| committed || probe) else {
        return Ok(None);
    };
    let no_key = |reason: String| RewriteError::NoKey {
        migration: migration.metadata.name.clone().unwrap_or_default(),
        reason,
    };
    let uid = migration
        .metadata
        .uid
        .as_deref()
        .ok_or_else(|| no_key("it has no uid".to_owned()))?;
    Route::of(plan)
        .key_of_recreated(status, uid)
        .map_err(|error| no_key(error.to_string()))
}

/// Whether a creation is the controller's dry run: `user` asks, not to be carried out, for a pod that says so.
pub fn is_probe(pod: &Pod, user: Option<&str>, dry_run: bool) -> bool {
    let says_so = pod
        .metadata
        .annotations
        .as_ref()
        .is_some_and(|all| all.contains_key(names::RULE_PROBE));
    dry_run && says_so && user == Some(names::account_user(names::CONTROLLER_ACCOUNT).as_str())
}
