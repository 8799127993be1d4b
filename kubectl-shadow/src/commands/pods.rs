//! Which pods are meant: by their names, by their owner, or by labels.

use std::collections::HashSet;
use std::fmt::Debug;

use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet, StatefulSet};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::api::ListParams;
use kube::core::{NamespaceResourceScope, Selector};
use kube::{Api, Resource, ResourceExt};
use serde::de::DeserializeOwned;

use crate::cli::Which;
use crate::connection::Connection;
use crate::named::{Kind, Named};
use crate::problem::Problem;

/// What can be moved.
const MOVABLE: [Kind; 3] = [Kind::Pod, Kind::StatefulSet, Kind::Deployment];

/// Their names, each once, in the order in which they are asked for.
pub(super) async fn named(connection: &Connection, which: &Which) -> Result<Vec<String>, Problem> {
    let mut found: Vec<String> = Vec::new();
    if let Some(selector) = &which.selector {
        let pods = list(connection, &ListParams::default().labels(selector)).await?;
        found.extend(in_order(pods));
    }
    for typed in &which.pods {
        let named = Named::parse(typed);
        match named.among(&MOVABLE)? {
            None | Some(Kind::Pod | Kind::Migration) => found.push(named.name),
            Some(Kind::StatefulSet) => found.extend(of_set(connection, &named.name).await?),
            Some(Kind::Deployment) => found.extend(of_deployment(connection, &named.name).await?),
        }
    }
    let mut seen = HashSet::new();
    found.retain(|pod| seen.insert(pod.clone()));
    if found.is_empty() {
        let what = which
            .selector
            .as_deref()
            .unwrap_or(which.pods.first().map_or("", String::as_str));
        return Err(Problem::Refused(format!(
            "no pod runs in namespace {} for {what}. To see those that do, type: kubectl get pods -n {0} --show-labels",
            connection.namespace
        )));
    }
    Ok(found)
}

async fn of_set(connection: &Connection, name: &str) -> Result<Vec<String>, Problem> {
    let set: StatefulSet = get(connection, "StatefulSet", name).await?;
    let uids = HashSet::from([set.uid().unwrap_or_default()]);
    let selector = set.spec.map(|spec| spec.selector);
    of_owners(connection, selector, &uids).await
}

async fn of_deployment(connection: &Connection, name: &str) -> Result<Vec<String>, Problem> {
    let deployment: Deployment = get(connection, "Deployment", name).await?;
    let uid = HashSet::from([deployment.uid().unwrap_or_default()]);
    let selector = deployment.spec.map(|spec| spec.selector);
    let sets: Api<ReplicaSet> = Api::namespaced(connection.client.clone(), &connection.namespace);
    let sets = sets.list_metadata(&selected(selector.clone())?).await?.items;
    let uids = sets
        .iter()
        .filter(|set| belongs_to(*set, &uid))
        .filter_map(ResourceExt::uid)
        .collect();
    of_owners(connection, selector, &uids).await
}

async fn of_owners(
    connection: &Connection,
    selector: Option<LabelSelector>,
    uids: &HashSet<String>,
) -> Result<Vec<String>, Problem> {
    let mut pods = list(connection, &selected(selector)?).await?;
    pods.retain(|pod| belongs_to(pod, uids));
    Ok(in_order(pods))
}

async fn get<K>(connection: &Connection, kind: &str, name: &str) -> Result<K, Problem>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned,
{
    let api: Api<K> = Api::namespaced(connection.client.clone(), &connection.namespace);
    api.get_opt(name).await?.ok_or_else(|| {
        Problem::Refused(format!(
            "there is no {kind} {name} in namespace {}. To name another namespace, add -n NAMESPACE",
            connection.namespace
        ))
    })
}

async fn list(connection: &Connection, wanted: &ListParams) -> Result<Vec<Pod>, Problem> {
    let pods: Api<Pod> = Api::namespaced(connection.client.clone(), &connection.namespace);
    Ok(pods.list(wanted).await?.items)
}

fn selected(selector: Option<LabelSelector>) -> Result<ListParams, Problem> {
    let selector = Selector::try_from(selector.unwrap_or_default())
        .map_err(|error| Problem::Refused(format!("the selector of the owner cannot be read: {error}")))?;
    Ok(ListParams::default().labels_from(&selector))
}

fn belongs_to(object: &impl ResourceExt, uids: &HashSet<String>) -> bool {
    let mut owners = object.owner_references().iter();
    owners.any(|owner| owner.controller == Some(true) && uids.contains(&owner.uid))
}

/// Those that run and stay, the highest ordinal first: so a StatefulSet ends its own pods, too.
fn in_order(pods: Vec<Pod>) -> Vec<String> {
    let runs = |pod: &Pod| {
        let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
        pod.metadata.deletion_timestamp.is_none() && !matches!(phase, Some("Succeeded" | "Failed"))
    };
    let mut names: Vec<String> = pods.into_iter().filter(runs).map(|pod| pod.name_any()).collect();
    names.sort_by(|one, other| {
        let (one_of, one_number) = split(one);
        let (other_of, other_number) = split(other);
        one_of.cmp(other_of).then(other_number.cmp(&one_number))
    });
    names
}

/// `orders-12` is number 12 of `orders`.
fn split(name: &str) -> (&str, u64) {
    match name.rsplit_once('-').map(|(of, number)| (of, number.parse())) {
        Some((of, Ok(number))) => (of, number),
        Some((_, Err(_))) | None => (name, 0),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn pod(name: &str, extra: Value, phase: &str) -> Pod {
        let mut metadata = json!({"name": name});
        metadata
            .as_object_mut()
            .unwrap()
            .extend(extra.as_object().unwrap().clone());
        serde_json::from_value(json!({"metadata": metadata, "status": {"phase": phase}})).unwrap()
    }

    #[test]
    fn the_highest_ordinal_goes_first_and_what_ends_anyway_is_left_out() {
        let pods = vec![
            pod("orders-2", json!({}), "Running"),
            pod("orders-10", json!({}), "Running"),
            pod(
                "orders-1",
                json!({"deletionTimestamp": "2026-01-02T03:04:05Z"}),
                "Running",
            ),
            pod("carts-0", json!({}), "Running"),
            pod("job-x", json!({}), "Succeeded"),
        ];
        assert_eq!(in_order(pods), ["carts-0", "orders-10", "orders-2"]);
    }

    #[test]
    fn only_a_controller_owns_a_pod() {
        let owner = |controller: bool| {
            let owner = json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "s", "uid": "u", "controller": controller});
            pod("a", json!({"ownerReferences": [owner]}), "Running")
        };
        let uids = HashSet::from(["u".to_owned()]);
        assert!(belongs_to(&owner(true), &uids));
        assert!(!belongs_to(&owner(false), &uids));
        assert!(!belongs_to(&pod("a", json!({}), "Running"), &uids));
    }
}
