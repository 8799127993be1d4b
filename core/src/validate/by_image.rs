//! Restores by image (`restoreBackend: Image`): whether the target's runtime does such a thing, and whether the pod can live
//! with what it means. The pod keeps the checkpoint image in its spec and is never restarted, so somebody else has to
//! start what comes after it: its owner, or nobody.

use k8s_openapi::api::core::v1::{Node, Pod};

use super::{Facts, Report, modes};
use crate::api::{MigrationStrategy, OwnerKind, RestoreBackend, StatefulMigrationSpec, TransferMode};
use crate::restore_choice::{self, Chosen};
use crate::strategy;

const FIELD: &str = "spec.restoreBackend";

/// Refuses what cannot be restored at all; of what is restored by image, what cannot live with it.
pub(super) fn check(spec: &StatefulMigrationSpec, facts: &Facts, report: &mut Report) {
    let named = |node: &&Node| node.metadata.name == spec.target_node;
    let Some(node) = facts.nodes.iter().find(named) else {
        return;
    };
    let way_out = match restore_choice::choose(spec, node) {
        Err(why) => return report.refuse(FIELD, why),
        Ok(Chosen {
            backend: RestoreBackend::RuntimeClass,
            ..
        }) => return without_effect(spec, report),
        Ok(Chosen { because: None, .. }) => "leave restoreBackend out or use RuntimeClass".to_owned(),
        Ok(Chosen {
            because: Some(why), ..
        }) => format!("{why}; {}", restore_choice::INSTALL),
    };
    modes::through_registry(spec, report);
    if spec.transfer_mode == Some(TransferMode::Direct) {
        report.refuse(
            "spec.transferMode",
            "restoreBackend Image restores from a registry. Leave transferMode out, or use Registry",
        );
    }
    if spec.keep_checkpoint_image == Some(true) {
        report.refuse(
            "spec.keepCheckpointImage",
            "restoreBackend Image deletes the image when the copy runs, so that the copy is never restored from it a \
             second time. Leave keepCheckpointImage out",
        );
    }
    if let Some(pod) = &facts.pod {
        shape(spec, pod, facts, &way_out, report);
    }
}

/// The runtime handler restores what an agent sent, unless a registry is asked for.
fn without_effect(spec: &StatefulMigrationSpec, report: &mut Report) {
    if spec.transfer_mode == Some(TransferMode::Registry) {
        return;
    }
    // The repository of a spec that leaves transferMode out is told of with that.
    for (field, given) in [
        (
            "checkpointImageRepository",
            spec.checkpoint_image_repository.is_some() && spec.transfer_mode.is_some(),
        ),
        (
            "checkpointImageSecretRef",
            spec.checkpoint_image_secret_ref.is_some(),
        ),
        ("keepCheckpointImage", spec.keep_checkpoint_image.is_some()),
    ] {
        if given {
            report.warn(format!(
                "spec.{field} has no effect: the archive goes from node to node unless transferMode is Registry"
            ));
        }
    }
}

fn shape(spec: &StatefulMigrationSpec, pod: &Pod, facts: &Facts, way_out: &str, report: &mut Report) {
    let sequential = strategy::of(spec, pod, &facts.claims)
        .is_ok_and(|choice| choice.strategy == MigrationStrategy::Sequential);
    if sequential {
        report.refuse(
            FIELD,
            format!(
                "Image restores the copy while its source still runs, and the strategy Sequential ends the source first; \
                 {way_out}"
            ),
        );
    }
    let containers = pod.spec.as_ref().map_or(0, |spec| spec.containers.len());
    let inits = pod
        .spec
        .iter()
        .flat_map(|spec| spec.init_containers.iter().flatten());
    if containers > 1 || inits.into_iter().any(|init| init.restart_policy.is_some()) {
        report.refuse(
            FIELD,
            format!(
                "Image needs a pod with one container. The copy never restarts, and while a second container runs, the end \
                 of the moved one would not be noticed; {way_out}"
            ),
        );
    }
    let afterwards = match facts.owner.as_ref().map(|owner| owner.kind) {
        Some(OwnerKind::ReplicaSet) => "its ReplicaSet then starts another pod from its template",
        Some(OwnerKind::StatefulSet) => "its StatefulSet then starts another pod from its template",
        None => "no other pod is started, since it has no owner",
    };
    report.warn(format!(
        "spec.restoreBackend Image: the copy names the checkpoint image in its spec and has restartPolicy Never, so that it is \
         never restored from it again. When its container ends, the pod has ended, and {afterwards}"
    ));
}
