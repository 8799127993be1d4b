//! `kubectl shadow setup`: annotations of a workload, the right to its Secret, and a check of its pods.

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet, StatefulSet};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::api::{DynamicObject, ListParams, Patch, PatchParams};
use kube::core::{ApiResource, Selector};
use kube::runtime::wait::await_condition;
use kube::{Api, ResourceExt};
use shadow_core::{names, workload};

use crate::cli::{DryRun, Setup};
use crate::commands::{allow, check};
use crate::connection::Connection;
use crate::ending::Ending;
use crate::problem::Problem;
use crate::say;
use crate::setup::{Change, Kind, Wanted, Workload, patch};

/// Kubernetes copies the annotations of a Deployment to its ReplicaSet within so long.
const COPIED: Duration = Duration::from_secs(10);
/// Pods that are checked.
const CHECKED: usize = 10;

/// Runs the command.
pub(super) async fn run(connection: &Connection, args: &Setup) -> Result<Ending, Problem> {
    let named = Workload::parse(&args.workload).map_err(Problem::Refused)?;
    let workload = owner(connection, named).await?;
    let found = object(connection, &workload).await?;
    let wanted = Wanted {
        queue: args.queue.clone(),
        secret: args.broker_secret.clone(),
        container: args.container.clone(),
    };
    let changes = wanted.changes(found.metadata.annotations.as_ref());
    annotate(connection, &workload, &changes, args.dry_run).await?;
    let annotated = found.annotations().get(names::BROKER_SECRET);
    if let Some(secret) = args
        .broker_secret
        .as_ref()
        .or(annotated)
        .filter(|name| !name.is_empty())
    {
        permit(connection, secret, args.dry_run).await?;
    }
    if args.dry_run.is_some() {
        say::line("nothing was changed");
        return Ok(Ending::Done);
    }
    if workload.kind == Kind::Deployment && changes.iter().any(|change| !change.is_done()) {
        copied(connection, &workload, &changes).await?;
    }
    checked(connection, &workload).await
}

