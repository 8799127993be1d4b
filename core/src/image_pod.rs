//! Pods that a container runtime restores from a checkpoint image, which stands where their own image would stand.
//!
//! Guarantees: the container starts from nothing but the checkpoint image, and once: kubelet never restarts it, so that it
//! is never set back to the checkpoint. Whoever counts the pod (a ReplicaSet) starts another from its template when it
//! ends. What its own template says is kept in an annotation: [`give_back`] undoes [`await_image`], so that the next move
//! copies the pod as its template has it.

use k8s_openapi::api::core::v1::{Container, ContainerRestartRule, LocalObjectReference, Pod};
use serde::{Deserialize, Serialize};

use crate::api::ImageOrigin;
use crate::names;

/// What the template says where a checkpoint image took over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct OwnFields {
    container: String,
    image: Option<String>,
    image_pull_policy: Option<String>,
    restart_policy: Option<String>,
    /// Of the container itself, which may restart although its pod does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    container_restart_policy: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    container_restart_rules: Option<Vec<ContainerRestartRule>>,
    /// The pull secret that was added.
    pull_secret: Option<String>,
    /// The image below the checkpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    origin: Option<ImageOrigin>,
}

/// A checkpoint image that is going to be there.
#[derive(Clone, Copy, Debug)]
pub struct Awaited<'a> {
    /// Container that is restored from it.
    pub container: &'a str,
    /// A name that no image has.
    pub image: &'a str,
    /// How kubelet pulls from its repository.
    pub secret: Option<&'a str>,
    /// The image below it.
    pub origin: Option<&'a ImageOrigin>,
}

/// Lets a container of a copy wait for its checkpoint image. Its runtime class is the node's ordinary one, which knows
/// checkpoint images. Done twice, it is done once: what it wrote before is given back first, and never kept as the template's own.
pub fn await_image(pod: &mut Pod, awaited: &Awaited<'_>) {
    give_back(pod);
    let Awaited {
        container,
        image,
        secret,
        origin,
    } = *awaited;
    let spec = pod.spec.get_or_insert_default();
    spec.runtime_class_name = None;
    let restart_policy = spec.restart_policy.replace("Never".to_owned());
    let pull_secret = secret.filter(|name| {
        let secrets = spec.image_pull_secrets.get_or_insert_default();
        let added = !secrets.iter().any(|one| one.name == *name);
        if added {
            secrets.push(LocalObjectReference {
                name: (*name).to_owned(),
            });
        }
        added
    });
    let Some(moved) = named(&mut spec.containers, container) else {
        return;
    };
    let own = OwnFields {
        container: container.to_owned(),
        image: moved.image.replace(image.to_owned()),
        image_pull_policy: moved.image_pull_policy.replace("Always".to_owned()),
        restart_policy,
        container_restart_policy: moved.restart_policy.take(),
        container_restart_rules: moved.restart_policy_rules.take(),
        pull_secret: pull_secret.map(str::to_owned),
        origin: origin.cloned(),
    };
    if let Ok(json) = serde_json::to_string(&own) {
        let annotations = pod.metadata.annotations.get_or_insert_default();
        annotations.insert(names::OWN_FIELDS.to_owned(), json);
    }
}

/// The image below the checkpoint from which `container` was restored; nothing if it was not.
pub(crate) fn origin(pod: &Pod, container: &str) -> Option<ImageOrigin> {
    let json = pod.metadata.annotations.as_ref()?.get(names::OWN_FIELDS)?;
    let own: OwnFields = serde_json::from_str(json).ok()?;
    own.origin.filter(|_| own.container == container)
}

/// Makes the fields again what the pod's template says. A pod that was never restored from an image stays as it is.
pub fn give_back(pod: &mut Pod) {
    let annotations = pod.metadata.annotations.as_mut();
    let Some(json) = annotations.and_then(|annotations| annotations.remove(names::OWN_FIELDS)) else {
        return;
    };
    let (Ok(own), Some(spec)) = (serde_json::from_str::<OwnFields>(&json), pod.spec.as_mut()) else {
        return;
    };
    spec.restart_policy = own.restart_policy;
    if let (Some(added), Some(secrets)) = (own.pull_secret, spec.image_pull_secrets.as_mut()) {
        secrets.retain(|secret| secret.name != added);
    }
    if spec.image_pull_secrets.as_ref().is_some_and(Vec::is_empty) {
        spec.image_pull_secrets = None;
    }
    if let Some(moved) = named(&mut spec.containers, &own.container) {
        moved.image = own.image;
        moved.image_pull_policy = own.image_pull_policy;
        moved.restart_policy = own.container_restart_policy;
        moved.restart_policy_rules = own.container_restart_rules;
    }
}

fn named<'a>(containers: &'a mut [Container], name: &str) -> Option<&'a mut Container> {
    containers.iter_mut().find(|container| container.name == name)
}
