//! The workload that is meant, and its pods.

use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet, StatefulSet};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::api::{DynamicObject, ListParams};
use kube::core::{ApiResource, Selector};
use kube::{Api, ResourceExt};
use shadow_core::{names, workload};

use crate::connection::Connection;
use crate::problem::Problem;
use crate::say;
use crate::setup::{Kind, Workload};

/// Of a pod that is re-created by an owner, that owner: what is written to the pod would be lost.
pub(super) async fn owner(connection: &Connection, named: Workload) -> Result<Workload, Problem> {
    if named.kind != Kind::Pod {
        return Ok(named);
    }
    let (client, namespace) = (connection.client.clone(), &connection.namespace);
    let pods: Api<Pod> = Api::namespaced(client.clone(), namespace);
    let pod = pods
        .get_opt(&named.name)
        .await?
        .ok_or_else(|| missing(connection, &named))?;
    let Some((kind, owner)) = workload::owner_of(&pod) else {
        return Ok(named);
    };
    let owner = match kind {
        shadow_core::api::OwnerKind::StatefulSet => Workload {
            kind: Kind::StatefulSet,
            name: owner.name.clone(),
        },
        shadow_core::api::OwnerKind::ReplicaSet => {
            let sets: Api<ReplicaSet> = Api::namespaced(client, namespace);
            let set = sets.get_opt(&owner.name).await?.map(workload::Workload::from);
            match set.as_ref().and_then(workload::Workload::deployment) {
                Some(deployment) => Workload {
                    kind: Kind::Deployment,
                    name: deployment.to_owned(),
                },
                None => Workload {
                    kind: Kind::ReplicaSet,
                    name: owner.name.clone(),
                },
            }
        }
    };
    say::line(&format!(
        "pod {} belongs to {} {}, which is set up: what is written to the pod would be lost when it is re-created",
        named.name,
        owner.kind.name(),
        owner.name
    ));
    Ok(owner)
}

fn resource(kind: Kind) -> ApiResource {
    match kind {
        Kind::StatefulSet => ApiResource::erase::<StatefulSet>(&()),
        Kind::Deployment => ApiResource::erase::<Deployment>(&()),
        Kind::ReplicaSet => ApiResource::erase::<ReplicaSet>(&()),
        Kind::Pod => ApiResource::erase::<Pod>(&()),
    }
}

pub(super) fn api(connection: &Connection, kind: Kind) -> Api<DynamicObject> {
    Api::namespaced_with(connection.client.clone(), &connection.namespace, &resource(kind))
}

pub(super) async fn object(connection: &Connection, workload: &Workload) -> Result<DynamicObject, Problem> {
    let found = api(connection, workload.kind).get_opt(&workload.name).await?;
    found.ok_or_else(|| missing(connection, workload))
}

fn missing(connection: &Connection, workload: &Workload) -> Problem {
    let (kind, namespace) = (workload.kind.name(), &connection.namespace);
    Problem::Refused(format!(
        "there is no {kind} {} in namespace {namespace}. To see those that are there, type: kubectl -n {namespace} get {}s",
        workload.name,
        kind.to_lowercase()
    ))
}

/// Its pods in the order of their names, but for those that end, and stand-ins.
pub(super) async fn pods(connection: &Connection, workload: &Workload) -> Result<Vec<Pod>, Problem> {
    let (client, namespace, name) = (connection.client.clone(), &connection.namespace, &workload.name);
    let selector: Option<LabelSelector> = match workload.kind {
        Kind::Pod => {
            let pods: Api<Pod> = Api::namespaced(client, namespace);
            return Ok(pods.get_opt(name).await?.into_iter().collect());
        }
        Kind::StatefulSet => {
            let sets: Api<StatefulSet> = Api::namespaced(client.clone(), namespace);
            sets.get(name).await?.spec.map(|spec| spec.selector)
        }
        Kind::Deployment => {
            let deployments: Api<Deployment> = Api::namespaced(client.clone(), namespace);
            deployments.get(name).await?.spec.map(|spec| spec.selector)
        }
        Kind::ReplicaSet => {
            let sets: Api<ReplicaSet> = Api::namespaced(client.clone(), namespace);
            sets.get(name).await?.spec.map(|spec| spec.selector)
        }
    };
    let selector = Selector::try_from(selector.unwrap_or_default())
        .map_err(|error| Problem::Refused(format!("the selector of {name} cannot be read: {error}")))?;
    let pods: Api<Pod> = Api::namespaced(client, namespace);
    let found = pods
        .list(&ListParams::default().labels_from(&selector))
        .await?
        .items;
    let is_ours = |pod: &Pod| {
        pod.metadata.deletion_timestamp.is_none()
            && workload::controller_of(pod).is_some()
            && !pod.labels().contains_key(names::ROLE)
    };
    let mut ours: Vec<Pod> = found.into_iter().filter(is_ours).collect();
    ours.sort_by_key(|pod| pod.name_any());
    Ok(ours)
}
