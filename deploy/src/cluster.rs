//! Applies an installation to a cluster and deletes it.
//!
//! Guarantee: applying twice changes nothing the second time (server-side apply), and deleting what is gone is
//! fine.

use kube::api::{DeleteParams, DynamicObject, Patch, PatchParams};
use kube::core::{ApiResource, GroupVersionKind};
use kube::{Api, Client, ResourceExt};
use shadow_core::names::SYSTEM_NAMESPACE;

use crate::answer::{said_briefly, said_of_wait};

/// Field manager of everything that an installation writes.
pub const FIELD_MANAGER: &str = "kubectl-shadow";

/// What went wrong, and with which object.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// The API server refused, or could not be reached.
    #[error("{doing} {object}: {}", said_briefly(source))]
    Api {
        /// What was tried.
        doing: &'static str,
        /// On what.
        object: String,
        /// The answer.
        source: kube::Error,
    },
    /// A watch broke off.
    #[error("watch {object}: {}", said_of_wait(source))]
    Watch {
        /// On what.
        object: String,
        /// The answer.
        source: kube::runtime::wait::Error,
    },
    /// Not ready in time.
    #[error(
        "{object} was not ready after {seconds} s. To see why, type: kubectl -n {SYSTEM_NAMESPACE} get pods; kubectl -n \
         {SYSTEM_NAMESPACE} get events"
    )]
    NotReady {
        /// Which object.
        object: String,
        /// How long it was waited for.
        seconds: u64,
    },
    /// A pod of ours waits for something that does not come by itself.
    #[error(
        "container {container} of pod {SYSTEM_NAMESPACE}/{pod} cannot start: {reason}: {message}. If the image is not \
         in the registry, type: kubectl shadow images push REGISTRY. If the registry wants a login, add --pull-secret. Give \
         --registry and --tag as the nodes reach them. If the container ended, type: kubectl -n \
         {SYSTEM_NAMESPACE} logs {pod} -c {container} --previous. Then type the command again"
    )]
    CannotStart {
        /// Pod.
        pod: String,
        /// Container.
        container: String,
        /// Kubelet's word.
        reason: String,
        /// Kubelet's sentence.
        message: String,
    },
    /// An object without type or name: a defect of this build.
    #[error("embedded object has no kind or name: {0}")]
    Nameless(String),
    /// An object that does not serialise: a defect of this build.
    #[error("object does not serialise: {0}")]
    Malformed(#[from] serde_json::Error),
}

/// Kind and name of an object, for people: `Deployment shadow-system/shadow-webhook`.
pub fn describe(object: &DynamicObject) -> String {
    let kind = object
        .types
        .as_ref()
        .map_or("object", |types| types.kind.as_str());
    match object.namespace() {
        Some(namespace) => format!("{kind} {namespace}/{}", object.name_any()),
        None => format!("{kind} {}", object.name_any()),
    }
}

fn api(client: &Client, object: &DynamicObject) -> Result<(Api<DynamicObject>, String), ClusterError> {
    let nameless = || ClusterError::Nameless(describe(object));
    let types = object.types.as_ref().ok_or_else(nameless)?;
    let kind = GroupVersionKind::try_from(types).map_err(|_| nameless())?;
    let resource = ApiResource::from_gvk(&kind);
    let name = object.metadata.name.clone().ok_or_else(nameless)?;
    let api = match &object.metadata.namespace {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
        None => Api::all_with(client.clone(), &resource),
    };
    Ok((api, name))
}

/// Applies the objects in order; `told` hears of each before it is applied.
pub async fn apply(
    client: &Client,
    objects: &[DynamicObject],
    told: impl FnMut(&str),
) -> Result<(), ClusterError> {
    let params = PatchParams::apply(FIELD_MANAGER).force();
    apply_with(client, objects, &params, told).await
}

/// The same without an effect: the API server says what it would say.
pub async fn try_out(client: &Client, objects: &[DynamicObject]) -> Result<(), ClusterError> {
    let params = PatchParams::apply(FIELD_MANAGER).force().dry_run();
    apply_with(client, objects, &params, |_| ()).await
}

async fn apply_with(
    client: &Client,
    objects: &[DynamicObject],
    params: &PatchParams,
    mut told: impl FnMut(&str),
) -> Result<(), ClusterError> {
    for object in objects {
        let (api, name) = api(client, object)?;
        let title = describe(object);
        told(&title);
        api.patch(&name, params, &Patch::Apply(object))
            .await
            .map_err(|source| ClusterError::Api {
                doing: "apply",
                object: title,
                source,
            })?;
    }
    Ok(())
}

/// Deletes the objects, the last one first. What is not there is passed over.
pub async fn delete(
    client: &Client,
    objects: &[DynamicObject],
    mut told: impl FnMut(&str),
) -> Result<(), ClusterError> {
    for object in objects.iter().rev() {
        let (api, name) = api(client, object)?;
        let title = describe(object);
        match api.delete(&name, &DeleteParams::background()).await {
            Ok(_) => told(&title),
            Err(kube::Error::Api(status)) if status.is_not_found() => {}
            Err(source) => {
                return Err(ClusterError::Api {
                    doing: "delete",
                    object: title,
                    source,
                });
            }
        }
    }
    Ok(())
}
