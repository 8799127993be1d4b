//! The installation: custom resources, Deployments, Lease, webhook configurations, policies, roles, and the webhook's answer.

use futures::future::try_join_all;
use jiff::Timestamp;
use k8s_openapi::api::admissionregistration::v1::{
    MutatingWebhookConfiguration, ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding,
    ValidatingWebhookConfiguration, WebhookClientConfig,
};
use k8s_openapi::api::apps::v1::{DaemonSet, Deployment};
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{Namespace, Pod};
use k8s_openapi::api::node::v1::RuntimeClass;
use k8s_openapi::api::rbac::v1::ClusterRole;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{DynamicObject, PostParams};
use kube::{Api, Client, Resource, ResourceExt};
use serde::de::DeserializeOwned;
use shadow_core::api::{Pause, StatefulMigration, StatefulMigrationSpec, pause};
use shadow_core::names::{GROUP, RUNTIME_CLASS, SYSTEM_NAMESPACE, WEBHOOK_SERVICE};
use shadow_deploy::crd;

use super::{Got, Unseen, all, got, one};
use crate::problem::Problem;

/// Names of the Deployments, and of the Lease of the first.
pub const CONTROLLER: &str = "shadow-controller";
/// See [`CONTROLLER`].
pub const WEBHOOK: &str = "shadow-webhook";
/// The DaemonSet of the agents.
pub const AGENT: &str = "shadow-agent";

/// What is known of the installation.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The clock here.
    pub now: Timestamp,
    /// Version of the API server.
    pub version: Got<String>,
    /// The namespace of our parts.
    pub namespace: Got<Option<Namespace>>,
    /// The custom resources, in the order of `shadow_deploy::crd::ALL`.
    pub kinds: Vec<Got<Option<CustomResourceDefinition>>>,
    /// Plurals of our kinds that the API server lists; every user may see these.
    pub served: Got<Vec<String>>,
    /// The controller.
    pub controller: Got<Option<Deployment>>,
    /// Its Lease.
    pub lease: Got<Option<Lease>>,
    /// The webhook.
    pub webhook: Got<Option<Deployment>>,
    /// The agents.
    pub agents: Got<Option<DaemonSet>>,
    /// The pods of our parts.
    pub pods: Got<Vec<Pod>>,
    /// The configurations of the webhook: kind, and how it is called; empty if the object is not there.
    pub calls: Vec<(&'static str, Got<Option<Vec<WebhookClientConfig>>>)>,
    /// What the webhook answered; absent if it was not asked.
    pub answer: Option<Answer>,
    /// The policies of this version: name, and whether policy and binding are there.
    pub policies: Vec<(String, Got<bool>)>,
    /// The roles of this version: name, and whether it is there.
    pub roles: Vec<(String, Got<bool>)>,
    /// Whether the RuntimeClass is there.
    pub runtime_class: Got<bool>,
    /// The pause of all moves.
    pub pause: Got<Option<Pause>>,
}

/// What came back for a migration that was only tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The webhook judged it.
    Judged,
    /// The API server refused before or behind it; in its words.
    Refused(String),
    /// The webhook was not reached; in the words of the API server.
    Unreached(String),
}

/// Looks at all of it, at as much as possible at once: an API server may be far away.
pub async fn look(client: &Client) -> Result<Facts, Problem> {
    let deployments: Api<Deployment> = Api::namespaced(client.clone(), SYSTEM_NAMESPACE);
    let definitions = crd::ALL
        .iter()
        .map(|definition| one(Api::all(client.clone()), (definition.name)()));
    let kinds = try_join_all(definitions).await?;
    let (version, namespace, served, answer) = tokio::try_join!(
        version(client),
        one(Api::all(client.clone()), SYSTEM_NAMESPACE),
        served(client),
        answer(client, kinds.first()),
    )?;
    let (controller, lease, webhook, agents, pods) = tokio::try_join!(
        one(deployments.clone(), CONTROLLER),
        one(Api::namespaced(client.clone(), SYSTEM_NAMESPACE), CONTROLLER),
        one(deployments, WEBHOOK),
        one(Api::namespaced(client.clone(), SYSTEM_NAMESPACE), AGENT),
        all(Api::namespaced(client.clone(), SYSTEM_NAMESPACE), ""),
    )?;
    let (calls, policies, roles, runtime_class, pause) = tokio::try_join!(
        calls(client),
        policies(client),
        roles(client),
        is_there::<RuntimeClass>(client, RUNTIME_CLASS),
        one(Api::all(client.clone()), pause::ONLY),
    )?;
    Ok(Facts {
        now: Timestamp::now(),
        version,
        namespace,
        kinds,
        served,
        controller,
        lease,
        webhook,
        agents,
        pods,
        calls,
        answer,
        policies,
        roles,
        runtime_class,
        pause,
    })
}

