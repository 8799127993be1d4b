//! One look at a pod.

use k8s_openapi::api::core::v1::{ContainerState, ContainerStatus, Pod, PodStatus};
use kube::{Api, ResourceExt};
use shadow_core::criu_words;
use shadow_core::machine::{Exit, PodSeen, PodView};
use shadow_core::names;
use shadow_core::workload::{controller_of, revision_of};

use crate::context::Context;
use crate::error::ControllerError;

/// Lines of what a process wrote last that are worth telling.
const WORDS: usize = 5;

/// Reads the pod, and whether kubelet has begun to stop it.
pub(super) async fn look(
    ctx: &Context,
    namespace: &str,
    name: &str,
    container: &str,
    needed: bool,
) -> Result<PodSeen, ControllerError> {
    if !needed {
        return Ok(PodSeen::Unseen);
    }
    let api: Api<Pod> = Api::namespaced(ctx.client.clone(), namespace);
    let Some(pod) = api.get_opt(name).await? else {
        return Ok(PodSeen::Gone);
    };
    let mut view = view(&pod, container);
    if view.terminating && !view.settled {
        view.settled = ctx.stopping.has_begun(&view.uid)?;
    }
    Ok(PodSeen::Present(view))
}

/// What the API object says.
pub(crate) fn view(pod: &Pod, container: &str) -> PodView {
    let status = pod.status.clone().unwrap_or_default();
    let ours = container_status(&status, container);
    let never_restarts = pod
        .spec
        .as_ref()
        .and_then(|s| s.restart_policy.as_deref())
        .is_some_and(|policy| policy == "Never");
    let exited = ours.is_some_and(|c| c.state.as_ref().is_some_and(|s| s.terminated.is_some()));
    let over = matches!(status.phase.as_deref(), Some("Failed" | "Succeeded"));
    PodView {
        uid: pod.uid().unwrap_or_default(),
        node: pod.spec.as_ref().and_then(|s| s.node_name.clone()),
        key: pod.annotations().get(names::RESTORE_KEY).cloned(),
        ready: condition(&status, "Ready").is_some_and(|c| c == "True"),
        sandboxed: condition(&status, "PodReadyToStartContainers").is_some_and(|c| c == "True"),
        terminating: pod.metadata.deletion_timestamp.is_some(),
        settled: never_restarts,
        ended: over || (exited && (never_restarts || pod.metadata.deletion_timestamp.is_some())),
        alone: is_alone(pod),
        claims: has_claims(pod),
        owner: controller_of(pod).map(|owner| owner.uid.clone()),
        revision: revision_of(pod),
        hashed: pod.labels().keys().any(|label| names::is_template_hash(label)),
        restarts: ours.map_or(0, |c| if never_restarts { 0 } else { c.restart_count }),
        reran: ours.is_some_and(|c| {
            c.last_state
                .as_ref()
                .is_some_and(|last| last.terminated.is_some())
        }),
        unschedulable: condition(&status, "PodScheduled").is_some_and(|c| c == "False"),
        exit: exit(pod, &status, ours).map(Box::new),
        criu_failed: criu_failed(ours),
        image_missing: image_missing(ours),
        image_id: ours.map(|c| c.image_id.clone()).filter(|id| !id.is_empty()),
        trouble: trouble(&status, ours),
    }
}

/// Init containers with a restart policy are sidecars: they run as long as the others.
fn is_alone(pod: &Pod) -> bool {
    let Some(spec) = &pod.spec else { return false };
    let sidecars = spec
        .init_containers
        .iter()
        .flatten()
        .any(|c| c.restart_policy.is_some());
    let debuggers = spec.ephemeral_containers.iter().flatten().next().is_some();
    spec.containers.len() == 1 && !sidecars && !debuggers
}

fn has_claims(pod: &Pod) -> bool {
    let mut volumes = pod.spec.iter().flat_map(|spec| spec.volumes.iter().flatten());
    volumes.any(|volume| volume.persistent_volume_claim.is_some())
}

