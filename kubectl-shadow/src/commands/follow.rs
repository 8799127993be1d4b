//! Follows a migration by watching it. Guarantee: returns at its end, when time is up, when it is deleted or
//! when the user interrupts, and says which; the migration itself is never touched.

use std::pin::pin;
use std::time::{Duration, Instant};

use futures::{Stream, StreamExt, TryStreamExt};
use kube::Api;
use kube::core::Status;
use kube::runtime::{WatchStreamExt, watcher};
use shadow_core::api::StatefulMigration;
use shadow_core::names;
use shadow_deploy::answer;

use crate::connection::Connection;
use crate::ending::Ending;
use crate::problem::Problem;
use crate::render::life::present;
use crate::render::{self, Life, Progress};
use crate::say;

/// How often the object is read beside the watch: a watch whose connection is dead says nothing, as one in which nothing changes.
const READ: Duration = Duration::from_secs(2);
/// For one such answer. After that the connection is given up and another one is made.
const ANSWERED: Duration = Duration::from_secs(10);
/// How often the line on a terminal is repainted.
const REPAINT: Duration = Duration::from_millis(500);
/// How often a pipe gets a sign of life.
const SIGN_OF_LIFE: u64 = 10;

/// Tells every step as it ends, what is waited for meanwhile, then the end.
pub(super) async fn to_the_end(
    connection: &Connection,
    name: &str,
    timeout: Duration,
) -> Result<Ending, Problem> {
    let api: Api<StatefulMigration> = Api::namespaced(connection.client.clone(), &connection.namespace);
    // The watch recovers by itself: an API server that restarts is no reason to lose sight of a migration.
    let mut updates = pin!(watcher::watch_object(api.clone(), name).default_backoff());
    let mut reads = pin!(reads(api, name.to_owned()));
    let mut deadline = pin!(tokio::time::sleep(timeout));
    let mut repaint = tokio::time::interval(REPAINT);
    let mut followed = Followed::default();
    loop {
        let seen = tokio::select! {
            biased;
            interrupted = tokio::signal::ctrl_c() => {
                interrupted.map_err(|error| Problem::Unknown(format!("cannot listen for Ctrl-C: {error}")))?;
                return Ok(interrupt(connection, name));
            }
            () = &mut deadline => return Ok(out_of_time(connection, name, timeout, followed.last.as_ref())),
            update = updates.try_next() => update.map(Option::flatten).map_err(lost),
            read = reads.next() => read.unwrap_or(Ok(None)).map_err(Lost::from),
            _ = repaint.tick() => {
                followed.shows_life();
                continue;
            }
        };
        match seen {
            Ok(Some(migration)) => {
                if let Some(ending) = followed.tells(migration) {
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
            // One that is not answered in time is told of by what listens for silence.
            if let Ok(read) = tokio::time::timeout(ANSWERED, api.get_opt(&name)).await {
                return Some((read, (api, name)));
            }
        }
    })
}

/// What was seen, and said of it.
#[derive(Default)]
struct Followed {
    progress: Progress,
    life: Life,
    last: Option<StatefulMigration>,
    out_of_sight: bool,
    signs: u64,
}

impl Followed {
    fn tells(&mut self, migration: StatefulMigration) -> Option<Ending> {
        if std::mem::take(&mut self.out_of_sight) {
            say::remark("the migration can be read again");
        }
        let ending = tell(&mut self.progress, &migration);
        self.last = Some(migration);
        ending
    }

    /// On a terminal one line that is repainted, in a pipe one line each 10 s.
    fn shows_life(&mut self) {
        let (line, seconds) = self.life.line(self.last.as_ref(), Instant::now());
        if say::can_repaint() {
            if seconds > 0 {
                say::paint(&line);
            }
        } else if seconds / SIGN_OF_LIFE > self.signs {
            say::line(&line);
        }
        self.signs = seconds / SIGN_OF_LIFE;
    }

    fn lost_sight(&mut self, name: &str, error: &str) {
        if !std::mem::replace(&mut self.out_of_sight, true) {
            say::remark(&format!("{name} cannot be read, trying again: {error}"));
        }
    }
}

/// Why nothing was seen.
enum Lost {
    /// The API server does not know the caller, or the caller may not do this: the same for ever.
    Refused(Box<Status>),
    /// For the moment; why.
    Sight(String),
}

impl From<kube::Error> for Lost {
    fn from(error: kube::Error) -> Self {
        let said = answer::said_briefly(&error);
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
        "the migration goes on. To see it, type: kubectl shadow status {name} -n {namespace}. To undo it, type: kubectl \
         shadow cancel {name} -n {namespace}"
    ));
    Ending::Interrupted
}

fn out_of_time(
    connection: &Connection,
    name: &str,
    timeout: Duration,
    last: Option<&StatefulMigration>,
) -> Ending {
    let doing = present(last);
    say::problem(&format!(
        "no end after {} s, {doing}. The migration goes on. To see it, type: kubectl shadow status {name} -n {}",
        timeout.as_secs(),
        connection.namespace
    ));
    Ending::Unknown
}
