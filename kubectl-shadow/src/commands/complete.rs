//! Answers kubectl's question for what could be typed next. Guarantee: within 2 s, and nothing but the answer: an error is no answer.

use std::time::Duration;

use clap::{CommandFactory, Parser};
use k8s_openapi::api::core::v1::{Namespace, Node, Pod};
use kube::api::ListParams;
use kube::{Api, ResourceExt};
use shadow_core::api::StatefulMigration;
use shadow_core::{names, workload};

use crate::cli::{Cli, Place};
use crate::complete::{Names, Wanted, lines, question};
use crate::connection::{self, Connection};
use crate::latest::rank;
use crate::problem::Problem;
use crate::say;
use crate::view::model::state::State;

/// A person waits at the prompt.
const WITHIN: Duration = Duration::from_secs(2);
/// More cannot be read there.
const MOST: u32 = 500;

type Found = Vec<(String, String)>;

/// Which cluster, out of the words typed so far.
#[derive(Parser)]
struct Typed {
    #[command(flatten)]
    place: Place,
}

/// Prints what could be typed behind these words.
pub async fn answer(words: &[String]) {
    let mut root = Cli::command();
    root.build();
    let asked = question(&root, words);
    let is_file = asked.wanted == Wanted::File;
    let found = match &asked.wanted {
        Wanted::These(these) => these.clone(),
        Wanted::Names(names) => in_time(*names, asked.connection.clone()).await,
        Wanted::File | Wanted::Nothing => Vec::new(),
    };
    for line in lines(&asked.prefix, &found, is_file) {
        match line.split_once('\t') {
            Some((value, help)) => {
                say::own(&format!("{}\t{}\n", say::printable(value), say::printable(help)))
            }
            None => say::line(&line),
        }
    }
}

/// In a thread of its own: a credential plugin that waits for a person would keep this one.
async fn in_time(names: Names, flags: Vec<String>) -> Found {
    let runtime = tokio::runtime::Handle::current();
    let looked = tokio::task::spawn_blocking(move || runtime.block_on(look_up(names, &flags)));
    match tokio::time::timeout(WITHIN, looked).await {
        Ok(Ok(Ok(found))) => found,
        // Too late, or an error: no answer.
        Ok(Ok(Err(_)) | Err(_)) | Err(_) => Vec::new(),
    }
}

async fn look_up(names: Names, flags: &[String]) -> Result<Found, Problem> {
    let words = ["kubectl-shadow"]
        .into_iter()
        .chain(flags.iter().map(String::as_str));
    let place = Typed::try_parse_from(words)
        .map_err(|error| Problem::Refused(error.to_string()))?
        .place;
    if names == Names::Contexts {
        return connection::contexts(&place).map_err(Problem::Kubeconfig);
    }
    let connection = connection::open(&place).await?;
    match names {
        Names::Pods => pods(&connection).await,
        Names::Nodes => nodes(&connection).await,
        Names::Migrations => migrations(&connection).await,
        Names::Namespaces => namespaces(&connection).await,
        Names::Contexts => Ok(Vec::new()),
    }
}

fn some() -> ListParams {
    ListParams::default().limit(MOST)
}

async fn pods(connection: &Connection) -> Result<Found, Problem> {
    let api: Api<Pod> = Api::namespaced(connection.client.clone(), &connection.namespace);
    let told = |pod: Pod| {
        let node = pod.spec.as_ref().and_then(|spec| spec.node_name.clone());
        let owner = workload::owner_of(&pod).map(|(kind, owner)| format!("{kind:?} {}", owner.name));
        let on = node.map(|node| format!("on {node}"));
        let help: Vec<String> = owner.into_iter().chain(on).collect();
        (pod.name_any(), help.join(" "))
    };
    Ok(api.list(&some()).await?.items.into_iter().map(told).collect())
}

/// Those whose agent is ready, and that take pods.
async fn nodes(connection: &Connection) -> Result<Found, Problem> {
    let api: Api<Node> = Api::all(connection.client.clone());
    let ready = some().labels(&format!("{}=true", names::NODE_READY));
    let takes_pods = |node: &Node| {
        let spec = node.spec.as_ref();
        !spec.and_then(|spec| spec.unschedulable).unwrap_or_default()
    };
    let nodes = api.list(&ready).await?.items.into_iter().filter(takes_pods);
    Ok(nodes
        .map(|node| (node.name_any(), "ready for restores".to_owned()))
        .collect())
}

/// By their own names, and by those of their pods.
async fn migrations(connection: &Connection) -> Result<Found, Problem> {
    let api: Api<StatefulMigration> = Api::namespaced(connection.client.clone(), &connection.namespace);
    let mut all = api.list(&some()).await?.items;
    all.sort_by_key(|migration| std::cmp::Reverse(rank(migration)));
    let mut found: Found = Vec::new();
    for migration in &all {
        let (pod, state) = (&migration.spec.source_pod, State::of(migration).word());
        if !found.iter().any(|(name, _)| name == pod) {
            found.push((pod.clone(), format!("its latest migration: {state}")));
        }
    }
    found.extend(all.iter().map(|migration| {
        let (pod, state) = (&migration.spec.source_pod, State::of(migration).word());
        (migration.name_any(), format!("{pod} {state}"))
    }));
    Ok(found)
}

async fn namespaces(connection: &Connection) -> Result<Found, Problem> {
    let api: Api<Namespace> = Api::all(connection.client.clone());
    let all = api.list_metadata(&some()).await?.items;
    Ok(all.iter().map(|one| (one.name_any(), String::new())).collect())
}
