//! `kubectl shadow setup`: annotations of a workload, the right to its Secret, and a check of its pods.

mod copied;
mod find;

use copied::copied;
use find::{api, object, owner, pods};
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use kube::api::{Patch, PatchParams};
use shadow_core::names;

use crate::cli::{DryRun, Setup};
use crate::commands::{allow, check};
use crate::connection::Connection;
use crate::ending::Ending;
use crate::problem::Problem;
use crate::say;
use crate::setup::{Change, Kind, Wanted, Workload, patch};

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
    checked(connection, &workload, &changes).await
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
        shadow_core::names::broker_role(secret)
    ));
    Ok(())
}

/// The checks of its pods.
async fn checked(
    connection: &Connection,
    workload: &Workload,
    changes: &[Change],
) -> Result<Ending, Problem> {
    let pods = pods(connection, workload).await?;
    if pods.is_empty() {
        say::line(&format!(
            "{} {}/{} has no pods at the moment, so none was checked",
            workload.kind.name(),
            connection.namespace,
            workload.name
        ));
        return Ok(Ending::Done);
    }
    let is_heard = heard(connection, workload, &pods, changes);
    let names: Vec<String> = pods.iter().take(CHECKED).map(ResourceExt::name_any).collect();
    let ending = check::of_pods(connection, &names).await?;
    let more = pods.len().saturating_sub(CHECKED);
    if more > 0 {
        say::line(&format!(
            "{more} more pods were not checked: they are made from the same template"
        ));
    }
    Ok(if is_heard { ending } else { Ending::Refused })
}

/// Whether a move will go by what was said: what a pod says of itself comes before what its owner says.
fn heard(connection: &Connection, workload: &Workload, pods: &[Pod], changes: &[Change]) -> bool {
    let own = pods.iter().find_map(|pod| {
        let change = changes
            .iter()
            .find(|change| change.is_overruled(pod.annotations()))?;
        Some((pod.name_any(), change))
    });
    let Some((pod, change)) = own else { return true };
    say::problem(&format!(
        "pod {pod} has another value of annotation {} itself, and what a pod says comes first. Take it out of the pod template. To \
         do so, type: kubectl -n {} edit {} {}",
        change.annotation,
        connection.namespace,
        workload.kind.name().to_lowercase(),
        workload.name
    ));
    false
}
