//! `kubectl shadow status`: what became of a migration.

use crate::cli::Status;
use crate::commands::find;
use crate::connection::Connection;
use crate::ending::Ending;
use crate::problem::Problem;
use crate::{render, say};

/// Runs the command. It succeeds when it could tell; how the migration ended is in the text.
pub(super) async fn run(connection: &Connection, args: &Status) -> Result<Ending, Problem> {
    let migration = find::migration(connection, &args.name).await?;
    render::overview(&migration)
        .iter()
        .for_each(|line| say::line(line));
    Ok(Ending::Done)
}
