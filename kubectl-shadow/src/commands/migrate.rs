//! `kubectl shadow migrate`: asks for moves and follows them. Guarantee: of several pods either all are asked for, or none, as far
//! as the admission can say beforehand.

mod ask;

use kube::ResourceExt;
use shadow_core::api::StatefulMigration;

use crate::cli::{DryRun, Migrate};
use crate::commands::follow::{self, End, Told};
use crate::commands::{list, pods, wanted, watch};
use crate::connection::Connection;
use crate::ending::Ending;
use crate::output::Format;
use crate::problem::Problem;
use crate::render::list::Columns;
use crate::say;

/// Runs the command.
pub(super) async fn run(connection: &Connection, args: &Migrate) -> Result<Ending, Problem> {
    let pods = pods::named(connection, &args.which)
        .await
        .map_err(Problem::before)?;
    let wanted: Vec<StatefulMigration> = pods
        .iter()
        .map(|pod| wanted::of(&args.ways, pod, &connection.namespace))
        .collect();
    if args.dry_run == Some(DryRun::Client) {
        return print(args.output.format.as_ref().unwrap_or(&Format::Yaml), &wanted);
    }
    for pod in &pods {
        wanted::check_broker_access(connection, &args.ways, pod)
            .await
            .map_err(Problem::before)?;
    }
    if let Some(answered) = ask::first(connection, args, &wanted).await? {
        if let Some(format) = &args.output.format {
            return print(format, &answered);
        }
        for one in &answered {
            say::line(&format!("{} would be created (server dry run)", shown(one)));
        }
        return Ok(Ending::Done);
    }
    let (created, refused) = create(connection, args, &wanted).await?;
    let ending = after(connection, args, created).await?;
    Ok(match refused {
        Some(problem) => ending.worse(problem.ending()),
        None => ending,
    })
}

/// One after the other; the controller decides whose turn it is. The first one that is refused ends it, and is told.
async fn create(
    connection: &Connection,
    args: &Migrate,
    wanted: &[StatefulMigration],
) -> Result<(Vec<StatefulMigration>, Option<Problem>), Problem> {
    let mut created = Vec::new();
    for one in wanted {
        match ask::create(connection, one).await {
            Ok(migration) => {
                match &args.output.format {
                    Some(Format::Name) => say::line(&shown(&migration)),
                    Some(Format::Json | Format::Yaml | Format::Jsonpath(_)) => {}
                    Some(Format::Wide) | None => say::line(&format!("{} created", shown(&migration))),
                }
                created.push(migration);
            }
            Err(problem) if created.is_empty() => return Err(problem),
            Err(problem) => {
                let pod = &one.spec.source_pod;
                for line in problem.lines() {
                    say::problem(&format!("{pod}: {line}"));
                }
                say::problem(&format!(
                    "no move was begun of {pod} and the pods behind it. Those before it go on"
                ));
                return Ok((created, Some(problem)));
            }
        }
    }
    Ok((created, None))
}

/// What comes when they are accepted.
async fn after(
    connection: &Connection,
    args: &Migrate,
    created: Vec<StatefulMigration>,
) -> Result<Ending, Problem> {
    let names: Vec<String> = created.iter().map(ResourceExt::name_any).collect();
    if !args.waits() {
        return accepted(connection, args, &names, &created);
    }
    if args.watch || args.record.is_some() {
        return watch::of_begun(connection, args, names).await;
    }
    let told = tellers(args, &created);
    let follows = names
        .iter()
        .zip(told)
        .map(|(name, told)| follow::to_the_end(connection, name, args.timeout, told));
    let mut ends = futures::future::join_all(follows).await;
    if ends.len() == 1 {
        let end = ends.swap_remove(0)?;
        if let Some(last) = end.last {
            finally(args, &[last])?;
        }
        return Ok(end.ending);
    }
    told_together(connection, args, ends)
}

fn accepted(
    connection: &Connection,
    args: &Migrate,
    names: &[String],
    created: &[StatefulMigration],
) -> Result<Ending, Problem> {
    match &args.output.format {
        Some(Format::Name) => {}
        Some(format @ (Format::Json | Format::Yaml | Format::Jsonpath(_))) => return print(format, created),
        Some(Format::Wide) | None => {
            for name in names {
                say::line(&format!(
                    "to see it, type: kubectl shadow status {name} -n {}",
                    connection.namespace
                ));
            }
        }
    }
    Ok(Ending::Done)
}

/// How each of them is told: alone, or beside others with the name of its pod.
fn tellers(args: &Migrate, created: &[StatefulMigration]) -> Vec<Told> {
    if args.output.format.is_some() {
        return created.iter().map(|_| Told::Nothing).collect();
    }
    if created.len() == 1 {
        return vec![Told::lines()];
    }
    let pods = created.iter().map(|one| one.spec.source_pod.as_str());
    let width = pods.clone().map(str::len).max().unwrap_or_default();
    pods.map(|pod| Told::beside(format!("{pod:<width$}  "))).collect()
}

/// The worst of all, and a line each.
fn told_together(
    connection: &Connection,
    args: &Migrate,
    ends: Vec<Result<End, Problem>>,
) -> Result<Ending, Problem> {
    let mut worst = Ending::Done;
    let mut last = Vec::new();
    for end in ends {
        match end {
            Ok(end) => {
                worst = worst.worse(end.ending);
                last.extend(end.last);
            }
            Err(problem) => {
                problem.lines().iter().for_each(|line| say::problem(line));
                worst = worst.worse(problem.ending());
            }
        }
    }
    if args.output.format.is_none() {
        say::line("");
        list::print_table(connection, &last, Columns::default(), false);
    }
    finally(args, &last)?;
    Ok(worst)
}

/// What `-o` prints at the end.
fn finally(args: &Migrate, last: &[StatefulMigration]) -> Result<(), Problem> {
    match &args.output.format {
        Some(format @ (Format::Json | Format::Yaml | Format::Jsonpath(_))) => print(format, last).map(|_| ()),
        Some(Format::Name | Format::Wide) | None => Ok(()),
    }
}

/// One as itself, several as a list.
fn print(format: &Format, migrations: &[StatefulMigration]) -> Result<Ending, Problem> {
    let lines = match migrations {
        [one] => format.object(one)?,
        several => format.list(several)?,
    };
    match lines {
        Some(lines) => lines.iter().for_each(|line| say::line(line)),
        None => migrations.iter().for_each(|one| say::line(&shown(one))),
    }
    Ok(Ending::Done)
}

fn shown(migration: &StatefulMigration) -> String {
    format!(
        "statefulmigration.{}/{}",
        shadow_core::names::GROUP,
        migration.name_any()
    )
}
