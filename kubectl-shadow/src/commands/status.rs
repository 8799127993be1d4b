//! `kubectl shadow status`: what became of a migration.

use jiff::Timestamp;
use kube::ResourceExt;

use crate::cli::{List, Status};
use crate::commands::follow::{self, Told};
use crate::commands::{find, list, pause};
use crate::connection::Connection;
use crate::ending::Ending;
use crate::problem::Problem;
use crate::{render, say};

/// Runs the command. Without `-w` it succeeds when it could tell; how the migration ended is in the text.
pub(super) async fn run(connection: &Connection, args: &Status) -> Result<Ending, Problem> {
    let Some(name) = &args.name else {
        let all = List {
            all_namespaces: args.all_namespaces,
            output: args.output.clone(),
            ..List::default()
        };
        return list::run(connection, &all).await;
    };
    let migration = find::migration(connection, name).await?;
    if args.watch {
        let told = match &args.output.format {
            Some(format) => Told::Objects(format.clone()),
            None => Told::lines(),
        };
        let end = follow::to_the_end(connection, &migration.name_any(), args.timeout, told).await?;
        return Ok(end.ending);
    }
    let lines = match &args.output.format {
        Some(format) => format.object(&migration)?,
        None => None,
    };
    let ended = migration
        .status
        .as_ref()
        .is_some_and(|status| status.phase.is_terminal());
    if lines.is_none() && !ended {
        pause::remark(connection).await;
    }
    lines
        .unwrap_or_else(|| render::overview(&migration, Timestamp::now()))
        .iter()
        .for_each(|line| say::line(line));
    Ok(Ending::Done)
}