/// Of a pod that is made anew by an owner, that owner: what is written to the pod would be lost.
async fn owner(connection: &Connection, named: Workload) -> Result<Workload, Problem> {
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
        "pod {} belongs to {} {}, which is set up: what is written to the pod would be lost when it is made anew",
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

fn api(connection: &Connection, kind: Kind) -> Api<DynamicObject> {
    Api::namespaced_with(connection.client.clone(), &connection.namespace, &resource(kind))
}

async fn object(connection: &Connection, workload: &Workload) -> Result<DynamicObject, Problem> {
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

/// Writes what differs, and says all of it.
async fn annotate(
    connection: &Connection,
    workload: &Workload,
    changes: &[Change],
    dry_run: Option<DryRun>,
) -> Result<(), Problem> {
    let namespace = &connection.namespace;
    let is_needed = changes.iter().any(|change| !change.is_done());
    if is_needed && dry_run != Some(DryRun::Client) {
        let params = PatchParams {
            dry_run: dry_run == Some(DryRun::Server),
            field_manager: Some(shadow_deploy::cluster::FIELD_MANAGER.to_owned()),
            ..PatchParams::default()
        };
        let body = Patch::Merge(patch(changes));
        let answer = api(connection, workload.kind)
            .patch(&workload.name, &params, &body)
            .await;
        answer.map_err(|error| {
            let kind = workload.kind.name().to_lowercase();
            let see = format!("kubectl -n {namespace} describe {kind} {}", workload.name);
            Problem::of_change(error, &see)
        })?;
    }
    let full = format!("{} {namespace}/{}", workload.kind.name(), workload.name);
    for change in changes {
        say::line(&change.told(&full, dry_run.is_some()));
        if !change.is_done() && dry_run.is_none() {
            let way_back = change.way_back(workload, namespace);
            say::line(&format!("  to take that back, type: {way_back}"));
        }
    }
    Ok(())
}

/// The right to read the Secret, if the controller does not have it.
async fn permit(connection: &Connection, secret: &str, dry_run: Option<DryRun>) -> Result<(), Problem> {
    let (client, namespace) = (&connection.client, &connection.namespace);
    let may = shadow_deploy::may_read(client, namespace, secret).await?;
    if may == Some(true) {
        say::line(&format!(
            "the controller may read Secret {namespace}/{secret} already"
        ));
        return Ok(());
    }
    match dry_run {
        None => return allow::grant(connection, namespace, secret).await,
        Some(DryRun::Client) => {}
        Some(DryRun::Server) => shadow_deploy::try_allow(client, namespace, secret).await?,
    }
    say::line(&format!(
        "the controller would be allowed to read Secret {namespace}/{secret}, by Role and RoleBinding {}",
        shadow_deploy::broker_access::role_name(secret)
    ));
    Ok(())
}

/// Waits until the newest ReplicaSet has the annotations: that is where a move reads them.
async fn copied(connection: &Connection, workload: &Workload, changes: &[Change]) -> Result<(), Problem> {
    let sets: Api<ReplicaSet> = Api::namespaced(connection.client.clone(), &connection.namespace);
    let is_of = |set: &ReplicaSet| {
        let owners = set.metadata.owner_references.iter().flatten();
        owners
            .into_iter()
            .any(|owner| owner.kind == "Deployment" && owner.name == workload.name)
    };
    let all = sets.list(&ListParams::default()).await?.items;
    let newest = all.into_iter().filter(is_of).max_by_key(revision);
    let Some(newest) = newest else { return Ok(()) };
    let wanted: BTreeMap<String, String> = changes
        .iter()
        .map(|change| (change.annotation.to_owned(), change.after.clone()))
        .collect();
    let has_all = move |set: Option<&ReplicaSet>| {
        set.is_some_and(|set| {
            wanted
                .iter()
                .all(|(name, value)| set.annotations().get(name) == Some(value))
        })
    };
    let name = newest.name_any();
    match tokio::time::timeout(COPIED, await_condition(sets, &name, has_all)).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(Problem::Unknown(format!(
            "watch ReplicaSet {name}: {}",
            shadow_deploy::answer::said_of_wait(&error)
        ))),
        Err(_) => {
            say::remark(&format!(
                "Kubernetes has not copied the annotations to ReplicaSet {name} for {} s, where a move reads them. Is a rollout \
                 under way? To see it, type: kubectl -n {} describe deployment {}",
                COPIED.as_secs(),
                connection.namespace,
                workload.name
            ));
            Ok(())
        }
    }
}

/// Kubernetes counts the ReplicaSets of a Deployment.
fn revision(set: &ReplicaSet) -> u64 {
    let told = set.annotations().get("deployment.kubernetes.io/revision");
    told.and_then(|told| told.parse().ok()).unwrap_or(0)
}

/// The checks of its pods.
async fn checked(connection: &Connection, workload: &Workload) -> Result<Ending, Problem> {
    let mut pods = pods(connection, workload).await?;
    if pods.is_empty() {
        say::line(&format!(
            "{} {}/{} has no pods at the moment, so none was checked",
            workload.kind.name(),
            connection.namespace,
            workload.name
        ));
        return Ok(Ending::Done);
    }
    let more = pods.len().saturating_sub(CHECKED);
    pods.truncate(CHECKED);
    let ending = check::of_pods(connection, &pods).await?;
    if more > 0 {
        say::line(&format!(
            "{more} more pods were not checked: they are made from the same template"
        ));
    }
    Ok(ending)
}

async fn pods(connection: &Connection, workload: &Workload) -> Result<Vec<String>, Problem> {
    let (client, namespace, name) = (connection.client.clone(), &connection.namespace, &workload.name);
    let selector: Option<LabelSelector> = match workload.kind {
        Kind::Pod => return Ok(vec![name.clone()]),
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
    let mut names: Vec<String> = found
        .into_iter()
        .filter(is_ours)
        .map(|pod| pod.name_any())
        .collect();
    names.sort();
    Ok(names)
}
