//! `kubectl shadow logs`: what controller, webhook and agents say of a migration. Users who may not read that get its conditions and
//! Events.

mod instead;
mod sources;

use futures::StreamExt;
use futures::stream;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Pod;
use kube::{Api, ResourceExt};
use shadow_core::api::StatefulMigration;
use shadow_core::names;

use crate::cli::Logs;
use crate::commands::find;
use crate::connection::Connection;
use crate::ending::Ending;
use crate::problem::Problem;
use crate::render::logs::{About, parted, shown};
use crate::say;
use instead::{instead, is_refusal};
use sources::{Source, lines, read, sources, unread};

/// The webhook speaks before the object has a time.
const BEFORE: SignedDuration = SignedDuration::from_secs(5);

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
            "no line names {}. A pod that was re-created has lost its earlier lines",
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