/// Version of the API server.
pub(super) async fn version(client: &Client) -> Result<Got<String>, Problem> {
    got(client.apiserver_version().await.map(|info| info.git_version))
}

async fn served(client: &Client) -> Result<Got<Vec<String>>, Problem> {
    let version = format!("{GROUP}/{}", StatefulMigration::version(&()));
    match client.list_api_group_resources(&version).await {
        Ok(list) => Ok(Ok(list.resources.into_iter().map(|kind| kind.name).collect())),
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(Ok(Vec::new())),
        Err(error) => got(Err(error)),
    }
}

async fn is_there<K>(client: &Client, name: &str) -> Result<Got<bool>, Problem>
where
    K: Resource<DynamicType = (), Scope = k8s_openapi::ClusterResourceScope>
        + Clone
        + DeserializeOwned
        + std::fmt::Debug,
{
    let api: Api<K> = Api::all(client.clone());
    Ok(one(api, name).await?.map(|found| found.is_some()))
}

async fn calls(
    client: &Client,
) -> Result<Vec<(&'static str, Got<Option<Vec<WebhookClientConfig>>>)>, Problem> {
    let validating: Got<Option<ValidatingWebhookConfiguration>> =
        one(Api::all(client.clone()), WEBHOOK_SERVICE).await?;
    let mutating: Got<Option<MutatingWebhookConfiguration>> =
        one(Api::all(client.clone()), WEBHOOK_SERVICE).await?;
    let validating = validating.map(|found| {
        found.map(|object| {
            let webhooks = object.webhooks.into_iter().flatten();
            webhooks.map(|webhook| webhook.client_config).collect()
        })
    });
    let mutating = mutating.map(|found| {
        found.map(|object| {
            let webhooks = object.webhooks.into_iter().flatten();
            webhooks.map(|webhook| webhook.client_config).collect()
        })
    });
    Ok(vec![
        ("ValidatingWebhookConfiguration", validating),
        ("MutatingWebhookConfiguration", mutating),
    ])
}

async fn policies(client: &Client) -> Result<Vec<(String, Got<bool>)>, Problem> {
    let of = async |name: String| {
        let (policy, binding) = tokio::try_join!(
            is_there::<ValidatingAdmissionPolicy>(client, &name),
            is_there::<ValidatingAdmissionPolicyBinding>(client, &name),
        )?;
        let both = policy.and_then(|policy| Ok(policy && binding?));
        Ok((name, both))
    };
    try_join_all(installed("ValidatingAdmissionPolicy")?.into_iter().map(of)).await
}

/// The roles that are put into the roles of users.
async fn roles(client: &Client) -> Result<Vec<(String, Got<bool>)>, Problem> {
    let objects = super::before::objects()?;
    let is_for_users = |object: &&DynamicObject| {
        let mut labels = object.labels().keys();
        labels.any(|label| label.starts_with("rbac.authorization.k8s.io/aggregate-to-"))
    };
    let of = async |name: String| {
        let there = is_there::<ClusterRole>(client, &name).await?;
        Ok((name, there))
    };
    let names = objects.iter().filter(is_for_users).map(ResourceExt::name_any);
    try_join_all(names.map(of)).await
}

/// Names of the objects of a kind that an installation of this version makes.
fn installed(kind: &str) -> Result<Vec<String>, Problem> {
    let objects = super::before::objects()?;
    let of_kind = objects
        .iter()
        .filter(|object| object.types.as_ref().is_some_and(|types| types.kind == kind));
    Ok(of_kind.map(ResourceExt::name_any).collect())
}

/// A migration of a pod that does not exist, as a dry run: the webhook refuses it, or is not there.
async fn answer(
    client: &Client,
    kind: Option<&Got<Option<CustomResourceDefinition>>>,
) -> Result<Option<Answer>, Problem> {
    if let Some(Ok(None)) = kind {
        return Ok(None);
    }
    let name = "is-the-webhook-there";
    let spec = StatefulMigrationSpec {
        source_pod: name.to_owned(),
        target_node: Some("nowhere".to_owned()),
        ..StatefulMigrationSpec::default()
    };
    let params = PostParams {
        dry_run: true,
        field_manager: None,
    };
    let api: Api<StatefulMigration> = Api::namespaced(client.clone(), SYSTEM_NAMESPACE);
    let answered = got(api.create(&params, &StatefulMigration::new(name, spec)).await)?;
    Ok(Some(match answered {
        Ok(_) => Answer::Refused("it was accepted, though its pod does not exist".to_owned()),
        Err(Unseen(said)) if said.contains("denied the request") => Answer::Judged,
        Err(Unseen(said)) if said.contains("failed calling webhook") => Answer::Unreached(said),
        Err(Unseen(said)) => Answer::Refused(said),
    }))
}
