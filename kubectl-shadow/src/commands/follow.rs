//! Follows a migration by watching it. Guarantee: returns at its end, when time is up, when it is deleted or
//! when the user interrupts, and says which; the migration itself is never touched.

mod followed;

use std::pin::pin;
use std::time::Duration;

use futures::{Stream, StreamExt, TryStreamExt};
use jiff::Timestamp;
use kube::Api;
use kube::core::Status;
use kube::runtime::{WatchStreamExt, watcher};
use shadow_core::api::StatefulMigration;
use shadow_core::names;
use shadow_deploy::answer;

use crate::cli::Limit;
use crate::connection::Connection;
use crate::ending::Ending;
use crate::problem::Problem;
use crate::render::life::present;
use crate::say;
use followed::Followed;
pub(crate) use followed::Told;

/// How often the object is read beside the watch: a watch whose connection is dead says nothing, as one in which nothing changes.
const READ: Duration = Duration::from_secs(2);
/// For one such answer. After that the connection is given up and another one is made.
const ANSWERED: Duration = Duration::from_secs(10);
/// How often the line on a terminal is repainted.
const REPAINT: Duration = Duration::from_millis(500);

/// How it ended, and how it was seen last.
pub(crate) struct End {
    /// How it ended.
    pub(crate) ending: Ending,
    /// What was seen last of it, if anything.
    pub(crate) last: Option<StatefulMigration>,
}

/// Tells every step as it ends, what is waited for meanwhile, then the end.
pub(super) async fn to_the_end(
    connection: &Connection,
    name: &str,
    limit: Limit,
    told: Told,
) -> Result<End, Problem> {
    let mut followed = Followed::new(told);
    let ending = follow(connection, name, limit, &mut followed).await?;
    Ok(End {
        ending,
        last: followed.last,
    })
}

async fn follow(
    connection: &Connection,
    name: &str,
    limit: Limit,
    followed: &mut Followed,
) -> Result<Ending, Problem> {
    let api: Api<StatefulMigration> = Api::namespaced(connection.client.clone(), &connection.namespace);
    // The watch recovers by itself: an API server that restarts is no reason to lose sight of a migration.
    let mut updates = pin!(watcher::watch_object(api.clone(), name).default_backoff());
    let mut reads = pin!(reads(api, name.to_owned()));
    let mut deadline = pin!(limit.over());
    let mut repaint = tokio::time::interval(REPAINT);
    loop {
        let seen = tokio::select! {
            biased;
            interrupted = tokio::signal::ctrl_c() => {
                interrupted.map_err(|error| Problem::Unknown(format!("cannot listen for Ctrl-C: {error}")))?;
                return Ok(interrupt(connection, name));
            }
            () = &mut deadline => return Ok(out_of_time(connection, name, limit, followed.last.as_ref())),
            update = updates.try_next() => update.map(Option::flatten).map_err(lost),
            read = reads.next() => read.unwrap_or(Ok(None)).map_err(Lost::from),
            _ = repaint.tick() => {
                followed.shows_life();
                continue;
            }
        };
        match seen {
            Ok(Some(migration)) => {
                if let Some(ending) = followed.tells(migration)? {
                    return Ok(ending);
                }
            }
            // Not in the cache of this API server yet.
            Ok(None) if followed.last.is_none() => {}
            Ok(None) => {
                return Err(Problem::Unknown(format!(
                    "statefulmigration {name} was deleted while this command followed it. This does not stop the pod"
                )));
            }
            Err(Lost::Refused(status)) => return Err(may_not_watch(connection, name, &status)),
            Err(Lost::Sight(error)) => followed.lost_sight(name, &error),
            Err(Lost::Silence) => {}
        }
    }
}

/// One read after the other, for ever.
fn reads(
    api: Api<StatefulMigration>,
    name: String,
) -> impl Stream<Item = kube::Result<Option<StatefulMigration>>> {
    futures::stream::unfold((api, name), |(api, name)| async move {
        loop {
            tokio::time::sleep(READ).await;
            if let Ok(read) = tokio::time::timeout(ANSWERED, api.get_opt(&name)).await {
                return Some((read, (api, name)));
            }
        }
    })
}

/// Why nothing was seen.
enum Lost {
    /// The API server does not know the caller, or the caller may not do this: the same for ever.
    Refused(Box<Status>),
    /// For the moment; why.
    Sight(String),
    /// It was not answered in time, which is told of by what listens for silence.
    Silence,
}

impl From<kube::Error> for Lost {
    fn from(error: kube::Error) -> Self {
        let said = answer::said_briefly(&error);
        if answer::unreached(&error).is_some_and(|unreached| unreached.is_late) {
            return Self::Silence;
        }
        if let kube::Error::Api(status) = error
            && is_refusal(&status)
        {
            return Self::Refused(status);
        }
        Self::Sight(said)
    }
}

fn lost(error: watcher::Error) -> Lost {
    match error {
        watcher::Error::InitialListFailed(error)
        | watcher::Error::WatchStartFailed(error)
        | watcher::Error::WatchFailed(error) => Lost::from(error),
        watcher::Error::WatchError(status) if is_refusal(&status) => Lost::Refused(status),
        watcher::Error::WatchError(status) => Lost::Sight(status.message),
        watcher::Error::NoResourceVersion => {
            Lost::Sight("the API server did not name a resource version".to_owned())
        }
    }
}

fn is_refusal(status: &Status) -> bool {
    matches!(status.code, 401 | 403)
}

fn may_not_watch(connection: &Connection, name: &str, status: &Status) -> Problem {
    let namespace = &connection.namespace;
    let right = match status.code {
        401 => "the API server does not accept your login: log in again".to_owned(),
        _ => format!(
            "to follow it, you need the verbs get, list and watch on statefulmigrations.{} in namespace {namespace}",
            names::GROUP
        ),
    };
    Problem::Unknown(format!(
        "{name} cannot be followed ({}): {right}. The migration goes on. To see it, type: kubectl shadow status {name} -n \
         {namespace}",
        status.message
    ))
}

fn interrupt(connection: &Connection, name: &str) -> Ending {
    let namespace = &connection.namespace;
    say::remark(&format!(
        "the migration goes on. To see it, type: kubectl shadow status {name} -n {namespace}. To undo it, type: kubectl \
         shadow cancel {name} -n {namespace}"
    ));
    Ending::Interrupted
}

fn out_of_time(
    connection: &Connection,
    name: &str,
    limit: Limit,
    last: Option<&StatefulMigration>,
) -> Ending {
    let (doing, namespace) = (present(last, Timestamp::now()), &connection.namespace);
    say::problem(&format!(
        "stopped waiting for {name} after {limit} (--timeout): {doing}. The migration goes on. To go on waiting, type: kubectl \
         shadow status {name} -n {namespace} -w. To undo it, type: kubectl shadow cancel {name} -n {namespace}"
    ));
    Ending::Unknown
}