fn container_status<'a>(status: &'a PodStatus, name: &str) -> Option<&'a ContainerStatus> {
    status
        .container_statuses
        .as_ref()?
        .iter()
        .find(|c| c.name == name)
}

fn condition<'a>(status: &'a PodStatus, kind: &str) -> Option<&'a str> {
    status
        .conditions
        .as_ref()?
        .iter()
        .find(|c| c.type_ == kind)
        .map(|c| c.status.as_str())
}

/// The end of its process, unless others have ended it: a deletion, an eviction, or a runtime that could not start it.
fn exit(pod: &Pod, status: &PodStatus, ours: Option<&ContainerStatus>) -> Option<Exit> {
    let sent_away = pod.metadata.deletion_timestamp.is_some()
        || condition(status, "DisruptionTarget").is_some_and(|c| c == "True")
        || status.reason.is_some();
    let ended = |state: &Option<ContainerState>| state.as_ref()?.terminated.clone();
    // One that kubelet starts anew ended all the same.
    let ended = ours.and_then(|c| ended(&c.state).or_else(|| ended(&c.last_state)));
    let ended = ended.filter(|_| !sent_away)?;
    let out_of_memory = match ended.reason.as_deref() {
        Some("Error" | "Completed") => false,
        Some("OOMKilled") => true,
        Some(_) | None => return None,
    };
    Some(Exit {
        code: ended.exit_code,
        out_of_memory,
        words: ended
            .message
            .clone()
            .map(|said| last_words(&said))
            .filter(|said| !said.is_empty()),
    })
}

/// The last lines of what it wrote, as one line.
fn last_words(said: &str) -> String {
    let lines: Vec<&str> = said
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    lines[lines.len().saturating_sub(WORDS)..].join(" / ")
}

/// Kubelet's reasons for a container whose image it cannot get.
const NO_IMAGE: [&str; 4] = [
    "ErrImagePull",
    "ImagePullBackOff",
    "InvalidImageName",
    "ErrImageNeverPull",
];

fn image_missing(ours: Option<&ContainerStatus>) -> bool {
    let waiting = ours.and_then(|c| c.state.as_ref()?.waiting.as_ref()?.reason.as_deref());
    waiting.is_some_and(|reason| NO_IMAGE.contains(&reason))
}

/// Containerd has no other way to say so than its message.
fn criu_failed(ours: Option<&ContainerStatus>) -> bool {
    let ended = ours.and_then(|c| c.state.as_ref()?.terminated.as_ref());
    ended.is_some_and(|t| t.message.as_deref().is_some_and(criu_words::is_of_criu))
}

