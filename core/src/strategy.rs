//! Which strategy fits a pod, and why: its owner and its volumes say so.

use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod};

use crate::api::{MigrationStrategy, OwnerKind};
use crate::workload;

/// A strategy, with the reason for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// What is going to be done.
    pub strategy: MigrationStrategy,
    /// For `status.plan.because`.
    pub because: String,
}

/// Why what was asked for, or what the volumes need, cannot be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Impossible {
    /// Two pods cannot mount it at once.
    #[error(
        "volume {volume:?} (claim {claim:?}) can be mounted on one node at a time, so the source has to go before its copy \
         starts; leave migrationStrategy out or set it to Sequential"
    )]
    NeedsSequential {
        /// The volume.
        volume: String,
        /// Its claim.
        claim: String,
    },
    /// Only a StatefulSet re-creates a pod under its name.
    #[error(
        "Sequential needs a StatefulSet, which re-creates the pod under its name after the source went; {what}. {way_out}"
    )]
    NeedsStatefulSet {
        /// What the pod is instead.
        what: String,
        /// What to do.
        way_out: String,
    },
}

/// Chooses; `wanted` is what the user asked for.
pub fn choose(
    wanted: Option<MigrationStrategy>,
    pod: &Pod,
    claims: &[PersistentVolumeClaim],
) -> Result<Choice, Impossible> {
    let exclusive = exclusive_volume(pod, claims);
    let (strategy, why) = match (wanted, &exclusive) {
        (Some(MigrationStrategy::ShadowPod), Some((volume, claim))) => {
            return Err(Impossible::NeedsSequential {
                volume: volume.clone(),
                claim: claim.clone(),
            });
        }
        (Some(MigrationStrategy::Sequential), _) => (
            MigrationStrategy::Sequential,
            "the source goes before its copy starts, as asked".to_owned(),
        ),
        (None, Some((volume, claim))) => (
            MigrationStrategy::Sequential,
            format!(
                "volume {volume} (claim {claim}) can be mounted on one node at a time, so the source goes before its copy starts"
            ),
        ),
        (Some(MigrationStrategy::ShadowPod) | None, None) => (
            MigrationStrategy::ShadowPod,
            "the copy takes over before the source goes".to_owned(),
        ),
    };
    let owner = owner_sentence(pod, strategy, exclusive.is_some())?;
    Ok(Choice {
        strategy,
        because: format!("{owner}; {why}"),
    })
}

fn owner_sentence(pod: &Pod, strategy: MigrationStrategy, volume: bool) -> Result<String, Impossible> {
    let name = pod.metadata.name.as_deref().unwrap_or_default();
    let sequential = strategy == MigrationStrategy::Sequential;
    let impossible = |what: String| Impossible::NeedsStatefulSet {
        what,
        way_out: if volume {
            "Run it as a StatefulSet, or use a ReadWriteMany volume".to_owned()
        } else {
            "Use ShadowPod".to_owned()
        },
    };
    match workload::owner_of(pod) {
        Some((OwnerKind::StatefulSet, owner)) => Ok(format!(
            "pod {name} belongs to StatefulSet {}, which is neither scaled nor edited",
            owner.name
        )),
        Some((OwnerKind::ReplicaSet, owner)) if sequential => Err(impossible(format!(
            "pod {name} belongs to ReplicaSet {}, which would start another one at once",
            owner.name
        ))),
        Some((OwnerKind::ReplicaSet, owner)) => Ok(format!(
            "pod {name} belongs to ReplicaSet {}, which adopts the copy in its place and always has as many pods as it wants",
            owner.name
        )),
        None if sequential => Err(impossible(format!("nobody owns pod {name}"))),
        None => Ok(format!("nobody owns pod {name}, so its copy bears another name")),
    }
}

/// A volume that only one node, or only one pod, can mount.
fn exclusive_volume(pod: &Pod, claims: &[PersistentVolumeClaim]) -> Option<(String, String)> {
    let volumes = pod.spec.iter().flat_map(|spec| spec.volumes.iter().flatten());
    let mut claimed = volumes.filter_map(|volume| {
        let claim = &volume.persistent_volume_claim.as_ref()?.claim_name;
        Some((volume.name.clone(), claim.clone()))
    });
    claimed.find(|(_, claim)| {
        let found = claims.iter().find(|c| c.metadata.name.as_ref() == Some(claim));
        let modes = found.and_then(|c| c.spec.as_ref()?.access_modes.as_ref());
        let shared = |mode: &String| mode == "ReadWriteMany" || mode == "ReadOnlyMany";
        !modes.into_iter().flatten().any(shared)
    })
}
