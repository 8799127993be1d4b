//! Which pods are rewritten, and into what. Pure.
//!
//! Guarantee: a pod is rewritten if and only if its name and its StatefulSet's UID are those in the plan of a
//! migration under way that has come to the point of re-creating it; more than one such migration is an error.

use k8s_openapi::api::core::v1::Pod;
use shadow_core::api::{ImageOrigin, MigrationStatus, Plan, RestoreBackend, StatefulMigration};
use shadow_core::image_pod::{self, Awaited};
use shadow_core::machine::Route;
use shadow_core::names::{self, Key};
use shadow_core::repository::Repository;
use shadow_core::restore_pod;
use shadow_core::workload::revision_of;

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
    /// Image by digest that the source runs from, where a registry gave it.
    pub image: Option<String>,
    /// How it is restored.
    pub restore: Restore,
}

/// How the pod's container is restored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Restore {
    /// It claims its key from the node's agent.
    ByClaim,
    /// By the container runtime, from a checkpoint image that the controller is going to name.
    ByImage {
        /// The name that no image has.
        awaited: String,
        /// How kubelet pulls it.
        secret: Option<String>,
        /// The image below it.
        origin: Option<ImageOrigin>,
    },
}

impl Announcement {
    /// Makes `pod` what it becomes.
    pub fn apply(&self, pod: &mut Pod) {
        restore_pod::announce(pod, &self.key, &self.migration, &self.container, &self.node);
        if let Some(image) = &self.image {
            restore_pod::pin_image(pod, &self.container, image);
        }
        match &self.restore {
            Restore::ByClaim => {}
            Restore::ByImage {
                awaited,
                secret,
                origin,
            } => {
                let awaited = Awaited {
                    container: &self.container,
                    image: awaited,
                    secret: secret.as_deref(),
                    origin: origin.as_ref(),
                };
                image_pod::await_image(pod, &awaited);
            }
        }
    }
}

/// Why a pod cannot be decided on; its creation is refused and its StatefulSet tries again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RewriteError {
    /// Two migrations claim it.
    #[error("pod {pod:?} is announced by the migrations {first:?} and {second:?}. Cancel one of them")]
    Ambiguous {
        /// The pod.
        pod: String,
        /// One.
        first: String,
        /// Another.
        second: String,
    },
    /// It was restored by image already: another restore would set it back.
    #[error(
        "pod {pod:?} was restored from its checkpoint by migration {migration:?} and has ended. It must not be restored \
         from it a second time. It starts from its template when the migration is over"
    )]
    RestoredAlready {
        /// The pod.
        pod: String,
        /// The migration.
        migration: String,
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
        if !is_of(pod, plan, probe) || starts_anew(pod, plan) {
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
            restore: restore(migration, plan, status, &key)?,
            key,
            migration: name,
            container: plan.container.clone(),
            node: plan.target_node.clone(),
            image: plan.image.as_ref().and_then(|image| image.pinned.clone()),
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

/// A StatefulSet that was rolled out after its pod had gone: the memory went with the old revision. A pod with a stand-in
/// waits until that has gone.
fn starts_anew(pod: &Pod, plan: &Plan) -> bool {
    let another = revision_of(pod).zip(plan.revision.as_ref());
    Route::of(plan) == Route::InPlace && another.is_some_and(|(made, moved)| made != *moved)
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
    let no_key = |reason: String| no_key(migration, reason);
    let uid = migration
        .metadata
        .uid
        .as_deref()
        .ok_or_else(|| no_key("it has no uid".to_owned()))?;
    Route::of(plan)
        .key_of_recreated(status, uid)
        .map_err(|error| no_key(error.to_string()))
}

fn no_key(migration: &StatefulMigration, reason: String) -> RewriteError {
    RewriteError::NoKey {
        migration: migration.metadata.name.clone().unwrap_or_default(),
        reason,
    }
}

/// A key's agent hands its archive out once. An image can be restored by whoever names it, so nobody is told to once the
/// copy is the truth.
fn restore(
    migration: &StatefulMigration,
    plan: &Plan,
    status: &MigrationStatus,
    key: &Key,
) -> Result<Restore, RewriteError> {
    match plan.restore {
        RestoreBackend::RuntimeClass => return Ok(Restore::ByClaim),
        RestoreBackend::Image => {}
    }
    let leg = status.legs.iter().rfind(|leg| leg.key == *key);
    if leg.is_some_and(|leg| leg.committed.is_some()) {
        return Err(RewriteError::RestoredAlready {
            pod: plan.source.name.clone(),
            migration: migration.metadata.name.clone().unwrap_or_default(),
        });
    }
    let spec = &migration.spec;
    let repository = spec.checkpoint_image_repository.as_deref().unwrap_or_default();
    let repository = Repository::parse(repository).map_err(|error| no_key(migration, error.to_string()))?;
    Ok(Restore::ByImage {
        awaited: names::awaited_image(&repository, key),
        secret: spec.checkpoint_image_secret_ref.clone(),
        origin: plan.origin.clone(),
    })
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
