//! `kubectl shadow logs`: what controller, webhook and agents say of a migration. Users who may not read that get its conditions and
//! Events.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::stream::{self, BoxStream};
use futures::{AsyncBufReadExt, StreamExt};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{Event, Pod};
use kube::api::{ListParams, LogParams};
use kube::{Api, ResourceExt};
use shadow_core::api::StatefulMigration;
use shadow_core::names;
use shadow_deploy::answer;

use crate::cli::Logs;
use crate::commands::find;
use crate::connection::Connection;
use crate::ending::Ending;
use crate::problem::Problem;
use crate::render::logs::{About, parted, shown};
use crate::say;

/// Label of all our pods.
const OURS: &str = "app.kubernetes.io/part-of=kubectl-shadow";
const PART: &str = "app.kubernetes.io/name";
/// The webhook speaks before the object has a time.
const BEFORE: SignedDuration = SignedDuration::from_secs(5);
/// A log that broke off is opened again after this long.
const AGAIN: Duration = Duration::from_secs(1);

/// One container of one of our pods.
#[derive(Clone)]
struct Source {
    pod: String,
    container: String,
    /// `controller`, `webhook`, `agent@node-a`.
    part: String,
}

/// A line, when it was said, and by what.
type Line = (Timestamp, String, String);

/// Runs the command.
pub(super) async fn run(connection: &Connection, args: &Logs) -> Result<Ending, Problem> {
    let migration = find::migration(connection, &args.name).await?;
    let about = About {
        uid: migration.uid().unwrap_or_default(),
        name: migration.name_any(),
    };
    let since = since(args, &migration, Timestamp::now());
    let api: Api<Pod> = Api::namespaced(connection.client.clone(), names::SYSTEM_NAMESPACE);
    let sources = match sources(&api).await {
        Ok(sources) => sources,
        Err(error) => return instead(connection, &migration, error).await,
    };
    if args.follow {
        return follow(&api, sources, &about, since).await;
    }
    let mut lines: Vec<Line> = Vec::new();
    for source in &sources {
        match read(&api, source, since).await {
            Ok(text) => lines.extend(text.lines().filter_map(|line| taken(line, source, &about))),
            Err(error) if is_refusal(&error) => return instead(connection, &migration, error).await,
            // A container that does not run has no log.
            Err(error) => say::remark(&unread(source, &error)),
        }
    }
    lines.sort();
    for (at, part, text) in &lines {
        say::line(&shown(*at, part, text));
    }
    if lines.is_empty() {
        say::remark(&format!(
            "no line names {}. A pod that was made anew has lost its earlier lines",
            about.name
        ));
    }
    Ok(Ending::Done)
}

fn since(args: &Logs, migration: &StatefulMigration, now: Timestamp) -> Timestamp {
    let asked = args.since.and_then(|since| since.0);
    let asked = asked.and_then(|since| now.checked_sub(since).ok());
    let created = migration.creation_timestamp().map(|time| time.0);
    asked
        .or_else(|| created?.checked_sub(BEFORE).ok())
        .unwrap_or(Timestamp::UNIX_EPOCH)
}

async fn sources(api: &Api<Pod>) -> kube::Result<Vec<Source>> {
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

async fn read(api: &Api<Pod>, source: &Source, since: Timestamp) -> kube::Result<String> {
    api.logs(&source.pod, &wanted(source, since, false)).await
}

/// The line, if it is about the migration.
fn taken(line: &str, source: &Source, about: &About) -> Option<Line> {
    let (at, text) = parted(line)?;
    about
        .is_in(text)
        .then(|| (at, source.part.clone(), text.to_owned()))
}

/// All of them as they come, until the user interrupts.
async fn follow(
    api: &Api<Pod>,
    sources: Vec<Source>,
    about: &About,
    since: Timestamp,
) -> Result<Ending, Problem> {
    let mut lines = stream::select_all(
        sources
            .into_iter()
            .map(|source| lines(api.clone(), source, since)),
    );
    loop {
        let line = tokio::select! {
            interrupted = tokio::signal::ctrl_c() => {
                interrupted.map_err(|error| Problem::Unknown(format!("cannot listen for Ctrl-C: {error}")))?;
                return Ok(Ending::Done);
            }
            line = lines.next() => line,
        };
        let Some((source, line)) = line else {
            return Ok(Ending::Done);
        };
        if let Some((at, part, text)) = taken(&line, &source, about) {
            say::line(&shown(at, &part, &text));
        }
    }
}

/// The lines of one container; a log that ends or breaks off is opened again behind the last line.
fn lines(api: Api<Pod>, source: Source, since: Timestamp) -> BoxStream<'static, (Source, String)> {
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

fn unread(source: &Source, error: &kube::Error) -> String {
    format!(
        "the log of {} cannot be read: {}",
        source.part,
        answer::said_briefly(error)
    )
}

fn is_refusal(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 403)
}

/// What a user of the namespace may see in any case.
async fn instead(
    connection: &Connection,
    migration: &StatefulMigration,
    error: kube::Error,
) -> Result<Ending, Problem> {
    if !is_refusal(&error) {
        return Err(error.into());
    }
    say::problem(&format!(
        "the logs may not be read: you need the verb list on pods and the verb get on pods/log in namespace {}. Its conditions and \
         Events follow instead",
        names::SYSTEM_NAMESPACE
    ));
    for condition in migration.status.iter().flat_map(|status| &status.conditions) {
        say::line(&format!(
            "{}  condition  {}={} {}: {}",
            condition.last_transition_time.0.strftime("%H:%M:%S"),
            condition.type_,
            condition.status,
            condition.reason,
            condition.message
        ));
    }
    let of_it = format!("involvedObject.uid={}", migration.uid().unwrap_or_default());
    let api: Api<Event> = Api::namespaced(connection.client.clone(), &connection.namespace);
    let mut events = api.list(&ListParams::default().fields(&of_it)).await?.items;
    events.sort_by_key(time_of);
    for event in &events {
        let at = time_of(event).map(|at| at.strftime("%H:%M:%S").to_string());
        say::line(&format!(
            "{}  event      {} {}",
            at.unwrap_or_else(|| "--:--:--".to_owned()),
            event.reason.as_deref().unwrap_or_default(),
            event.message.as_deref().unwrap_or_default()
        ));
    }
    Ok(Ending::Refused)
}

fn time_of(event: &Event) -> Option<Timestamp> {
    let exact = event.event_time.as_ref().map(|time| time.0);
    exact.or_else(|| event.last_timestamp.as_ref().map(|time| time.0))
}
