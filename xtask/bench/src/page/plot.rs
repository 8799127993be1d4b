//! Drawings as SVG text. No font of the system is needed, and equal figures give equal bytes.

use anyhow::{Result, anyhow};
use plotters::coord::Shift;
use plotters::prelude::*;

const SIZE: (u32, u32) = (900, 420);
/// Height of one of several panels.
const PANEL: u32 = 260;
const LEGEND: u32 = 240;
/// Height of one bar with what is around it.
const BAR: u32 = 40;
const AROUND_BARS: u32 = 90;
const NAMES: u32 = 240;
const LETTERS: u32 = 16;
const TITLE: u32 = 20;

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// Points of one way.
pub(super) struct Line {
    pub(super) name: String,
    pub(super) colour: RGBColor,
    pub(super) points: Vec<(f64, f64)>,
}

/// A value that should not be exceeded.
pub(super) struct Limit {
    pub(super) name: String,
    pub(super) at: f64,
}

/// One row of bars, drawn beside each other or one behind the other.
pub(super) struct Bars {
    pub(super) name: String,
    /// Series and value.
    pub(super) values: Vec<(usize, f64)>,
}

/// A kind of bar.
#[derive(Clone)]
pub(super) struct Series {
    pub(super) name: String,
    pub(super) colour: RGBColor,
}

/// What a drawing says around its figures.
pub(super) struct Titles<'a> {
    pub(super) title: &'a str,
    pub(super) across: &'a str,
    pub(super) up: &'a str,
}

/// Lines with points, and dashed limits.
pub(super) fn lines(titles: &Titles<'_>, lines: &[Line], limits: &[Limit]) -> Result<String> {
    drawn(SIZE, |root| panel(root, titles, lines, limits, 3))
}

