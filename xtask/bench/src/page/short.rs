//! The beginning of the page: ten lines that a reader keeps.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use anyhow::Result;

use super::charts::{COMPARED_AT, plain};
use crate::figures::{self, Group, Pick};
use crate::row::Row;
use crate::way::{self, How, Way};

/// What users have, then our own sample on the same queue and on others, then the way without the product.
const TOLD: [&Way; 6] = [
    &way::PIKA,
    &way::PIKA_5_S,
    &way::AIO_PIKA,
    &way::SINGLE_ACTIVE,
    &way::RETURNING,
    &way::DELETED,
];

pub(super) fn section(page: &mut String, rows: &[Row], groups: &[Group<'_>]) -> Result<()> {
    writeln!(
        page,
        "# Results\n\n\
         - **Measured**: {} moves and baselines in {} scenarios, {}; two nodes, control plane, RabbitMQ, load and oracle on one \
         machine of {}.",
        rows.len(),
        groups.len(),
        days(rows),
        joined(rows, |row| &row.machine),
    )?;
    exact(page, groups)?;
    unit(page, rows)?;
    for way in TOLD {
        of_way(page, groups, way)?;
    }
    writeln!(
        page,
        "- **Not measured**: nodes that are machines of their own with a network between them, more than one broker, ordinary \
         clients in other languages, or with large heaps."
    )?;
    Ok(())
}

fn exact(page: &mut String, groups: &[Group<'_>]) -> Result<()> {
    let all = figures::exactness(groups);
    let rest = match (all.judged - all.exact, all.errors) {
        (0, 0) => "",
        _ => " The others are at the end of this page, each with its reason.",
    };
    writeln!(
        page,
        "- **Exact**: {} of {} moves: nothing lost, applied twice or out of order, and the memory equal to that of a consumer \
         which was never moved.{rest}",
        all.exact, all.judged
    )?;
    Ok(())
}

/// Of all runs together, whatever they moved.
fn unit(page: &mut String, rows: &[Row]) -> Result<()> {
    let runs: BTreeSet<(&str, i64)> = rows
        .iter()
        .filter_map(|row| Some((row.run.as_str(), row.plain_start_ms?)))
        .collect();
    let mut all: Vec<i64> = runs.iter().map(|(_, millis)| *millis).collect();
    all.sort_unstable();
    match (figures::at(&all, 50), all.first(), all.last()) {
        (Some(median), Some(least), Some(most)) => writeln!(
            page,
            "- **The unit**: a plain pod of the sample, under the same load, is ready after {median} ms ({least} to {most} in {} \
             runs). *3.1×* below is 3.1 such plain starts.",
            all.len()
        )?,
        _ => writeln!(page, "- **The unit**, a plain start of a pod: not measured yet.")?,
    }
    Ok(())
}

/// Medians at one rate.
fn of_way(page: &mut String, groups: &[Group<'_>], way: &Way) -> Result<()> {
    let name = told(way);
    let Some(group) = compared(groups, way) else {
        writeln!(page, "- **{name}**: not measured yet.")?;
        return Ok(());
    };
    let total = median(group, |row| row.total_ms);
    if way.how == How::Deleted {
        writeln!(
            page,
            "- **{name}**: ready again after {total}, without its memory{}.",
            times_of(group)
        )?;
        return Ok(());
    }
    let (rate, exact, moves) = (group.shape.rate, group.exact(), group.rows.len());
    writeln!(
        page,
        "- **{name}**, {rate} messages a second: moved in {total}; nobody consumes for {}, the process stands still for \
         {}; {exact} of {moves} exact{}.",
        median(group, |row| row.pause_ms),
        median(group, figures::freeze),
        times_of(group),
    )?;
    Ok(())
}

/// Of a way, the scenario at the rate at which ways are compared, or the nearest to it.
fn compared<'a, 'b>(groups: &'a [Group<'b>], way: &Way) -> Option<&'a Group<'b>> {
    plain(groups)
        .filter(|group| group.shape.way == way.name)
        .min_by_key(|group| group.shape.rate.abs_diff(COMPARED_AT))
}

/// As it is written in a sentence.
fn told(way: &Way) -> String {
    let mut letters = way.name.chars();
    let name: String = letters
        .next()
        .into_iter()
        .flat_map(char::to_uppercase)
        .chain(letters)
        .collect();
    match way.how {
        How::Moved(_) if !way.is_ordinary() => {
            format!("Our sample, which reconnects within 50 ms: {name}")
        }
        How::Moved(_) | How::Deleted | How::Replayed(_) => name,
    }
}

/// Of the moves whose plain start is known; of all where it is known of none.
fn median(group: &Group<'_>, pick: Pick) -> String {
    match (group.in_starts(pick), group.median(pick)) {
        (Some(known), _) => format!("{} ms ({})", known.millis, known.times()),
        (None, Some(millis)) => format!("{millis} ms"),
        (None, None) => "an unknown time".to_owned(),
    }
}

/// Of which moves the times are, if not of all.
fn times_of(group: &Group<'_>) -> String {
    let rows = group.rows.iter();
    let known = rows.filter(|row| figures::plain_start(row).is_some()).count();
    if known == 0 || known == group.rows.len() {
        String::new()
    } else {
        format!("; times of the {known} whose plain start is known")
    }
}

fn days(rows: &[Row]) -> String {
    let days: BTreeSet<&str> = rows.iter().filter_map(|row| row.at.get(..10)).collect();
    match (days.first(), days.last()) {
        (Some(first), Some(last)) if first != last => format!("{first} to {last}"),
        (first, _) => first.copied().unwrap_or("an unknown day").to_owned(),
    }
}

/// Each once.
pub(super) fn joined(rows: &[Row], pick: fn(&Row) -> &str) -> String {
    let all: BTreeSet<&str> = rows.iter().map(pick).filter(|one| !one.is_empty()).collect();
    let all: Vec<&str> = all.into_iter().collect();
    if all.is_empty() {
        "not told".to_owned()
    } else {
        all.join("; ")
    }
}
