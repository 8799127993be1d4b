//! `kubectl shadow bundle`: an archive for a bug report. Nothing is changed in the cluster.

use std::path::PathBuf;

use jiff::Timestamp;

use crate::bundle::gather::{Wanted, gather};
use crate::bundle::manifest::Made;
use crate::bundle::{Gathered, archive};
use crate::cli::Bundle;
use crate::commands::check;
use crate::connection::Connection;
use crate::ending::Ending;
use crate::problem::Problem;
use crate::say;

/// Runs the command.
pub(super) async fn run(connection: &Connection, args: &Bundle) -> Result<Ending, Problem> {
    let now = Timestamp::now();
    let folder = format!("shadow-bundle-{}", now.strftime("%Y%m%dT%H%M%SZ"));
    let path = args
        .output
        .clone()
        .unwrap_or_else(|| PathBuf::from(format!("{folder}.tar.gz")));
    if path.exists() {
        return Err(Problem::Refused(format!(
            "{} is there already. Name another file with -o",
            path.display()
        )));
    }
    let wanted = wanted(connection, args);
    let mut gathered = gather(&connection.client, &wanted).await?;
    gathered.text("check.txt", check::told(connection).await?);
    let made = Made {
        at: now,
        plugin: env!("CARGO_PKG_VERSION").to_owned(),
        server: connection
            .client
            .apiserver_version()
            .await
            .ok()
            .map(|info| info.git_version),
        of: of(&wanted),
    };
    write(&gathered, &made, &path, &folder)
}

fn wanted(connection: &Connection, args: &Bundle) -> Wanted {
    Wanted {
        namespace: (!args.all_namespaces).then(|| connection.namespace.clone()),
        only: args.name.clone(),
    }
}

fn of(wanted: &Wanted) -> String {
    match (&wanted.only, &wanted.namespace) {
        (Some(name), Some(namespace)) => format!("{name} in namespace {namespace}"),
        (_, Some(namespace)) => format!("namespace {namespace}"),
        (_, None) => "all namespaces".to_owned(),
    }
}

fn write(gathered: &Gathered, made: &Made, path: &std::path::Path, folder: &str) -> Result<Ending, Problem> {
    let files = gathered
        .files(made)
        .map_err(|error| Problem::Unknown(format!("an object does not serialise: {error}")))?;
    archive::write(path, folder, &files, made.at)
        .map_err(|error| Problem::Refused(format!("{}: {error}", path.display())))?;
    say::line(&format!("written: {} ({} files)", path.display(), files.len()));
    for (what, why) in &gathered.unread {
        say::remark(&format!("not read: {what}: {why}"));
    }
    say::line(&format!(
        "look through it before you give it away; to see what is in it, type: tar -xzOf {} {folder}/MANIFEST",
        path.display()
    ));
    Ok(Ending::Done)
}
