//! What the page says.

use std::fmt::Write as _;

use anyhow::Result;

use super::charts::Chart;
use super::{FOLDER, ROWS, short, unmet};
use crate::figures::{self, Group};
use crate::row::Row;
use crate::steps;
use crate::table::{self, one, with_starts};
use crate::targets::{self, Finding, Of, Target};

/// The whole page in Markdown.
pub(super) fn page(rows: &[Row], groups: &[Group<'_>], charts: &[Chart]) -> Result<String> {
    let mut page = String::new();
    short::section(&mut page, rows, groups)?;
    how(&mut page, rows)?;
    let missed = promises(&mut page, groups)?;
    explained(&mut page, &missed)?;
    drawings(&mut page, charts)?;
    writeln!(
        page,
        "\n## Every scenario\n\n{}",
        table::markdown(rows).trim_end()
    )?;
    step_times(&mut page, groups)?;
    unmet::section(&mut page, rows)?;
    Ok(page)
}

fn how(page: &mut String, rows: &[Row]) -> Result<()> {
    writeln!(
        page,
        "\n## How it was measured\n\n\
         Made by `cargo xtask bench --page` from [{FOLDER}/{ROWS}]({FOLDER}/{ROWS}), the raw rows, none left out; change \
         the rows, not this page. The rows were made by `cargo xtask bench --out FOLDER --moves N`, N as many as the columns \
         say, in portions that add to the folder (`--only`, `--again`).\n\n\
         Commit: {}.{} Rows of 2026-11-22 \
         22:14 and of 2026-11-23 are from phases in which the machine was slow, up to half as fast: compare their steps, not \
         their totals, with those of the others, or multiples of plain starts where there are any. Not measured: the returning ways of Deployments and bare pods at other rates \
         than in the table, live moves at 1,000 and 10,000 msg/s and of bare \
         pods, `SingleActive` for Deployments and bare pods, 4 KB messages and prefetch 1 on the other routes, moves through \
         kubelet's own checkpoint.\n\n\
         What the columns mean:\n\n\
         - **plain start**: what a plain pod of the sample's image needs from its creation until it is Ready, on the target \
         node, under the load of the scenario, before its first move; median of three. Older rows have none. *3.1×* is 3.1 plain \
         starts: the median over the moves whose plain start is known, each by that of its own run. A multiple stands beside \
         the milliseconds of the same moves: at the beginning of this page they stand alone; in the tables the median of all \
         moves stands before them where it is another, as in *4781 (3910: 5.7×)*. Everything else, percentiles, maxima, exact, \
         targets and drawings, is of all moves.\n\
         - **total**: from the controller's first look at the migration to its end, when nothing of it is left.\n\
         - **pause**: longest time in which nobody consumes, from the request to hold until the copy is seen on the \
         queue. It includes that the application works off what it was given.\n\
         - **freeze**: longest time in which the process stood still for its dump.\n\
         - **downtime**: longest time in which requests failed; one is sent every 5 ms, each with a new connection, and \
         fails after 200 ms.\n\
         - **exact**: the migration's own verdict and the oracle's, on messages and on the state, say so.\n\
         - **agent**: highest resident memory of an agent and of the helper beside it, together.\n\n\
         Baselines, without the product: **delete the pod**: it is scheduled on the other node and starts with an empty \
         memory; its pause is the time until it is ready. **Classical replay**: a copy of the queue is bound, kubelet \
         checkpoints the pod that goes on, containerd restores the checkpoint as an image, the copy replays beside the \
         source, and takes its place when it has caught up; its total ends when the source is gone, and what was applied \
         between binding and checkpoint is applied twice.",
        short::joined(rows, |row| &row.commit),
        uncommitted(rows),
    )?;
    Ok(())
}

/// What a commit that ends in `-dirty` means, where there is one.
fn uncommitted(rows: &[Row]) -> &'static str {
    if rows.iter().any(|row| row.commit.ends_with("-dirty")) {
        " Rows whose commit ends in `-dirty` were measured with changes that were committed right after."
    } else {
        ""
    }
}

