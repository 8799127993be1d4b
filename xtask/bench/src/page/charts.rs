//! Which figures are drawn.

use anyhow::Result;
use plotters::style::RGBColor;

use super::plot::{self, Bars, Limit, Line, Series, Titles};
use super::stand_in;
use crate::figures::{Group, Pick, at};
use crate::targets;
use crate::way;

/// Work that the rates of the drawings belong to.
pub(super) const WORK_US: u32 = 10_000;
/// Ways are compared at this rate.
pub(super) const COMPARED_AT: u32 = 80;

/// A drawing, to be written beside the page.
pub(super) struct Chart {
    pub(super) file: &'static str,
    /// What it shows, for those who do not see it.
    pub(super) shows: String,
    pub(super) svg: String,
}

/// All drawings that the rows have figures for.
pub(super) fn all(groups: &[Group<'_>]) -> Result<Vec<Chart>> {
    let drawn = [
        totals(groups)?,
        stand_in::steps(groups)?,
        pauses(groups)?,
        pauses_by_rate(groups)?,
        unanswered(groups)?,
        stand_in::heaps(groups)?,
    ];
    Ok(drawn.into_iter().flatten().collect())
}

/// Told apart also by those who see few colours.
pub(super) const COLOURS: [RGBColor; 19] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(230, 159, 0),
    RGBColor(204, 121, 167),
    RGBColor(86, 180, 233),
    RGBColor(110, 110, 110),
    RGBColor(160, 140, 20),
    RGBColor(90, 50, 140),
    RGBColor(150, 75, 0),
    RGBColor(0, 90, 80),
    RGBColor(250, 120, 120),
    RGBColor(120, 190, 40),
    RGBColor(0, 60, 120),
    RGBColor(170, 190, 210),
    RGBColor(200, 160, 130),
    RGBColor(40, 40, 40),
    RGBColor(180, 0, 100),
    RGBColor(60, 150, 200),
];

pub(super) fn colour(n: usize) -> RGBColor {
    COLOURS[n % COLOURS.len()]
}

/// A way has the same colour in all drawings.
fn colour_of(way: &str) -> RGBColor {
    colour(
        way::ALL
            .iter()
            .position(|known| known.name == way)
            .unwrap_or(COLOURS.len() - 1),
    )
}

pub(super) fn seconds(millis: i64) -> f64 {
    millis as f64 / 1_000.0
}

fn limit(millis: i64) -> Limit {
    Limit {
        name: format!("target {} s", seconds(millis)),
        at: seconds(millis),
    }
}

/// Groups that only way and rate tell apart.
pub(super) fn plain<'a, 'b>(groups: &'a [Group<'b>]) -> impl Iterator<Item = &'a Group<'b>> {
    groups
        .iter()
        .filter(|group| group.shape.is_plain() && group.shape.work_us == WORK_US)
}

/// One line for each way, over the rate.
fn by_rate(groups: &[Group<'_>], pick: Pick) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    for group in plain(groups) {
        let Some(median) = group.median(pick) else {
            continue;
        };
        let point = (f64::from(group.shape.rate), seconds(median));
        match lines.iter_mut().find(|line| line.name == group.shape.way) {
            Some(line) => line.points.push(point),
            None => lines.push(Line {
                name: group.shape.way.clone(),
                colour: colour_of(&group.shape.way),
                points: vec![point],
            }),
        }
    }
    lines
}

fn totals(groups: &[Group<'_>]) -> Result<Option<Chart>> {
    let titles = Titles {
        title: "Whole move (median)",
        across: "messages a second (10 ms of work each: 100 can be served)",
        up: "seconds",
    };
    let limits = [targets::TOTAL_OF_SETS_MS, targets::TOTAL_OF_OTHERS_MS].map(limit);
    over_rates(
        "total.svg",
        &titles,
        &by_rate(groups, |row| row.total_ms),
        &limits,
    )
}

fn pauses_by_rate(groups: &[Group<'_>]) -> Result<Option<Chart>> {
    let titles = Titles {
        title: "Longest pause in consuming (median)",
        across: "messages a second (10 ms of work each: 100 can be served)",
        up: "seconds",
    };
    let mut lines = by_rate(groups, |row| row.pause_ms);
    // To delete a pod is no pause: what it had in memory never comes back.
    lines.retain(|line| line.name != way::DELETED.name);
    over_rates("pause-by-rate.svg", &titles, &lines, &[limit(targets::PAUSE_MS)])
}

fn over_rates(
    file: &'static str,
    titles: &Titles<'_>,
    lines: &[Line],
    limits: &[Limit],
) -> Result<Option<Chart>> {
    if lines.is_empty() {
        return Ok(None);
    }
    Ok(Some(Chart {
        file,
        shows: format!("{} by messages a second, one line for each way", titles.title),
        svg: plot::lines(titles, lines, limits)?,
    }))
}

/// Of values that are sorted.
type Statistic = fn(&[i64]) -> Option<i64>;

/// Two figures of each way at the same rate.
fn compared(groups: &[Group<'_>], kinds: [(&str, Statistic); 2], pick: Pick) -> (Vec<Series>, Vec<Bars>) {
    let series = kinds.iter().enumerate().map(|(n, (name, _))| Series {
        name: (*name).to_owned(),
        colour: colour(n),
    });
    let mut rows = Vec::new();
    for group in plain(groups).filter(|group| group.shape.rate == COMPARED_AT) {
        let sorted = group.sorted(pick);
        let values = kinds.iter().enumerate();
        let values: Vec<_> = values
            .filter_map(|(n, (_, of))| Some((n, seconds(of(&sorted)?))))
            .collect();
        if !values.is_empty() {
            rows.push(Bars {
                name: group.shape.way.clone(),
                values,
            });
        }
    }
    (series.collect(), rows)
}

fn median(sorted: &[i64]) -> Option<i64> {
    at(sorted, 50)
}

fn high(sorted: &[i64]) -> Option<i64> {
    at(sorted, 90)
}

fn highest(sorted: &[i64]) -> Option<i64> {
    sorted.last().copied()
}

fn pauses(groups: &[Group<'_>]) -> Result<Option<Chart>> {
    let kinds: [(&str, Statistic); 2] = [("median", median), ("90th percentile", high)];
    let (series, mut rows) = compared(groups, kinds, |row| row.pause_ms);
    rows.retain(|row| row.name != way::DELETED.name);
    let title = format!("Longest pause in consuming, {COMPARED_AT} messages a second");
    of_ways("pause.svg", &title, &series, &rows, targets::PAUSE_MS)
}

fn unanswered(groups: &[Group<'_>]) -> Result<Option<Chart>> {
    let kinds: [(&str, Statistic); 2] = [("median", median), ("maximum", highest)];
    let (series, rows) = compared(groups, kinds, |row| row.downtime_ms);
    let title = format!("Longest time without an answer, {COMPARED_AT} messages a second");
    of_ways("downtime.svg", &title, &series, &rows, targets::DOWNTIME_MS)
}

fn of_ways(
    file: &'static str,
    title: &str,
    series: &[Series],
    rows: &[Bars],
    target: i64,
) -> Result<Option<Chart>> {
    if rows.is_empty() {
        return Ok(None);
    }
    let titles = Titles {
        title,
        across: "seconds",
        up: "",
    };
    Ok(Some(Chart {
        file,
        shows: format!("{title}, two bars for each way"),
        svg: plot::bars(&titles, series, rows, Some(&limit(target)))?,
    }))
}
