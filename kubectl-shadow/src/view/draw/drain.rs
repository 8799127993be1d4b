//! A node that is drained: what happens to each of its pods, and why.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::pane::{line, lines, paint_row, pane, span, stacked};
use super::pods::Columns;
use super::text::{seconds, wrapped};
use super::theme::{Theme, Tone};
use super::{archive, flow, footer, header, is_wide, rates, steps};
use crate::drain::{self, Row, Stage, Standing, State, What};
use crate::view::model::Model;
use crate::view::model::drain::Pod;
use crate::view::model::state::State as Move;

const MORE_KEYS: &str = "  C cancel…  L notes  v verdict  , . event  Space freeze  r record";

/// Draws it.
pub(super) fn draw(model: &Model, theme: &Theme, frame: &mut Frame<'_>, area: Rect) {
    let pods = model.pods();
    let standing = model.standing().cloned().unwrap_or_default();
    header::draw(model, theme, frame, area, place(model, theme, &standing));
    let keys = Rect::new(area.left(), area.bottom() - 1, area.width, 1);
    footer(
        model,
        theme,
        frame,
        keys,
        &[&keys_of(standing.stage, is_wide(area))],
    );
    let body = Rect::new(area.left(), area.top() + 1, area.width, area.height - 2);
    let (below, decide) = if is_wide(area) {
        (12, (body.height / 6).max(5))
    } else {
        (4, 4)
    };
    let [list, detail, last] = stacked(body, [0, below, decide]);
    let chosen = model.chosen_pod(&pods);
    draw_list(
        model,
        theme,
        frame,
        (list, &standing),
        &pods,
        chosen.map(|(at, _)| at),
    );
    draw_detail(model, theme, frame, detail, chosen.map(|(_, pod)| pod));
    draw_decisions(theme, frame, last, &standing, &pods);
}

fn keys_of(stage: Stage, wide: bool) -> String {
    let acts = match stage {
        Stage::Running => "  p no new moves  X stop the drain…",
        Stage::Paused => "  p go on  X stop the drain…",
        Stage::Stopping | Stage::Over => "",
    };
    let more = if wide { MORE_KEYS } else { "" };
    format!("Enter open{acts}{more}  y copy command  q quit")
}

/// Where this is, and what the drain as a whole does.
fn place(model: &Model, theme: &Theme, standing: &Standing) -> Line<'static> {
    let setting = &model.setting;
    let mut spans = vec![span(theme, Tone::Strong, format!("drain {}", standing.node))];
    if let Some(words) = standing.stage.words() {
        let tone = match standing.stage {
            Stage::Running | Stage::Over => Tone::Strong,
            Stage::Paused | Stage::Stopping => Tone::Held,
        };
        spans.push(span(theme, tone, format!("   {words}")));
    }
    spans.push(Span::raw(match &setting.file {
        Some(file) => format!("   recording {file}"),
        None => format!("   context {}", setting.place),
    }));
    Line::from(spans)
}

