//! `kubectl shadow list`: the migrations of a namespace, or of all.

use std::cmp::Ordering;

use jiff::Timestamp;
use kube::Api;
use kube::api::ListParams;
use shadow_core::api::StatefulMigration;

use crate::cli::List;
use crate::commands::{colour, pause};
use crate::connection::Connection;
use crate::ending::Ending;
use crate::output::{Format, Template, table};
use crate::problem::Problem;
use crate::render::list::{Columns, heading, row};
use crate::say;

/// Runs the command.
pub(super) async fn run(connection: &Connection, args: &List) -> Result<Ending, Problem> {
    let client = connection.client.clone();
    let api: Api<StatefulMigration> = if args.all_namespaces {
        Api::all(client)
    } else {
        Api::namespaced(client, &connection.namespace)
    };
    let wanted = match &args.selector {
        Some(selector) => ListParams::default().labels(selector),
        None => ListParams::default(),
    };
    let mut migrations = api.list(&wanted).await?.items;
    if let Some(by) = &args.sort_by {
        sort(&mut migrations, by)?;
    }
    if let Some(format) = &args.output.format
        && let Some(lines) = format.list(&migrations)?
    {
        lines.iter().for_each(|line| say::line(line));
        return Ok(Ending::Done);
    }
    pause::remark(connection).await;
    if migrations.is_empty() {
        say::remark(&nothing(connection, args));
        return Ok(Ending::Done);
    }
    let columns = Columns {
        namespace: args.all_namespaces,
        wide: matches!(args.output.format, Some(Format::Wide)),
    };
    print_table(connection, &migrations, columns, args.no_headers);
    Ok(Ending::Done)
}

/// Prints a table of them.
pub(super) fn print_table(
    connection: &Connection,
    migrations: &[StatefulMigration],
    columns: Columns,
    no_headers: bool,
) {
    let (now, theme) = (Timestamp::now(), colour::of_lines(connection.looks));
    let rows = migrations.iter().map(|one| row(one, columns, now, theme));
    let heading = heading(columns);
    let heading = (!no_headers).then_some(heading.as_slice());
    for line in table::lines(heading, rows.collect()) {
        say::own(&format!("{line}\n"));
    }
}

fn nothing(connection: &Connection, args: &List) -> String {
    let such = if args.selector.is_some() {
        " with these labels"
    } else {
        ""
    };
    if args.all_namespaces {
        format!("there is no migration{such} in any namespace")
    } else {
        format!(
            "there is no migration{such} in namespace {}. To list those of all namespaces, add -A",
            connection.namespace
        )
    }
}

/// By what a template finds: numbers by their size, else by their letters, as times are written too.
fn sort(migrations: &mut Vec<StatefulMigration>, by: &Template) -> Result<(), Problem> {
    let keyed: Result<Vec<_>, _> = std::mem::take(migrations)
        .into_iter()
        .map(|migration| serde_json::to_value(&migration).map(|value| (by.fill(&value), migration)))
        .collect();
    let mut keyed =
        keyed.map_err(|error| Problem::Unknown(format!("a migration cannot be written: {error}")))?;
    keyed.sort_by(|(one, _), (other, _)| compare(one, other));
    migrations.extend(keyed.into_iter().map(|(_, migration)| migration));
    Ok(())
}

fn compare(one: &str, other: &str) -> Ordering {
    match (one.parse::<f64>(), other.parse::<f64>()) {
        (Ok(one), Ok(other)) => one.total_cmp(&other),
        (_, _) => one.cmp(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_sorted_by_size_and_times_by_age() {
        assert_eq!(compare("9", "10"), Ordering::Less);
        assert_eq!(
            compare("2026-01-02T03:04:05Z", "2026-01-10T00:00:00Z"),
            Ordering::Less
        );
        assert_eq!(compare("", "a"), Ordering::Less);
    }
}
