//! Admission of evictions in namespaces that opted in: a pod that can be moved is marked for the controller by an Evacuation, and its
//! eviction is denied until it has left.
//!
//! Guarantee: the only thing that is ever written is an Evacuation, and nothing at a dry run. Who evicts, and which pod, is what the API
//! server says beside the eviction, never what the eviction says. What cannot be looked up in time is evicted as ever.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;
use kube::core::admission::{AdmissionResponse, Operation};
use serde::Deserialize;
use shadow_core::api::{Evacuation, EvacuationSpec, EvictedBy, OnNotNow, StatefulMigration, evacuation};
use shadow_core::eviction::{self, Asked, Verdict, World, budget, words};
use shadow_core::names;
use shadow_core::validate::Facts;
use tokio::time::timeout;
use tracing::{info, warn};

use crate::cluster::{Cluster, Looked};
use crate::migrations::around_pod;
use crate::review::{self, Answer, Few, answer, read};

/// For look-ups and the mark together. The API server waits 1 s for this review, and lets the eviction through then.
const WITHIN: Duration = Duration::from_millis(850);
/// Longest name of a pod.
const LONGEST: usize = 253;

type Request = review::Request<Written>;

/// What is read of an eviction.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Written {
    delete_options: Option<Options>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Options {
    preconditions: Option<Preconditions>,
    dry_run: Option<Few>,
}

#[derive(Deserialize)]
struct Preconditions {
    uid: Option<String>,
}

/// Judges an eviction.
pub(crate) async fn validate<C: Cluster>(State(cluster): State<Arc<C>>, review: Bytes) -> Answer {
    let request: Request = match read(&review) {
        Ok(request) => request,
        Err(unreadable) => return unreadable.goes_through("eviction"),
    };
    let mut response = request.allowed();
    let namespace = request.namespace.as_deref().unwrap_or_default();
    if request.operation != Operation::Create || !is_name(namespace) || !is_name(&request.name) {
        return answer(response);
    }
    let why = match timeout(WITHIN, judged(&*cluster, namespace, &request)).await {
        Ok(Ok(told)) => return answer(said(response, told)),
        Ok(Err(error)) => error.to_string(),
        Err(_) => "the API server took too long to answer".to_owned(),
    };
    warn!(
        namespace,
        pod = request.name,
        why,
        "eviction not judged, it goes through"
    );
    response.warnings = Some(vec![format!(
        "kubectl-shadow could not judge this eviction: {why}"
    )]);
    answer(response)
}

fn said(mut response: AdmissionResponse, told: words::Answer) -> AdmissionResponse {
    match told {
        words::Answer::Allowed(warning) => {
            response.warnings = warning.map(|warning| vec![warning]);
            response
        }
        words::Answer::Denied {
            code,
            reason,
            message,
        } => {
            response.result.code = code;
            response.result.reason = reason.to_owned();
            response.deny(message)
        }
    }
}

async fn judged<C: Cluster>(cluster: &C, namespace: &str, request: &Request) -> Looked<words::Answer> {
    let pod = request.name.as_str();
    let options = request
        .object
        .as_ref()
        .and_then(|eviction| eviction.delete_options.as_ref());
    let uid = options.and_then(|options| options.preconditions.as_ref()?.uid.as_deref());
    let dry_run = request.dry_run || options.is_some_and(|options| options.dry_run.is_some());
    let world = world(cluster, namespace, pod).await?;
    let now = Timestamp::now();
    let verdict = eviction::judge(Asked { pod, uid, now }, &world);
    let marked = if dry_run {
        None
    } else {
        mark(cluster, &world, request, &verdict, now).await?
    };
    info!(namespace, pod, dry_run, verdict = ?verdict, "eviction judged");
    Ok(words::answer(&verdict, namespace, pod, marked.as_deref()))
}

async fn world<C: Cluster>(cluster: &C, namespace: &str, pod: &str) -> Looked<World> {
    let (facts, nodes, migrations, policies, evacuations, budgets, opted_in, paused) = tokio::try_join!(
        around_pod(cluster, namespace, pod),
        cluster.nodes(),
        cluster.migrations(namespace),
        cluster.policies(namespace),
        cluster.evacuations(namespace),
        cluster.budgets(namespace),
        cluster.namespace_label(namespace, names::EVICTIONS),
        cluster.paused(),
    )?;
    let moving = if budgets.is_empty() {
        Vec::new()
    } else {
        moving(cluster, namespace, &evacuations, &migrations).await?
    };
    Ok(World {
        namespace: namespace.to_owned(),
        // Anybody can send a review; the selector of the rule holds for the API server's only.
        opted_in: opted_in.as_deref() == Some(names::MOVE),
        facts: Facts {
            nodes,
            migrations,
            ..facts
        },
        policies,
        evacuations,
        budgets,
        moving,
        paused,
    })
}

/// One pod of each move that takes a place of a budget. Few moves are under way at a time.
async fn moving<C: Cluster>(
    cluster: &C,
    namespace: &str,
    evacuations: &[Evacuation],
    migrations: &[StatefulMigration],
) -> Looked<Vec<Pod>> {
    let mut moving = Vec::new();
    for migration in budget::begun(evacuations, migrations) {
        for name in budget::names(migration) {
            if let Some(pod) = cluster.pod(namespace, name).await? {
                moving.push(pod);
                break;
            }
        }
    }
    Ok(moving)
}

/// Leaves the mark that the verdict asks for; the name of the migration that follows from it.
async fn mark<C: Cluster>(
    cluster: &C,
    world: &World,
    request: &Request,
    verdict: &Verdict,
    now: Timestamp,
) -> Looked<Option<String>> {
    let spec = |uid: &str, node: &str| EvacuationSpec {
        pod: request.name.clone(),
        uid: uid.to_owned(),
        node: node.to_owned(),
        node_emptied: false,
        not_now: OnNotNow::default(),
        evicted_by: EvictedBy::cut(
            request.user_info.username.as_deref(),
            request.user_info.groups.as_deref().unwrap_or_default(),
        ),
        at: MicroTime(now),
        let_go: None,
    };
    if let Verdict::Move {
        uid,
        node,
        node_emptied,
        not_now,
        ..
    } = verdict
    {
        let (node_emptied, not_now) = (*node_emptied, *not_now);
        let spec = EvacuationSpec {
            node_emptied,
            not_now,
            ..spec(uid, node)
        };
        let marked = cluster.mark(&world.namespace, Evacuation::new(uid, spec)).await?;
        let evacuation = marked.uid().unwrap_or_default();
        return Ok(Some(names::evacuating_migration(&request.name, &evacuation)));
    }
    let pod = world.facts.pod.as_ref();
    if let (Some(why), Some(uid)) = (words::to_be_told(verdict), pod.and_then(ResourceExt::uid)) {
        let node = pod.and_then(|pod| pod.spec.as_ref()?.node_name.as_deref());
        let why: String = why.chars().take(evacuation::REASON).collect();
        let spec = EvacuationSpec {
            let_go: Some(why),
            ..spec(&uid, node.unwrap_or_default())
        };
        let told = Evacuation::new(&names::let_go(&uid), spec);
        if let Err(error) = cluster.mark(&world.namespace, told).await {
            warn!(%error, "no Event will tell why the pod is not moved");
        }
    }
    Ok(None)
}

/// Whether it can be the name of a namespace or a pod: it becomes part of a path.
fn is_name(text: &str) -> bool {
    let lawful = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.".contains(c);
    (1..=LONGEST).contains(&text.len()) && text.chars().all(lawful)
}
