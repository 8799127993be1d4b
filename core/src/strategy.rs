//! Which strategy fits a pod, and why: its owner and its volumes say so.
//!
//! Guarantee: [`fill_in`] changes nothing that a user wrote, and nothing that it wrote itself before; a strategy with a reason is one
//! that it chose, and [`of`] never takes another one in its place.

use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod};

use crate::api::{MigrationStrategy, OwnerKind, StatefulMigrationSpec};
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
        "volume {volume:?} (claim {claim:?}) can be mounted on one node at a time, so the source has to end before its \
         copy starts. Leave migrationStrategy out, or set it to Sequential"
    )]
    NeedsSequential {
        /// The volume.
        volume: String,
        /// Its claim.
        claim: String,
    },
    /// Only a StatefulSet re-creates a pod under its name.
    #[error(
        "Sequential needs a StatefulSet, which re-creates the pod under its name when the source has ended, but {what}. \
         {way_out}"
    )]
    NeedsStatefulSet {
        /// What the pod is instead.
        what: String,
        /// What to do.
        way_out: String,
    },
    /// Chosen at admission, and the pod is another one by now.
    #[error(
        "{written:?} was chosen when the migration was created, and by now the pod needs {needed:?} ({because}): it was made anew \
         meanwhile. Create the migration again"
    )]
    NoLonger {
        /// What stands in the spec.
        written: MigrationStrategy,
        /// What fits now.
        needed: MigrationStrategy,
        /// Why.
        because: String,
    },
}

/// Characters of a reason that are written down: names are as long as others made them.
const REASON: usize = 1024;

/// Writes down what fits the pod, and why, where the user said nothing. What cannot be chosen stays left out: validation says why. A
/// reason that is not the one of this very strategy was written by somebody else, or the strategy was changed since: it goes.
pub fn fill_in(spec: &mut StatefulMigrationSpec, pod: Option<&Pod>, claims: &[PersistentVolumeClaim]) {
    let fits = pod.and_then(|pod| choose(None, pod, claims).ok());
    let written = spec.migration_strategy;
    let said = spec.strategy_reason.take();
    let Some(choice) = fits else { return };
    let reason: String = choice.because.chars().take(REASON).collect();
    let is_ours = written == Some(choice.strategy) && said.as_ref() == Some(&reason);
    if written.is_none() || is_ours {
        spec.migration_strategy = Some(choice.strategy);
        spec.strategy_reason = Some(reason);
    }
}

/// What is done in a migration: as its user asked, or as fits its pod.
pub fn of(
    spec: &StatefulMigrationSpec,
    pod: &Pod,
    claims: &[PersistentVolumeClaim],
) -> Result<Choice, Impossible> {
    let choice = choose(spec.asked_strategy(), pod, claims)?;
    match spec.migration_strategy {
        Some(written) if written != choice.strategy => Err(Impossible::NoLonger {
            written,
            needed: choice.strategy,
            because: choice.because,
        }),
        Some(_) | None => Ok(choice),
    }
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
            "the source ends before its copy starts, as asked".to_owned(),
        ),
        (None, Some((volume, claim))) => (
            MigrationStrategy::Sequential,
            format!(
                "volume {volume} (claim {claim}) can be mounted on one node at a time, so the source ends before its copy \
                 starts"
            ),
        ),
        (Some(MigrationStrategy::ShadowPod) | None, None) => (
            MigrationStrategy::ShadowPod,
            "the copy takes over before the source ends".to_owned(),
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
            "pod {name} belongs to ReplicaSet {}, which would start another pod at once",
            owner.name
        ))),
        Some((OwnerKind::ReplicaSet, owner)) => Ok(format!(
            "pod {name} belongs to ReplicaSet {}, which adopts the copy instead of it and never has fewer pods than it wants",
            owner.name
        )),
        None if sequential => Err(impossible(format!("pod {name} has no owner"))),
        None => Ok(format!("pod {name} has no owner, so its copy has another name")),
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
