//! How the copy is restored: by the runtime handler `shadow` of its node, or, where there is none, by the container
//! runtime itself, from a checkpoint image. Pure.

use k8s_openapi::api::core::v1::Node;

use crate::api::{RestoreBackend, StatefulMigrationSpec};
use crate::compat;
use crate::wire::Cgroups;

/// What is used, and why if nobody asked for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chosen {
    /// Back-end.
    pub backend: RestoreBackend,
    /// Why this one; absent if it was asked for or is the ordinary one.
    pub because: Option<String>,
}

/// How a node gets the handler.
pub(crate) const INSTALL: &str = "install it with kubectl shadow install (without --no-runtime-handler)";

/// Chooses for a move to `target`. The error says what is in the way, and the way out.
pub fn choose(spec: &StatefulMigrationSpec, target: &Node) -> Result<Chosen, String> {
    let name = target.metadata.name.as_deref().unwrap_or_default();
    let none = format!("the container runtime of node {name:?} has no runtime handler shadow");
    let asked = |backend| Chosen {
        backend,
        because: None,
    };
    match spec.restore_backend {
        Some(RestoreBackend::Image) => match unable(target) {
            None => Ok(asked(RestoreBackend::Image)),
            Some(why) => Err(format!("{why}. Leave restoreBackend out, or use RuntimeClass")),
        },
        Some(RestoreBackend::RuntimeClass) if has_handler(target) => Ok(asked(RestoreBackend::RuntimeClass)),
        Some(RestoreBackend::RuntimeClass) => {
            Err(format!("{none}. Either {INSTALL}, or leave restoreBackend out"))
        }
        None if has_handler(target) => Ok(asked(RestoreBackend::RuntimeClass)),
        None => match (unable(target), &spec.checkpoint_image_repository) {
            (Some(why), _) => Err(format!("{none}, and {why}. To use this node, {INSTALL}")),
            (None, None) => Err(format!(
                "{none}. Either {INSTALL}, or name a registry in spec.checkpointImageRepository, so that the runtime \
                 restores from checkpoint images"
            )),
            (None, Some(_)) => Ok(Chosen {
                backend: RestoreBackend::Image,
                because: Some(format!("{none}, but it restores checkpoint images")),
            }),
        },
    }
}

/// Whether the node's agent says that the handler is there. One whose facts are not known is refused for that.
fn has_handler(node: &Node) -> bool {
    compat::facts_of(node).map_or(true, |facts| facts.handler)
}

