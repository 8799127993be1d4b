//! Drawings of the way by a stand-in: where its time goes, and what a large process does to it.

use anyhow::Result;
use plotters::style::RGBColor;

use super::charts::{COLOURS, Chart, WORK_US, colour, plain, seconds};
use super::plot::{self, Bars, Limit, Line, Series, Titles};
use crate::figures::{self, Group, Pick};
use crate::targets;
use crate::way;

/// Heaps are compared at this rate.
const HEAPS_AT: u32 = 40;

/// The same move with more to carry.
pub(super) fn heaps(groups: &[Group<'_>]) -> Result<Option<Chart>> {
    let kinds: [(&str, Pick); 3] = [
        ("whole move", |row| row.total_ms),
        ("longest pause", |row| row.pause_ms),
        ("longest freeze", figures::freeze),
    ];
    let of = groups.iter().filter(|group| {
        let shape = &group.shape;
        let same = (shape.rate, shape.work_us, shape.message_bytes, shape.prefetch);
        shape.way == way::SHADOW_POD.name && same == (HEAPS_AT, WORK_US, 100, 50)
    });
    let of: Vec<&Group<'_>> = of.collect();
    // One heap alone shows nothing.
    if of.len() < 2 {
        return Ok(None);
    }
    let line = |(n, (name, pick)): (usize, &(&str, Pick))| {
        let points = of
            .iter()
            .filter_map(|group| Some((f64::from(group.shape.heap_mb), seconds(group.median(*pick)?))));
        Line {
            name: (*name).to_owned(),
            colour: colour(n),
            points: points.collect(),
        }
    };
    let lines: Vec<Line> = kinds.iter().enumerate().map(line).collect();
    let titles = Titles {
        title: "StatefulSet ShadowPod by size of the process (median)",
        across: "MB that do not compress",
        up: "seconds",
    };
    let limits = [Limit {
        name: format!("target of the freeze {} s", seconds(targets::FREEZE_MS)),
        at: seconds(targets::FREEZE_MS),
    }];
    Ok(Some(Chart {
        file: "heap.svg",
        shows: format!("{}: whole move, pause and freeze", titles.title),
        svg: plot::lines(&titles, &lines, &limits)?,
    }))
}

/// Steps of both handoffs in one row, so that one sees what is done twice.
pub(super) fn steps(groups: &[Group<'_>]) -> Result<Option<Chart>> {
    let mut series: Vec<Series> = Vec::new();
    let mut rows = Vec::new();
    for group in plain(groups).filter(|group| group.shape.way == way::SHADOW_POD.name) {
        let mut values = Vec::new();
        for step in group.steps(|all| all) {
            let name = step.step();
            let kind = series.iter().position(|series| series.name == name);
            let kind = kind.unwrap_or_else(|| {
                series.push(Series {
                    name: name.to_owned(),
                    colour: shade(series.len()),
                });
                series.len() - 1
            });
            values.push((kind, seconds(step.millis)));
        }
        if !values.is_empty() {
            rows.push(Bars {
                name: format!("{} messages a second", group.shape.rate),
                values,
            });
        }
    }
    if rows.is_empty() {
        return Ok(None);
    }
    let titles = Titles {
        title: "Steps of StatefulSet ShadowPod, both handoffs (medians)",
        across: "seconds",
        up: "",
    };
    Ok(Some(Chart {
        file: "steps.svg",
        shows: format!("{}, one bar for each rate", titles.title),
        svg: plot::stacked(&titles, &series, &rows)?,
    }))
}

/// There are more steps than colours: the second time around they are lighter.
fn shade(n: usize) -> RGBColor {
    let RGBColor(red, green, blue) = colour(n);
    let lighter = |part: u8| part / 2 + 127;
    if n < COLOURS.len() {
        RGBColor(red, green, blue)
    } else {
        RGBColor(lighter(red), lighter(green), lighter(blue))
    }
}
