//! Waits until an installation works. Guarantee: there is a deadline, and past it the part that is missing is
//! named.

use std::time::Duration;

use k8s_openapi::api::apps::v1::{DaemonSet, Deployment};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{DynamicObject, PostParams};
use kube::core::Status;
use kube::runtime::wait::{Condition, await_condition, conditions};
use kube::{Api, Client, CustomResourceExt};
use serde_json::json;
use shadow_core::api::StatefulMigration;
use shadow_core::names::SYSTEM_NAMESPACE;

use crate::cluster::ClusterError;
use crate::crd;
use crate::{hopeless, published};

/// Waits until the custom resource is served, the Deployments are available, every node has its agent and is a target, and
/// the webhook answers: from then on `kubectl shadow migrate` works.
pub async fn wait_ready(
    client: &Client,
    within: Duration,
    told: impl FnMut(&str),
) -> Result<(), ClusterError> {
    tokio::select! {
        ready = all_ready(client, within, told) => ready,
        error = hopeless::watch(client) => Err(error),
    }
}

async fn all_ready(
    client: &Client,
    within: Duration,
    mut told: impl FnMut(&str),
) -> Result<(), ClusterError> {
    let until = tokio::time::Instant::now() + within;
    let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
    let deployments: Api<Deployment> = Api::namespaced(client.clone(), SYSTEM_NAMESPACE);
    let daemons: Api<DaemonSet> = Api::namespaced(client.clone(), SYSTEM_NAMESPACE);
    for definition in crd::ALL {
        let (api, name) = (definitions.clone(), (definition.name)());
        wait(api, name, conditions::is_crd_established(), until, within).await?;
    }
    for name in ["shadow-controller", "shadow-webhook"] {
        wait(deployments.clone(), name, rolled_out(), until, within).await?;
        told(&format!("Deployment {name}"));
    }
    wait(daemons, "shadow-agent", on_every_node(), until, within).await?;
    told("DaemonSet shadow-agent");
    published::wait(client, until, within).await?;
    told("nodes");
    webhook_answers(client, until, within).await?;
    told("admission webhook");
    Ok(())
}

async fn wait<K>(
    api: Api<K>,
    name: &str,
    condition: impl Condition<K>,
    until: tokio::time::Instant,
    within: Duration,
) -> Result<(), ClusterError>
where
    K: Clone + std::fmt::Debug + Send + serde::de::DeserializeOwned + kube::Resource + 'static,
{
    match tokio::time::timeout_at(until, await_condition(api, name, condition)).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(source)) => Err(ClusterError::Watch {
            object: name.to_owned(),
            source,
        }),
        Err(_) => Err(ClusterError::NotReady {
            object: name.to_owned(),
            seconds: within.as_secs(),
        }),
    }
}

fn rolled_out() -> impl Condition<Deployment> {
    |object: Option<&Deployment>| {
        object.is_some_and(|deployment| {
            let wanted = deployment
                .spec
                .as_ref()
                .and_then(|spec| spec.replicas)
                .unwrap_or(1);
            deployment.status.as_ref().is_some_and(|status| {
                status.observed_generation == deployment.metadata.generation
                    && status.updated_replicas.unwrap_or(0) == wanted
                    && status.available_replicas.unwrap_or(0) == wanted
                    && status.replicas.unwrap_or(0) == wanted
            })
        })
    }
}

fn on_every_node() -> impl Condition<DaemonSet> {
    |object: Option<&DaemonSet>| {
        object.is_some_and(|daemon| {
            daemon.status.as_ref().is_some_and(|status| {
                status.observed_generation == daemon.metadata.generation
                    && status.desired_number_scheduled > 0
                    && status.updated_number_scheduled.unwrap_or(0) == status.desired_number_scheduled
                    && status.number_available.unwrap_or(0) == status.desired_number_scheduled
            })
        })
    }
}

/// A dry-run migration of a pod that does not exist: refused by our webhook when it works, by the API server
/// when it cannot be reached.
async fn webhook_answers(
    client: &Client,
    until: tokio::time::Instant,
    within: Duration,
) -> Result<(), ClusterError> {
    let api: Api<DynamicObject> = Api::namespaced_with(
        client.clone(),
        SYSTEM_NAMESPACE,
        &StatefulMigration::api_resource(),
    );
    let probe: DynamicObject = serde_json::from_value(json!({
        "apiVersion": "migration.ms2m.io/v1alpha1",
        "kind": "StatefulMigration",
        "metadata": {"name": "is-the-webhook-there"},
        "spec": {"sourcePod": "is-the-webhook-there", "targetNode": "nowhere"},
    }))?;
    let params = PostParams {
        dry_run: true,
        field_manager: None,
    };
    loop {
        let answer = api.create(&params, &probe).await;
        match answer {
            Ok(_) => return Ok(()),
            Err(kube::Error::Api(status)) if !is_unreachable_webhook(&status) => return Ok(()),
            Err(kube::Error::Api(_)) if tokio::time::Instant::now() < until => {
                tokio::time::sleep(Duration::from_millis(300)).await;
            }
            Err(kube::Error::Api(_)) => {
                return Err(ClusterError::NotReady {
                    object: "admission webhook".to_owned(),
                    seconds: within.as_secs(),
                });
            }
            Err(source) => {
                return Err(ClusterError::Api {
                    doing: "create (dry run)",
                    object: "StatefulMigration".to_owned(),
                    source,
                });
            }
        }
    }
}

/// How an API server says that a webhook did not answer.
fn is_unreachable_webhook(status: &Status) -> bool {
    status.code >= 500 || status.message.contains("failed calling webhook")
}
