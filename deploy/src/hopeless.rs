//! Finds out early that an installation cannot become ready, and says why in kubelet's own words.

use std::collections::BTreeSet;
use std::time::Duration;

use k8s_openapi::api::apps::v1::{DaemonSet, Deployment};
use k8s_openapi::api::core::v1::{ContainerStatus, Pod, PodSpec};
use kube::api::ListParams;
use kube::{Api, Client, ResourceExt};
use shadow_core::names::SYSTEM_NAMESPACE;

use crate::cluster::ClusterError;

const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// Kubelet tries each of these again for ever, but none ends without somebody changing something.
const HOPELESS: [&str; 5] = [
    "ImagePullBackOff",
    "InvalidImageName",
    "CreateContainerConfigError",
    "RunContainerError",
    "CrashLoopBackOff",
];

/// Returns as soon as a pod of ours waits for something that does not come by itself.
pub(crate) async fn watch(client: &Client) -> ClusterError {
    loop {
        // What cannot be read now is read the next time; the wait beside this one has a deadline and says so.
        if let Ok(Some(error)) = look(client).await {
            return error;
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

async fn look(client: &Client) -> Result<Option<ClusterError>, kube::Error> {
    let every = ListParams::default();
    let pods: Api<Pod> = Api::namespaced(client.clone(), SYSTEM_NAMESPACE);
    let deployments: Api<Deployment> = Api::namespaced(client.clone(), SYSTEM_NAMESPACE);
    let daemons: Api<DaemonSet> = Api::namespaced(client.clone(), SYSTEM_NAMESPACE);
    let deployments = deployments.list(&every).await?.items.into_iter();
    let daemons = daemons.list(&every).await?.items.into_iter();
    let templates = deployments
        .filter_map(|object| object.spec.map(|spec| spec.template))
        .chain(daemons.filter_map(|object| object.spec.map(|spec| spec.template)));
    let wanted: BTreeSet<String> = templates
        .filter_map(|template| template.spec)
        .flat_map(|spec| images(&spec))
        .collect();
    let pods = pods.list(&every).await?.items;
    Ok(pods.iter().find_map(|pod| hopeless(pod, &wanted)))
}

fn images(spec: &PodSpec) -> Vec<String> {
    let init = spec.init_containers.iter().flatten();
    init.chain(&spec.containers)
        .filter_map(|container| container.image.clone())
        .collect()
}

/// A pod of an earlier installation is on its way out, whatever ails it.
fn hopeless(pod: &Pod, wanted: &BTreeSet<String>) -> Option<ClusterError> {
    let ours = images(pod.spec.as_ref()?)
        .iter()
        .all(|image| wanted.contains(image));
    if !ours || pod.metadata.deletion_timestamp.is_some() {
        return None;
    }
    let status = pod.status.as_ref()?;
    let init = status.init_container_statuses.iter().flatten();
    init.chain(status.container_statuses.iter().flatten())
        .find_map(|container| reason(pod, container))
}

fn reason(pod: &Pod, container: &ContainerStatus) -> Option<ClusterError> {
    let waiting = container.state.as_ref()?.waiting.as_ref()?;
    let reason = waiting.reason.as_deref()?;
    HOPELESS.contains(&reason).then(|| ClusterError::CannotStart {
        pod: pod.name_any(),
        container: container.name.clone(),
        reason: reason.to_owned(),
        message: waiting.message.clone().unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(reason: &str) -> Pod {
        serde_json::from_value(json!({
            "metadata": {"name": "shadow-agent-x"},
            "spec": {"containers": [{"name": "agent", "image": "registry/agent:2"}]},
            "status": {"initContainerStatuses": [{
                "name": "install", "ready": false, "restartCount": 0, "image": "", "imageID": "",
                "state": {"waiting": {"reason": reason, "message": "not found"}}
            }]}
        }))
        .unwrap()
    }

    fn wanted(image: &str) -> BTreeSet<String> {
        [image.to_owned()].into()
    }

    #[test]
    fn a_pod_of_an_earlier_installation_is_not_waited_for() {
        assert!(hopeless(&pod("ImagePullBackOff"), &wanted("registry/agent:3")).is_none());
    }

    #[test]
    fn an_image_that_is_not_there_is_named_with_the_way_out() {
        let said = hopeless(&pod("ImagePullBackOff"), &wanted("registry/agent:2"))
            .unwrap()
            .to_string();
        for word in [
            "shadow-agent-x",
            "install",
            "ImagePullBackOff",
            "not found",
            "--registry",
        ] {
            assert!(said.contains(word), "{word} is missing in {said}");
        }
    }

    #[test]
    fn a_pod_that_is_only_slow_is_waited_for() {
        assert!(hopeless(&pod("ContainerCreating"), &wanted("registry/agent:2")).is_none());
        assert!(
            hopeless(&pod("ErrImagePull"), &wanted("registry/agent:2")).is_none(),
            "one failed pull may be a hiccup"
        );
    }

    #[test]
    fn a_pod_that_goes_is_not_waited_for() {
        let mut old = pod("ImagePullBackOff");
        old.metadata.deletion_timestamp = serde_json::from_value(json!("2026-01-01T00:00:00Z")).unwrap();
        assert!(hopeless(&old, &wanted("registry/agent:2")).is_none());
    }
}