fn draw_list(
    model: &Model,
    theme: &Theme,
    frame: &mut Frame<'_>,
    (area, standing): (Rect, &Standing),
    pods: &[Pod<'_>],
    chosen: Option<usize>,
) {
    let to_go = model
        .drain_to_go(pods)
        .filter(|_| standing.stage == Stage::Running);
    let to_go = to_go.map(|left| format!("about {} to go", roughly(left)));
    let titles = (
        line(theme, Tone::Plain, summary(&standing.node, pods)),
        line(theme, Tone::Plain, to_go.unwrap_or_default()),
    );
    let inner = pane(frame, theme, area, titles);
    if inner.height == 0 {
        return;
    }
    let columns = Columns::of(inner.width);
    let head = columns.head(theme);
    frame
        .buffer_mut()
        .set_line(inner.left(), inner.top(), &head, inner.width);
    let rows = Rect::new(inner.left(), inner.top() + 1, inner.width, inner.height - 1);
    if pods.is_empty() {
        let said = if standing.stage == Stage::Over {
            "No pod was on the node."
        } else {
            "The pods of the node are being read."
        };
        lines(frame, rows, &[line(theme, Tone::Dim, said)]);
        return;
    }
    let height = usize::from(rows.height).max(1);
    let first = (chosen.unwrap_or(0) + 1).saturating_sub(height);
    let now = model.clock();
    for (row, (index, pod)) in (0u16..).zip(pods.iter().enumerate().skip(first).take(height)) {
        let text = columns.row(theme, pod, now, Some(index) == chosen);
        frame
            .buffer_mut()
            .set_line(rows.left(), rows.top() + row, &text, rows.width);
        if Some(index) == chosen {
            paint_row(frame, rows, row, theme.style(Tone::Chosen));
        }
    }
}

/// A guess is not told to the hundredth.
fn roughly(left: f64) -> String {
    if left < 100.0 {
        format!("{:.0} s", left.ceil())
    } else {
        seconds(left)
    }
}

/// How many pods have left the node, and how many stay on it.
pub(super) fn summary(node: &str, pods: &[Pod<'_>]) -> String {
    if pods.is_empty() {
        return "No pods have been seen yet".to_owned();
    }
    let count = |is: &dyn Fn(&Pod<'_>) -> bool| pods.iter().filter(|pod| is(pod)).count();
    let gone = count(&|pod| matches!(pod.state, State::Gone | State::Move(Move::Exact | Move::Inexact)));
    let stay = count(&|pod| pod.row.what == What::Stay);
    format!(
        "{node}: cordoned, {gone} of {} pods gone, {stay} stay",
        pods.len()
    )
}

/// The move of the pod under the cursor, or why it has none.
fn draw_detail(model: &Model, theme: &Theme, frame: &mut Frame<'_>, area: Rect, pod: Option<Pod<'_>>) {
    let Some(pod) = pod else {
        pane(frame, theme, area, (Line::default(), Line::default()));
        return;
    };
    let status = pod.entry.and_then(|entry| entry.migration.status.as_ref());
    let handoff = status
        .and_then(|status| status.handoff.as_ref())
        .filter(|_| !pod.state.is_settled());
    let handoff = handoff.map(|of| format!("handoff {}", of.replace('/', " of ")));
    let titles = (
        line(theme, Tone::Strong, pod.row.id()),
        line(theme, Tone::Plain, handoff.unwrap_or_default()),
    );
    let inner = pane(frame, theme, area, titles);
    let width = usize::from(inner.width).saturating_sub(2);
    let Some(entry) = pod.entry else {
        lines(frame, inner, &without_move(theme, pod.row, width));
        return;
    };
    let bar = archive::lines(model, theme, &entry, width);
    let steps = steps::strip(model, theme, &entry, width);
    // Where there are two lines, the archive is what takes long.
    let first = bar.clone().filter(|_| inner.height <= 6).unwrap_or(steps);
    let mut shown = vec![first, flow::sentence(model, theme, &entry)];
    if inner.height > 6 {
        shown.push(bar.unwrap_or_default());
        shown.extend(flow::picture(model, theme, &entry, inner));
        shown.extend(rates::lines(model, theme, &entry, inner));
    }
    lines(frame, inner, &shown);
}

fn without_move(theme: &Theme, row: &Row, width: usize) -> Vec<Line<'static>> {
    let why = if row.why.is_empty() {
        String::new()
    } else {
        format!(": {}", row.why)
    };
    let told = match row.state {
        State::Ready if row.what == What::Move => format!("Its plan is made, and its turn comes{why}."),
        State::Planning => "Its plan is being made.".to_owned(),
        State::Gone => "It is gone from the node.".to_owned(),
        State::Ready
        | State::Refused
        | State::Move(_)
        | State::Stays
        | State::Leaving
        | State::Blocked
        | State::Stopped => format!("{}{why}", row.state.word()),
    };
    wrapped(&told, width)
        .into_iter()
        .map(|text| line(theme, Tone::Plain, text))
        .collect()
}

fn draw_decisions(theme: &Theme, frame: &mut Frame<'_>, area: Rect, standing: &Standing, pods: &[Pod<'_>]) {
    let name = line(theme, Tone::Plain, "To decide");
    let inner = pane(frame, theme, area, (name, Line::default()));
    let width = usize::from(inner.width).saturating_sub(1);
    let rows: Vec<&Row> = pods.iter().map(|pod| pod.row).collect();
    let told = drain::to_decide(standing, &rows);
    if told.is_empty() {
        lines(frame, inner, &[line(theme, Tone::Dim, "Nothing at the moment.")]);
        return;
    }
    // Where there is not room for all of each, there is room for the beginning of as many as possible.
    let wraps = usize::from(inner.height) >= told.len() * 2;
    let shown: Vec<Line<'static>> = told
        .iter()
        .flat_map(|text| {
            if wraps {
                wrapped(text, width)
            } else {
                vec![super::text::fit(text, width)]
            }
        })
        .map(|text| line(theme, Tone::Plain, text))
        .collect();
    lines(frame, inner, &shown);
}
