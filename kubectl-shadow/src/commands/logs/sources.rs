//! Our containers, and their logs.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::stream::{self, BoxStream};
use futures::{AsyncBufReadExt, StreamExt};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{ListParams, LogParams};
use kube::{Api, ResourceExt};
use shadow_deploy::answer;

use crate::render::logs::parted;
use crate::say;

/// Label of all our pods.
const OURS: &str = "app.kubernetes.io/part-of=kubectl-shadow";
const PART: &str = "app.kubernetes.io/name";
/// A log that broke off is opened again after this long.
const AGAIN: Duration = Duration::from_secs(1);

/// One container of one of our pods.
#[derive(Clone)]
pub(super) struct Source {
    pod: String,
    container: String,
    /// `controller`, `webhook`, `agent@node-a`.
    pub(super) part: String,
}

/// All of them.
pub(super) async fn sources(api: &Api<Pod>) -> kube::Result<Vec<Source>> {
    let pods = api.list(&ListParams::default().labels(OURS)).await?.items;
    Ok(pods.iter().flat_map(of_pod).collect())
}

fn of_pod(pod: &Pod) -> Vec<Source> {
    let name = pod.labels().get(PART).cloned().unwrap_or_default();
    let name = name.strip_prefix("shadow-").unwrap_or(&name);
    let spec = pod.spec.as_ref();
    let node = spec
        .and_then(|spec| spec.node_name.as_deref())
        .unwrap_or_default();
    let containers = spec.into_iter().flat_map(|spec| &spec.containers);
    containers
        .map(|container| Source {
            pod: pod.name_any(),
            container: container.name.clone(),
            part: match (name, container.name.as_str()) {
                ("agent", "agent") => format!("agent@{node}"),
                ("agent", other) => format!("{other}@{node}"),
                (other, _) => other.to_owned(),
            },
        })
        .collect()
}

/// The whole log of one.
pub(super) async fn read(api: &Api<Pod>, source: &Source, since: Timestamp) -> kube::Result<String> {
    api.logs(&source.pod, &wanted(source, since, false)).await
}

fn wanted(source: &Source, since: Timestamp, follow: bool) -> LogParams {
    LogParams {
        container: Some(source.container.clone()),
        // The library rounds to seconds, which would lose what was said in the last one.
        since_time: Timestamp::from_second(since.as_second()).ok(),
        timestamps: true,
        follow,
        ..LogParams::default()
    }
}

/// The lines of one container; a log that ends or breaks off is opened again behind the last line.
pub(super) fn lines(api: Api<Pod>, source: Source, since: Timestamp) -> BoxStream<'static, (Source, String)> {
    let last = Arc::new(Mutex::new(since));
    let (named, seen) = (source.clone(), Arc::clone(&last));
    stream::unfold(true, move |is_first| {
        open(api.clone(), source.clone(), Arc::clone(&last), is_first)
    })
    .flatten()
    // What stands before the last line was told already.
    .filter(move |line| {
        let mut last = seen.lock().unwrap_or_else(PoisonError::into_inner);
        let at = parted(line).map(|(at, _)| at);
        let is_new = at.is_none_or(|at| at > *last);
        *last = at.unwrap_or(*last).max(*last);
        std::future::ready(is_new)
    })
    .map(move |line| (named.clone(), line))
    .boxed()
}

async fn open(
    api: Api<Pod>,
    source: Source,
    last: Arc<Mutex<Timestamp>>,
    is_first: bool,
) -> Option<(BoxStream<'static, String>, bool)> {
    if !is_first {
        tokio::time::sleep(AGAIN).await;
    }
    let since = *last.lock().unwrap_or_else(PoisonError::into_inner);
    let lines = match api.log_stream(&source.pod, &wanted(&source, since, true)).await {
        Ok(log) => log.lines().filter_map(async |line| line.ok()).boxed(),
        Err(error) => {
            if is_first {
                say::remark(&unread(&source, &error));
            }
            stream::empty().boxed()
        }
    };
    Some((lines, false))
}

/// That a log cannot be read.
pub(super) fn unread(source: &Source, error: &kube::Error) -> String {
    format!(
        "the log of {} cannot be read: {}",
        source.part,
        answer::said_briefly(error)
    )
}
