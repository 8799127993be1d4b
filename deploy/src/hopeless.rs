//! Finds out early that an installation cannot become ready, and says why in kubelet's own words.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use k8s_openapi::api::apps::v1::{DaemonSet, Deployment};
use k8s_openapi::api::core::v1::{ContainerStatus, Pod, PodSpec};
use kube::api::ListParams;
use kube::{Api, Client, ResourceExt};
use shadow_core::names::SYSTEM_NAMESPACE;

use crate::cluster::ClusterError;

const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// A runtime that restarts (our own agent makes it do so once) fails what it was asked for at that moment; kubelet asks
/// again within this time.
const PATIENCE: Duration = Duration::from_secs(25);
/// Kubelet tries each of these again for ever, but when it fails once more, somebody has to change something.
const HOPELESS: [&str; 6] = [
    "ErrImagePull",
    "ImagePullBackOff",
    "InvalidImageName",
    "CreateContainerConfigError",
    "RunContainerError",
    "CrashLoopBackOff",
];

/// A container, by the UID of its pod and its name, and why it does not start.
type Found = ((String, String), ClusterError);

/// Returns when a container of ours has waited long for something that does not come by itself.
pub(crate) async fn watch(client: &Client) -> ClusterError {
    let mut since = Since::default();
    loop {
        // What cannot be read now is read the next time; the wait beside this one has a deadline and says so.
        if let Ok(found) = look(client).await
            && let Some(error) = since.long(found, Instant::now())
        {
            return error;
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

/// Since when containers do not start.
#[derive(Default)]
struct Since(BTreeMap<(String, String), Instant>);

impl Since {
    /// One that has not started for long; those that do meanwhile are forgotten.
    fn long(&mut self, found: Vec<Found>, now: Instant) -> Option<ClusterError> {
        self.0
            .retain(|container, _| found.iter().any(|(key, _)| key == container));
        found.into_iter().find_map(|(container, error)| {
            let since = *self.0.entry(container).or_insert(now);
            (now.duration_since(since) >= PATIENCE).then_some(error)
        })
    }
}

async fn look(client: &Client) -> Result<Vec<Found>, kube::Error> {
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
    Ok(pods.iter().flat_map(|pod| hopeless(pod, &wanted)).collect())
}

fn images(spec: &PodSpec) -> Vec<String> {
    let init = spec.init_containers.iter().flatten();
    init.chain(&spec.containers)
        .filter_map(|container| container.image.clone())
        .collect()
}

/// A pod of an earlier installation is on its way out, whatever ails it.
fn hopeless(pod: &Pod, wanted: &BTreeSet<String>) -> Vec<Found> {
    let ours = pod
        .spec
        .as_ref()
        .is_some_and(|spec| images(spec).iter().all(|image| wanted.contains(image)));
    if !ours || pod.metadata.deletion_timestamp.is_some() {
        return Vec::new();
    }
    let Some(status) = &pod.status else {
        return Vec::new();
    };
    let init = status.init_container_statuses.iter().flatten();
    init.chain(status.container_statuses.iter().flatten())
        .filter_map(|container| reason(pod, container))
        .collect()
}

fn reason(pod: &Pod, container: &ContainerStatus) -> Option<Found> {
    let waiting = container.state.as_ref()?.waiting.as_ref()?;
    let reason = waiting.reason.as_deref()?;
    let error = || ClusterError::CannotStart {
        pod: pod.name_any(),
        container: container.name.clone(),
        reason: reason.to_owned(),
        message: waiting.message.clone().unwrap_or_default(),
    };
    let key = || (pod.uid().unwrap_or_default(), container.name.clone());
    HOPELESS.contains(&reason).then(|| (key(), error()))
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
        assert!(hopeless(&pod("ImagePullBackOff"), &wanted("registry/agent:3")).is_empty());
    }

    #[test]
    fn an_image_that_is_not_there_is_named_with_the_way_out() {
        let found = hopeless(&pod("ImagePullBackOff"), &wanted("registry/agent:2"));
        let said = found[0].1.to_string();
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
        assert!(hopeless(&pod("ContainerCreating"), &wanted("registry/agent:2")).is_empty());
    }

    #[test]
    fn a_hiccup_is_waited_for_and_nothing_longer() {
        let ails = || hopeless(&pod("RunContainerError"), &wanted("registry/agent:2"));
        let (mut since, start) = (Since::default(), Instant::now());
        assert!(since.long(ails(), start).is_none());
        assert!(since.long(ails(), start + PATIENCE / 2).is_none());
        assert!(since.long(Vec::new(), start + PATIENCE / 2).is_none(), "it runs");
        assert!(
            since.long(ails(), start + PATIENCE).is_none(),
            "it has only just begun"
        );
        assert!(since.long(ails(), start + PATIENCE * 2).is_some());
    }

    #[test]
    fn a_pod_that_goes_is_not_waited_for() {
        let mut old = pod("ImagePullBackOff");
        old.metadata.deletion_timestamp = serde_json::from_value(json!("2026-01-01T00:00:00Z")).unwrap();
        assert!(hopeless(&old, &wanted("registry/agent:2")).is_empty());
    }
}