/// Why the container runtime of this node restores no checkpoint image.
fn unable(node: &Node) -> Option<String> {
    let info = node.status.as_ref().and_then(|status| status.node_info.as_ref());
    let runtime = info.map_or("", |info| info.container_runtime_version.as_str());
    let name = node.metadata.name.as_deref().unwrap_or_default();
    let facts = compat::facts_of(node).ok();
    if facts.is_some_and(|facts| facts.cgroups == Some(Cgroups::V2)) {
        return Some(format!(
            "node {name:?} has cgroup v2, on which the container runtime restores a checkpoint image into the cgroup namespace of the \
             node: the copy would see the cgroups of all pods, and not its own limits"
        ));
    }
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
        [2, 1, 9..=u32::MAX] | [2, 2, 5..=6] | [2, 3, 2..=3] => None,
        [2, 1, _] | [2, 2, 0..=4] | [2, 3, 0..=1] => Some(format!(
            "containerd {version} of node {name:?} restores checkpoint images, but by such an image a user with the right \
             to create a pod can take over the node (CVE-2026-53492, CVE-2026-50195); update it to 2.1.9, 2.2.5 or 2.3.2"
        )),
        [2, 2 | 3, _] => Some(format!(
            "containerd {version} of node {name:?} restores an image only if enable_experimental_restore_via_create is \
             set, and the controller cannot see whether it is"
        )),
        _ => Some(format!(
            "containerd {version} of node {name:?} restores no checkpoint image; 2.1.9, 2.2.5 and 2.3.2 do"
        )),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::names;

    fn node(runtime: &str, handler: bool) -> Node {
        let facts = json!({"agent": "0.1.0", "architecture": "x86_64", "kernel": "6.18.5", "criu": "4.2.1",
            "runtime": "runc 1.3.6", "cpuFeatures": "ab", "handler": handler});
        let node = json!({
            "metadata": {"name": "n", "annotations": {names::NODE_FACTS: facts.to_string()}},
            "status": {"nodeInfo": {
                "architecture": "", "bootID": "", "containerRuntimeVersion": runtime, "kernelVersion": "",
                "kubeProxyVersion": "", "kubeletVersion": "", "machineID": "", "operatingSystem": "", "osImage": "",
                "systemUUID": ""}}});
        serde_json::from_value(node).unwrap()
    }

    fn spec(asked: Option<RestoreBackend>, repository: bool) -> StatefulMigrationSpec {
        StatefulMigrationSpec {
            restore_backend: asked,
            checkpoint_image_repository: repository.then(|| "r.example.org/checkpoints".to_owned()),
            ..StatefulMigrationSpec::default()
        }
    }

    #[test]
    fn runtimes_that_restore_images_are_known_by_their_version() {
        let answer = |runtime: &str| unable(&node(runtime, true));
        for able in ["2.1.9", "2.1.9+ds1", "2.1.10", "2.2.5", "2.2.6", "2.3.2", "2.3.3"] {
            assert_eq!(answer(&format!("containerd://{able}")), None, "{able}");
        }
        for (unable, why) in [
            ("containerd://2.1.0", "update it to 2.1.9"),
            ("containerd://2.1.8", "CVE-2026-53492"),
            ("containerd://2.2.4", "CVE-2026-50195"),
            ("containerd://2.3.1", "take over"),
            ("containerd://2.3.0-rc.1", "take over"),
            ("containerd://2.2.7", "enable_experimental"),
            ("containerd://2.3.4", "enable_experimental"),
            ("containerd://2.4.0", "restores no checkpoint image"),
            ("containerd://2.0.5", "restores no checkpoint image"),
            ("containerd://1.7.24", "restores no checkpoint image"),
            ("containerd://", "restores no checkpoint image"),
            ("cri-o://1.33.0", "only containerd"),
            ("", "only containerd"),
        ] {
            let said = answer(unable).unwrap();
            assert!(said.contains(why), "{unable}: {said}");
        }
    }

    #[test]
    fn on_cgroup_v2_only_the_handler_restores() {
        use RestoreBackend::{Image, RuntimeClass};
        let on = |handler: bool, cgroups: &str| {
            let mut node = node("containerd://2.1.9", handler);
            let annotations = node.metadata.annotations.get_or_insert_default();
            let text = annotations.get_mut(names::NODE_FACTS).unwrap();
            let mut facts: serde_json::Value = serde_json::from_str(text).unwrap();
            facts["cgroups"] = json!(cgroups);
            *text = facts.to_string();
            node
        };
        for (asked, handler) in [(Some(Image), true), (Some(Image), false), (None, false)] {
            let said = choose(&spec(asked, true), &on(handler, "v2")).unwrap_err();
            assert!(
                said.contains("cgroup v2") && said.contains("not its own limits"),
                "{said}"
            );
            assert_eq!(
                choose(&spec(asked, true), &on(handler, "v1")).unwrap().backend,
                Image
            );
        }
        assert_eq!(
            choose(&spec(None, true), &on(true, "v2")).unwrap().backend,
            RuntimeClass
        );
    }

    #[test]
    fn an_image_is_restored_when_asked_for_or_when_nothing_else_can_be() {
        use RestoreBackend::{Image, RuntimeClass};
        let (able, old) = ("containerd://2.1.9", "containerd://1.7.24");
        let cases = [
            (None, true, able, true, Ok(RuntimeClass)),
            (None, true, old, false, Ok(RuntimeClass)),
            (None, false, able, true, Ok(Image)),
            (None, false, able, false, Err("checkpointImageRepository")),
            (None, false, old, true, Err("restores no checkpoint image")),
            (Some(Image), true, able, true, Ok(Image)),
            (Some(Image), true, old, true, Err("restores no checkpoint image")),
            (Some(RuntimeClass), true, able, true, Ok(RuntimeClass)),
            (Some(RuntimeClass), false, able, true, Err("no runtime handler")),
        ];
        for (asked, handler, runtime, repository, wanted) in cases {
            let chosen = choose(&spec(asked, repository), &node(runtime, handler));
            let case =
                format!("{asked:?}, handler {handler}, {runtime}, repository {repository}: {chosen:?}");
            match wanted {
                Ok(backend) => {
                    let chosen = chosen.unwrap();
                    assert_eq!(chosen.backend, backend, "{case}");
                    let told = asked.is_none() && backend == Image;
                    assert_eq!(chosen.because.is_some(), told, "{case}");
                }
                Err(part) => assert!(chosen.unwrap_err().contains(part), "{case}"),
            }
        }
    }
}