fn trouble(status: &PodStatus, ours: Option<&ContainerStatus>) -> Option<String> {
    let disrupted = status
        .conditions
        .iter()
        .flatten()
        .find(|c| c.type_ == "DisruptionTarget" && c.status == "True")
        .map(|c| {
            format!(
                "it is evicted ({}: {})",
                c.reason.clone().unwrap_or_default(),
                c.message.clone().unwrap_or_default()
            )
        });
    let unscheduled = status
        .conditions
        .iter()
        .flatten()
        .find(|c| c.type_ == "PodScheduled" && c.status == "False")
        .and_then(|c| c.message.clone());
    let waiting = ours
        .and_then(|c| c.state.as_ref()?.waiting.as_ref())
        .filter(|w| w.reason.as_deref() != Some("ContainerCreating"))
        .map(|w| {
            format!(
                "{} {}",
                w.reason.clone().unwrap_or_default(),
                w.message.clone().unwrap_or_default()
            )
        });
    // A runtime that could not start or restore it says why here.
    let ended = ours
        .and_then(|c| c.state.as_ref()?.terminated.as_ref())
        .filter(|t| t.message.is_some())
        .map(|t| {
            format!(
                "{} {}",
                t.reason.clone().unwrap_or_default(),
                t.message.clone().unwrap_or_default()
            )
        });
    let failed = status.message.clone().or_else(|| status.reason.clone());
    disrupted.or(unscheduled).or(waiting).or(ended).or(failed)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn seen(policy: &str, last_state: serde_json::Value) -> PodView {
        let pod = json!({
            "metadata": {"uid": "u"},
            "spec": {"restartPolicy": policy, "containers": [{"name": "orders"}]},
            "status": {"phase": "Running", "containerStatuses": [{
                "name": "orders", "image": "", "imageID": "", "ready": true, "restartCount": 1,
                "state": {"running": {}}, "lastState": last_state,
            }]},
        });
        view(&serde_json::from_value(pod).unwrap(), "orders")
    }

    /// As kubelet told it after it had been killed between the creation of the container and its start.
    #[test]
    fn a_container_that_was_created_twice_and_ran_once_was_not_restarted() {
        let stand_in = seen("Never", json!({}));
        assert_eq!(
            (stand_in.restarts, stand_in.reran, stand_in.ended),
            (0, false, false)
        );
        let copy = seen("Always", json!({}));
        assert_eq!((copy.restarts, copy.reran), (1, false));
    }

    #[test]
    fn a_process_that_ended_by_itself_is_told_from_one_that_was_ended() {
        let ended = |status: serde_json::Value, reason: &str| {
            let mut pod = json!({
                "metadata": {"uid": "u"},
                "spec": {"restartPolicy": "Never", "containers": [{"name": "orders"}]},
                "status": {"phase": "Failed", "containerStatuses": [{
                    "name": "orders", "image": "", "imageID": "", "ready": false, "restartCount": 0,
                    "state": {"terminated": {"exitCode": 1, "reason": reason,
                        "message": "1\n2\n3\n4\n5\npika.exceptions.StreamLostError: Stream connection lost\n\n"}},
                }]},
            });
            pod["status"]
                .as_object_mut()
                .unwrap()
                .extend(status.as_object().unwrap().clone());
            view(&serde_json::from_value(pod).unwrap(), "orders").exit
        };
        let itself = ended(json!({}), "Error").unwrap();
        assert_eq!((itself.code, itself.out_of_memory), (1, false));
        let words = itself.words.unwrap();
        assert!(
            words.starts_with("2 / 3") && words.ends_with("connection lost"),
            "{words}"
        );
        assert!(ended(json!({}), "OOMKilled").unwrap().out_of_memory);
        let crashed = seen(
            "Always",
            json!({"terminated": {"exitCode": 3, "reason": "Error"}}),
        );
        assert_eq!(crashed.exit.unwrap().code, 3);
        assert_eq!(ended(json!({}), "StartError"), None);
        assert_eq!(ended(json!({"reason": "Evicted"}), "Error"), None);
    }

    #[test]
    fn a_restore_by_image_that_criu_failed_is_known_by_what_containerd_says() {
        let ended = |message: &str| {
            let state = json!({"name": "orders", "image": "", "imageID": "", "ready": false, "restartCount": 0,
                "state": {"terminated": {"exitCode": 128, "reason": "StartError", "message": message}}});
            criu_failed(Some(&serde_json::from_value(state).unwrap()))
        };
        assert!(ended(
            "OCI runtime restore failed: criu failed: type RESTORE errno 0"
        ));
        assert!(!ended("exec: \"orders\": executable file not found in $PATH"));
        assert!(!criu_failed(None));
    }

    #[test]
    fn an_image_that_kubelet_cannot_get_is_known_by_its_reason() {
        let waits = |reason: &str| {
            let state = json!({"name": "orders", "image": "", "imageID": "", "ready": false, "restartCount": 0,
                "state": {"waiting": {"reason": reason}}});
            image_missing(Some(&serde_json::from_value(state).unwrap()))
        };
        assert!(waits("ErrImagePull") && waits("ImagePullBackOff"));
        assert!(!waits("ContainerCreating") && !image_missing(None));
    }

    #[test]
    fn a_container_that_ran_before_was_restarted() {
        let crashed = seen("Always", json!({"terminated": {"exitCode": 1}}));
        assert_eq!((crashed.restarts, crashed.reran), (1, true));
    }
}