/// Lines with small points, one panel below the other: each has a scale of its own.
pub(super) fn panels(panels: &[(Titles<'_>, Vec<Line>)]) -> Result<String> {
    let count = u32::try_from(panels.len().max(1))?;
    drawn((SIZE.0, PANEL * count), |root| {
        let areas = root.split_evenly((panels.len().max(1), 1));
        let mut all = areas.iter().zip(panels);
        all.try_for_each(|(area, (titles, lines))| panel(area, titles, lines, &[], 1))
    })
}

fn panel(root: &Area<'_>, titles: &Titles<'_>, lines: &[Line], limits: &[Limit], dot: i32) -> Result<()> {
    let (area, legend) = root.split_horizontally(SIZE.0 - LEGEND);
    let points = || lines.iter().flat_map(|line| &line.points);
    let right = points().map(|(x, _)| *x).fold(0.0, f64::max);
    let top = points().map(|(_, y)| *y);
    let top = top.chain(limits.iter().map(|limit| limit.at)).fold(0.0, f64::max);
    let mut chart = ChartBuilder::on(&area)
        .caption(titles.title, ("sans-serif", TITLE))
        .margin(10)
        .x_label_area_size(40)
        .y_label_area_size(60)
        .build_cartesian_2d(0.0..right * 1.03, 0.0..top * 1.08)
        .map_err(failed)?;
    let mut mesh = chart.configure_mesh();
    mesh.x_desc(titles.across).y_desc(titles.up);
    mesh.x_label_formatter(&short).y_label_formatter(&short);
    mesh.label_style(("sans-serif", LETTERS));
    mesh.light_line_style(TRANSPARENT).draw().map_err(failed)?;
    for limit in limits {
        let ends = [(0.0, limit.at), (right * 1.03, limit.at)];
        let dashed = DashedLineSeries::new(ends, 6, 4, BLACK.stroke_width(1));
        chart.draw_series(dashed).map_err(failed)?;
    }
    for line in lines {
        let points = || line.points.iter().copied();
        let drawn = LineSeries::new(points(), line.colour.stroke_width(2));
        chart.draw_series(drawn).map_err(failed)?;
        let dots = points().map(|at| Circle::new(at, dot, line.colour.filled()));
        chart.draw_series(dots).map_err(failed)?;
    }
    let kinds = lines.iter().map(|line| Mark::Filled(&line.name, line.colour));
    let dashed = limits.iter().map(|limit| Mark::Dashed(&limit.name));
    legend_on(&legend, kinds.chain(dashed))
}

/// Horizontal bars, one below the other for each series of a row.
pub(super) fn bars(
    titles: &Titles<'_>,
    series: &[Series],
    rows: &[Bars],
    limit: Option<&Limit>,
) -> Result<String> {
    horizontal(titles, series, rows, limit, |row, add| {
        let height = BAR.saturating_sub(8) / u32::try_from(series.len().max(1))?;
        for (place, (kind, value)) in (0_u32..).zip(&row.values) {
            let above = 4 + place * height;
            add(*kind, 0.0, *value, above, BAR.saturating_sub(above + height))?;
        }
        Ok(())
    })
}

/// Horizontal bars, the values of a row one behind the other.
pub(super) fn stacked(titles: &Titles<'_>, series: &[Series], rows: &[Bars]) -> Result<String> {
    horizontal(titles, series, rows, None, |row, add| {
        let mut from = 0.0;
        for (kind, value) in &row.values {
            add(*kind, from, from + value, 6, 6)?;
            from += value;
        }
        Ok(())
    })
}

/// Draws one bar: series, from, to, pixels left free above and below.
type Add<'a> = dyn FnMut(usize, f64, f64, u32, u32) -> Result<()> + 'a;

fn horizontal(
    titles: &Titles<'_>,
    series: &[Series],
    rows: &[Bars],
    limit: Option<&Limit>,
    draw: impl Fn(&Bars, &mut Add<'_>) -> Result<()>,
) -> Result<String> {
    let count = u32::try_from(rows.len())?;
    let legend_height = 60 + 20 * u32::try_from(series.len())?;
    let height = (AROUND_BARS + BAR * count).max(legend_height);
    drawn((SIZE.0 + NAMES, height), |root| {
        let (area, legend) = root.split_horizontally(SIZE.0 + NAMES - LEGEND);
        // Whatever the legend needs, a bar has its height.
        let area = area.margin(0, height - AROUND_BARS - BAR * count, 0, 0);
        let mut right = limit.map_or(0.0, |limit| limit.at);
        for row in rows {
            draw(row, &mut |_, _, to, _, _| {
                right = right.max(to);
                Ok(())
            })?;
        }
        let mut chart = ChartBuilder::on(&area)
            .caption(titles.title, ("sans-serif", TITLE))
            .margin(10)
            .x_label_area_size(40)
            .y_label_area_size(NAMES)
            .build_cartesian_2d(0.0..right * 1.05, (0..count.saturating_sub(1)).into_segmented())
            .map_err(failed)?;
        let name = |place: &SegmentValue<u32>| named(rows, place);
        let mut mesh = chart.configure_mesh();
        mesh.x_desc(titles.across)
            .disable_y_mesh()
            .y_labels(rows.len() + 1);
        mesh.x_label_formatter(&short).y_label_formatter(&name);
        mesh.light_line_style(TRANSPARENT);
        mesh.label_style(("sans-serif", LETTERS));
        mesh.draw().map_err(failed)?;
        for (n, row) in (0..count).rev().zip(rows) {
            draw(row, &mut |kind, from, to, above, below| {
                let corners = [(from, edge(n, count)), (to, edge(n + 1, count))];
                let colour = series.get(kind).map_or(BLACK, |series| series.colour);
                let mut bar = Rectangle::new(corners, colour.filled());
                bar.set_margin(above, below, 0, 1);
                chart.draw_series([bar]).map_err(failed)?;
                Ok(())
            })?;
        }
        if let Some(limit) = limit {
            let ends = [(limit.at, edge(0, count)), (limit.at, edge(count, count))];
            let dashed = DashedLineSeries::new(ends, 6, 4, BLACK.stroke_width(1));
            chart.draw_series(dashed).map_err(failed)?;
        }
        let kinds = series
            .iter()
            .map(|series| Mark::Filled(&series.name, series.colour));
        let dashed = limit.map(|limit| Mark::Dashed(&limit.name));
        legend_on(&legend, kinds.chain(dashed))
    })
}

/// Lower edge of the place of a row, counted from below.
fn edge(n: u32, count: u32) -> SegmentValue<u32> {
    if n < count {
        SegmentValue::Exact(n)
    } else {
        SegmentValue::Last
    }
}

/// The first row is at the top.
fn named(rows: &[Bars], place: &SegmentValue<u32>) -> String {
    match place {
        SegmentValue::CenterOf(n) => {
            let row = usize::try_from(*n).ok().and_then(|n| rows.iter().rev().nth(n));
            row.map(|row| row.name.clone()).unwrap_or_default()
        }
        SegmentValue::Exact(_) | SegmentValue::Last => String::new(),
    }
}

/// A number on an axis.
fn short(number: &f64) -> String {
    format!("{}", (number * 1_000.0).round() / 1_000.0)
}

/// An entry of a legend.
enum Mark<'a> {
    Filled(&'a str, RGBColor),
    Dashed(&'a str),
}

fn legend_on<'a>(area: &Area<'_>, entries: impl Iterator<Item = Mark<'a>>) -> Result<()> {
    for (n, mark) in (0..).zip(entries) {
        let y = 45 + 20 * n;
        let name = match mark {
            Mark::Filled(name, colour) => {
                let whole = Rectangle::new([(8, y), (24, y + 8)], colour.filled());
                area.draw(&whole).map_err(failed)?;
                name
            }
            Mark::Dashed(name) => {
                for from in [8, 18] {
                    let dash = Rectangle::new([(from, y + 3), (from + 6, y + 5)], BLACK.filled());
                    area.draw(&dash).map_err(failed)?;
                }
                name
            }
        };
        let text = Text::new(name, (32, y - 3), ("sans-serif", LETTERS));
        area.draw(&text).map_err(failed)?;
    }
    Ok(())
}

fn drawn(size: (u32, u32), draw: impl FnOnce(&Area<'_>) -> Result<()>) -> Result<String> {
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        root.fill(&WHITE).map_err(failed)?;
        draw(&root)?;
        root.present().map_err(failed)?;
    }
    Ok(svg)
}

fn failed(error: impl std::fmt::Display) -> anyhow::Error {
    anyhow!("draw: {error}")
}
