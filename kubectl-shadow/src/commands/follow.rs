//! Follows a migration by watching it. Guarantee: returns at its end, when time is up, when it is deleted or
//! when the user interrupts, and says which; the migration itself is never touched.

use std::pin::pin;
use std::time::Duration;

use futures::TryStreamExt;
use kube::Api;
use kube::core::Status;
use kube::runtime::{WatchStreamExt, watcher};
use shadow_core::api::StatefulMigration;
use shadow_core::names;

use crate::connection::Connection;
use crate::ending::Ending;
use crate::problem::Problem;
use crate::render::{self, Progress, progress::present_step};
use crate::say;

/// Tells every step as it ends, then the end.
pub(super) async fn to_the_end(
    connection: &Connection,
    name: &str,
    timeout: Duration,
) -> Result<Ending, Problem> {
    let api: Api<StatefulMigration> = Api::namespaced(connection.client.clone(), &connection.namespace);
    // The watch recovers by itself: an API server that restarts is no reason to lose sight of a migration.
    let mut updates = pin!(watcher::watch_object(api, name).default_backoff());
    let deadline = tokio::time::sleep(timeout);
    let mut deadline = pin!(deadline);
    let mut progress = Progress::default();
    let mut last: Option<StatefulMigration> = None;
    loop {
        let update = tokio::select! {
            biased;
            interrupted = tokio::signal::ctrl_c() => {
                interrupted.map_err(|error| Problem::Unknown(format!("cannot listen for Ctrl-C: {error}")))?;
                return Ok(interrupt(connection, name));
            }
            () = &mut deadline => return Ok(out_of_time(connection, name, timeout, last.as_ref())),
            update = updates.try_next() => update,
        };
        match update {
            Ok(Some(Some(migration))) => {
                if let Some(ending) = tell(&mut progress, &migration) {
                    return Ok(ending);
                }
                last = Some(migration);
            }
            // Not in the cache of this API server yet.
            Ok(Some(None)) if last.is_none() => {}
            Ok(Some(None) | None) => {
                return Err(Problem::Unknown(format!(
                    "statefulmigration {name} was deleted while it was followed; the pod is not stopped by that"
                )));
            }
            Err(error) => match refused(&error) {
                Some(status) => return Err(may_not_watch(connection, name, status)),
                None => say::remark(&format!("lost sight of {name}, trying again: {error}")),
            },
        }
    }
}

/// What the API server says to a caller that it does not know or that may not do this: the same for ever.
fn refused(error: &watcher::Error) -> Option<&Status> {
    let status = match error {
        watcher::Error::InitialListFailed(kube::Error::Api(status))
        | watcher::Error::WatchStartFailed(kube::Error::Api(status))
        | watcher::Error::WatchFailed(kube::Error::Api(status)) => status,
        watcher::Error::WatchError(status) => status,
        watcher::Error::InitialListFailed(_)
        | watcher::Error::WatchStartFailed(_)
        | watcher::Error::WatchFailed(_)
        | watcher::Error::NoResourceVersion => return None,
    };
    matches!(status.code, 401 | 403).then_some(&**status)
}

fn may_not_watch(connection: &Connection, name: &str, status: &Status) -> Problem {
    let namespace = &connection.namespace;
    let right = match status.code {
        401 => "the API server does not know you: log in again".to_owned(),
        _ => format!(
            "following it needs the verbs get, list and watch on statefulmigrations.{} in namespace {namespace}",
            names::GROUP
        ),
    };
    Problem::Unknown(format!(
        "cannot see how {name} goes on ({}); {right}. The migration goes on; see: kubectl shadow status {name} -n {namespace}",
        status.message
    ))
}

fn tell(progress: &mut Progress, migration: &StatefulMigration) -> Option<Ending> {
    let status = migration.status.as_ref()?;
    progress.lines(status).iter().for_each(|line| say::line(line));
    let ending = render::ending(status)?;
    render::end_lines(migration)
        .iter()
        .for_each(|line| say::line(line));
    Some(ending)
}

fn interrupt(connection: &Connection, name: &str) -> Ending {
    let namespace = &connection.namespace;
    say::remark(&format!(
        "the migration goes on; see: kubectl shadow status {name} -n {namespace}; to undo it: kubectl shadow \
         cancel {name} -n {namespace}"
    ));
    Ending::Interrupted
}

fn out_of_time(
    connection: &Connection,
    name: &str,
    timeout: Duration,
    last: Option<&StatefulMigration>,
) -> Ending {
    let status = last.and_then(|migration| migration.status.as_ref());
    let step = status.map_or_else(
        || "not begun (is the controller running?)".to_owned(),
        present_step,
    );
    say::problem(&format!(
        "no end after {} s, {step}; the migration goes on; see: kubectl shadow status {name} -n {}",
        timeout.as_secs(),
        connection.namespace
    ));
    Ending::Unknown
}
