//! `kubectl shadow report`: the story of one move, from the cluster or from a recording; or that of a recorded drain.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

use serde::Serialize;

use crate::cli::{Place, Report, ReportFormat};
use crate::connection::Connection;
use crate::ending::Ending;
use crate::problem::Problem;
use crate::report::drain::{self, Drained};
use crate::report::seen::{Seen, chosen};
use crate::report::story::Story;
use crate::report::{self, cluster, html, pictures, text};
use crate::say;
use crate::view::recording::read;

/// Of the cluster.
pub(super) async fn run(connection: &Connection, args: &Report) -> Result<Ending, Problem> {
    let seen = cluster::look(&connection.client, &connection.context, &connection.namespace).await?;
    let name = args.name.as_deref();
    let id = chosen(&seen.model(), name, Some(&connection.namespace)).map_err(|_| {
        let name = name.unwrap_or_default();
        Problem::Refused(format!(
            "there is no migration {name}, and none of a pod {name}, in namespace {}. To list all, type: kubectl get smig -A",
            connection.namespace
        ))
    })?;
    let seen = cluster::with_events(&connection.client, seen, &id).await?;
    write(&seen, &id, args)
}

/// Of a recording. No kubeconfig is read, and no cluster is asked.
pub(super) fn of_recording(place: &Place, args: &Report, file: &Path) -> Result<Ending, Problem> {
    let recording = read::file(file).map_err(|error| Problem::Refused(error.to_string()))?;
    let seen = Seen::in_recording(file, recording);
    if args.name.is_none()
        && let Some(drained) = drain::of(&seen)
    {
        return put(&of_drain(&seen, &drained, args.output)?, args);
    }
    let id = chosen(&seen.model(), args.name.as_deref(), place.namespace.as_deref())
        .map_err(|why| Problem::Refused(format!("{}: {why}", file.display())))?;
    write(&seen, &id, args)
}

fn write(seen: &Seen, id: &str, args: &Report) -> Result<Ending, Problem> {
    let story = report::of(seen, id).ok_or_else(|| {
        Problem::Refused(format!(
            "migration {id} cannot be read: a later version wrote it. Use a plugin of that version"
        ))
    })?;
    put(&written(seen, id, &story, args.output)?, args)
}

fn put(written: &str, args: &Report) -> Result<Ending, Problem> {
    match &args.file {
        None => written.lines().for_each(say::line),
        Some(file) => {
            into(file, written)?;
            say::line(&format!("written: {}", file.display()));
        }
    }
    Ok(Ending::Done)
}

fn written(seen: &Seen, id: &str, story: &Story, format: ReportFormat) -> Result<String, Problem> {
    match format {
        ReportFormat::Text => Ok(plain(&text::lines(story))),
        ReportFormat::Json => json(story),
        ReportFormat::Html => Ok(html::page(story, &pictures::of(seen, id))),
    }
}

fn of_drain(seen: &Seen, drained: &Drained, format: ReportFormat) -> Result<String, Problem> {
    match format {
        ReportFormat::Text => Ok(plain(&drain::text::lines(drained))),
        ReportFormat::Json => json(drained),
        ReportFormat::Html => Ok(drain::html::page(drained, &pictures::of_drain(seen))),
    }
}

fn plain(lines: &[String]) -> String {
    let written = lines.iter().map(|line| format!("{}\n", say::printable(line)));
    written.collect()
}

fn json(report: &impl Serialize) -> Result<String, Problem> {
    serde_json::to_string_pretty(report)
        .map(|text| text + "\n")
        .map_err(|error| Problem::Unknown(format!("the report does not serialise: {error}")))
}

/// A file that is there already is not written over.
fn into(file: &Path, text: &str) -> Result<(), Problem> {
    let mut options = OpenOptions::new();
    let opened = options.write(true).create_new(true).open(file);
    opened
        .and_then(|mut opened| opened.write_all(text.as_bytes()))
        .map_err(|error| Problem::Refused(format!("{}: {error}", file.display())))
}