/// The table of targets; returns what is missed.
fn promises<'a>(page: &mut String, groups: &'a [Group<'_>]) -> Result<Vec<Finding<'a>>> {
    writeln!(
        page,
        "\n## Targets\n\n| target | scenario | measured | |\n|---|---|---|---|"
    )?;
    exactness(page, groups)?;
    let mut missed = Vec::new();
    for target in &targets::ALL {
        let findings = targets::findings(target, groups);
        let name = named(target);
        if findings.is_empty() {
            writeln!(page, "| {name} | – | – | not measured |")?;
        }
        for finding in findings {
            let (shape, measured, unit) = (finding.shape, finding.measured, target.unit);
            if finding.is_kept() {
                writeln!(page, "| {name} | {shape} | {measured} {unit} | kept |")?;
            } else {
                let over = measured - target.limit;
                writeln!(
                    page,
                    "| {name} | {shape} | {measured} {unit} | **missed** by {over} {unit} |"
                )?;
                missed.push(finding);
            }
        }
    }
    Ok(missed)
}

fn exactness(page: &mut String, groups: &[Group<'_>]) -> Result<()> {
    let figures::Exactness {
        judged,
        exact,
        errors,
    } = figures::exactness(groups);
    let kept = if exact < judged {
        "**missed**".to_owned()
    } else if errors > 0 {
        format!("kept by all that were measured; {errors} could not be, see the end")
    } else {
        "kept".to_owned()
    };
    writeln!(
        page,
        "| every move exact | all that move memory | {exact} of {judged} | {kept} |"
    )?;
    Ok(())
}

fn named(target: &Target) -> String {
    let of = match target.of {
        Of::Median => "median",
        Of::Highest => "highest",
    };
    format!("{} ≤ {} {} ({of})", target.what, target.limit, target.unit)
}

/// Where the time goes, longest steps first.
fn explained(page: &mut String, missed: &[Finding<'_>]) -> Result<()> {
    let with_steps: Vec<&Finding<'_>> = missed
        .iter()
        .filter(|finding| !finding.where_it_goes.is_empty())
        .collect();
    if with_steps.is_empty() {
        return Ok(());
    }
    writeln!(
        page,
        "\n## Where the time goes where a target is missed\n\n\
         Medians of the steps, ms, longest first; 1 and 2 are the handoffs. For a pause: the steps from hold to release, \
         of which the longer handoff counts (Hold may begin before the request to hold). [ARCHITECTURE.md](ARCHITECTURE.md) says what each step does.\n\n\
         | target | scenario | measured | steps |\n|---|---|---|---|"
    )?;
    for finding in with_steps {
        let mut longest: Vec<_> = finding.where_it_goes.iter().collect();
        longest.sort_by_key(|step| std::cmp::Reverse(step.millis));
        let told: Vec<String> = longest
            .iter()
            .map(|step| format!("{} {}", spaced(&step.name), step.millis))
            .collect();
        writeln!(
            page,
            "| {} | {} | {} {} | {} |",
            named(finding.target),
            finding.shape,
            finding.measured,
            finding.target.unit,
            told.join(", ")
        )?;
    }
    Ok(())
}

/// `Hold 1` of `Hold1`; what belongs to no handoff has no number.
fn spaced(name: &str) -> String {
    let step = steps::step_of(name);
    match name.strip_prefix(step) {
        Some("" | "0") | None => step.to_owned(),
        Some(handoff) => format!("{step} {handoff}"),
    }
}

fn drawings(page: &mut String, charts: &[Chart]) -> Result<()> {
    if charts.is_empty() {
        return Ok(());
    }
    writeln!(page, "\n## Drawings")?;
    for chart in charts {
        writeln!(page, "\n![{}]({FOLDER}/{})", chart.shows, chart.file)?;
    }
    Ok(())
}

/// One table for each way, a column for each scenario.
fn step_times(page: &mut String, groups: &[Group<'_>]) -> Result<()> {
    writeln!(page, "\n## Medians of the steps, ms")?;
    for of_way in groups.chunk_by(|a, b| a.shape.way == b.shape.way) {
        let columns: Vec<_> = of_way
            .iter()
            .map(|group| (group, group.steps(|all| all)))
            .filter(|(_, steps)| !steps.is_empty())
            .collect();
        let Some((first, _)) = columns.first() else {
            continue;
        };
        let mut names: Vec<&str> = Vec::new();
        for step in columns.iter().flat_map(|(_, steps)| steps) {
            if !names.contains(&step.name.as_str()) {
                names.push(&step.name);
            }
        }
        writeln!(page, "\n### {}\n", first.shape.way)?;
        let heads: Vec<String> = columns.iter().map(|(group, _)| column(group)).collect();
        writeln!(
            page,
            "| step | {} |\n|---|{}",
            heads.join(" | "),
            "---|".repeat(heads.len())
        )?;
        for name in names {
            let cells = columns.iter().map(|(group, steps)| {
                let step = steps.iter().find(|step| step.name == name);
                step.map_or_else(
                    || one(None),
                    |step| with_starts(step.millis, group.step_in_starts(name)),
                )
            });
            let cells: Vec<String> = cells.collect();
            writeln!(page, "| {} | {} |", spaced(name), cells.join(" | "))?;
        }
    }
    Ok(())
}

/// What tells the scenarios of one way apart.
fn column(group: &Group<'_>) -> String {
    let shape = &group.shape;
    let mut name = format!("{}/s", shape.rate);
    if shape.heap_mb > 0 {
        name += &format!(", {} MB", shape.heap_mb);
    }
    if shape.message_bytes != 100 {
        name += &format!(", {} B", shape.message_bytes);
    }
    if shape.prefetch != 50 {
        name += &format!(", prefetch {}", shape.prefetch);
    }
    name
}
