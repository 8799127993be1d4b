//! Restores by image (`restoreBackend: Image`): whether the target's runtime does such a thing, and whether the pod can live
//! with what it means. The pod keeps the checkpoint image in its spec and is never restarted, so somebody else has to
//! start what comes after it: a ReplicaSet, or nobody.

use k8s_openapi::api::core::v1::{Node, Pod};

use super::{Facts, Report};
use crate::api::{MigrationStrategy, OwnerKind, RestoreBackend, StatefulMigrationSpec};
use crate::strategy;

const FIELD: &str = "spec.restoreBackend";
const WAY_OUT: &str = "leave restoreBackend out or use RuntimeClass";

pub(super) fn check(spec: &StatefulMigrationSpec, facts: &Facts, report: &mut Report) {
    match spec.restore_backend {
        Some(RestoreBackend::Image) => {}
        Some(RestoreBackend::RuntimeClass) | None => return,
    }
    if spec.keep_checkpoint_image == Some(true) {
        report.refuse(
            "spec.keepCheckpointImage",
            "restoreBackend Image deletes the image when the copy runs, so that the copy is never set back to it; leave \
             keepCheckpointImage out",
        );
    }
    let named = |node: &&Node| node.metadata.name == spec.target_node;
    if let Some(why) = facts.nodes.iter().find(named).and_then(unable) {
        report.refuse(FIELD, format!("{why}; {WAY_OUT}"));
    }
    if let Some(pod) = &facts.pod {
        shape(spec, pod, facts, report);
    }
}

fn shape(spec: &StatefulMigrationSpec, pod: &Pod, facts: &Facts, report: &mut Report) {
    let sequential = strategy::choose(spec.migration_strategy, pod, &facts.claims)
        .is_ok_and(|choice| choice.strategy == MigrationStrategy::Sequential);
    let owner = facts.owner.as_ref().map(|owner| owner.kind);
    if sequential || owner == Some(OwnerKind::StatefulSet) {
        report.refuse(
            FIELD,
            format!(
                "Image moves pods of Deployments and pods that nobody owns, but not the pod that a StatefulSet re-creates under \
                 its old name; {WAY_OUT}"
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
                "Image needs a pod of one container: the copy never restarts, and with another container that runs on nobody would \
                 notice that the moved one has ended; {WAY_OUT}"
            ),
        );
    }
    let afterwards = match owner {
        Some(OwnerKind::ReplicaSet) => "its ReplicaSet then starts another from its template",
        Some(OwnerKind::StatefulSet) => return,
        None => "nobody starts another, since nobody owns it",
    };
    report.warn(format!(
        "spec.restoreBackend Image: the pod that takes over names the checkpoint image in its spec and has restartPolicy Never, so \
         that it is never set back to the checkpoint; when its container ends, the pod has ended, and {afterwards}"
    ));
}

/// Why the container runtime of this node restores no checkpoint image.
fn unable(node: &Node) -> Option<String> {
    let info = node.status.as_ref().and_then(|status| status.node_info.as_ref());
    let runtime = info.map_or("", |info| info.container_runtime_version.as_str());
    let name = node.metadata.name.as_deref().unwrap_or_default();
    let Some(version) = runtime.strip_prefix("containerd://") else {
        return Some(format!(
            "node {name:?} runs {runtime:?}; only containerd is known to restore checkpoint images"
        ));
    };
    let numbers: Vec<u32> = version
        .split(|c: char| !c.is_ascii_digit())
        .map_while(|number| number.parse().ok())
        .take(3)
        .collect();
    match numbers.as_slice() {
        [2, 1, _] | [2, 2, 0..=6] | [2, 3, 0..=3] => None,
        [2, 2 | 3, _] => Some(format!(
            "containerd {version} of node {name:?} restores no image unless enable_experimental_restore_via_create is set, which \
             nobody can see from here"
        )),
        _ => Some(format!(
            "containerd {version} of node {name:?} restores no checkpoint image, versions 2.1 to 2.3 do"
        )),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn answer(runtime: &str) -> Option<String> {
        let node = json!({"metadata": {"name": "n"}, "status": {"nodeInfo": {
            "architecture": "", "bootID": "", "containerRuntimeVersion": runtime, "kernelVersion": "", "kubeProxyVersion": "",
            "kubeletVersion": "", "machineID": "", "operatingSystem": "", "osImage": "", "systemUUID": ""}}});
        unable(&serde_json::from_value(node).unwrap())
    }

    #[test]
    fn runtimes_that_restore_images_are_known_by_their_version() {
        for able in ["2.1.0", "2.1.9", "2.1.9+ds1", "2.2.6", "2.3.3", "2.3.0-rc.1"] {
            assert_eq!(answer(&format!("containerd://{able}")), None, "{able}");
        }
        for (unable, why) in [
            ("containerd://2.2.7", "enable_experimental"),
            ("containerd://2.3.4", "enable_experimental"),
            ("containerd://2.4.0", "2.1 to 2.3"),
            ("containerd://2.0.5", "2.1 to 2.3"),
            ("containerd://1.7.24", "2.1 to 2.3"),
            ("containerd://", "2.1 to 2.3"),
            ("cri-o://1.33.0", "only containerd"),
            ("", "only containerd"),
        ] {
            let said = answer(unable).unwrap();
            assert!(said.contains(why), "{unable}: {said}");
        }
    }
}
