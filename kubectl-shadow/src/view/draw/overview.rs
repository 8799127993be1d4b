//! All migrations, the most urgent first.

use jiff::Timestamp;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::pane::{line, lines, paint_row, pane, span, stacked};
use super::text::{fit, middle, right, seconds, wrapped};
use super::theme::{Theme, Tone, mark, tone};
use super::{flow, footer, header, is_wide, news, steps};
use crate::view::model::list::{Entry, nodes};
use crate::view::model::object::LinkState;
use crate::view::model::state::{State, pauses};
use crate::view::model::{MIGRATIONS, Missing, Model, Over, pipeline};

const KEYS: [&str; 2] = [
    "↑↓ select  Enter open  / filter  s sort  a all namespaces  y copy command",
    "C cancel…  L notes  Space freeze  , . step back/forward  g newest  q quit",
];

/// Draws it.
pub(super) fn draw(model: &Model, theme: &Theme, frame: &mut Frame<'_>, area: Rect) {
    header::draw(model, theme, frame, area, header::place(model, theme));
    let keys = Rect::new(area.left(), area.bottom() - 2, area.width, 2);
    let body = Rect::new(area.left(), area.top() + 1, area.width, area.height - 3);
    let (below, told) = if is_wide(area) {
        (12, body.height / 5)
    } else {
        (4, 5)
    };
    let [list, detail, newest] = stacked(body, [0, below, told]);
    let entries = model.entries();
    let chosen = chosen(model, &entries);
    draw_list(model, theme, frame, list, &entries, chosen);
    draw_detail(model, theme, frame, detail, chosen.and_then(|at| entries.get(at)));
    let inner = pane(
        frame,
        theme,
        newest,
        (line(theme, Tone::Plain, "Newest"), Line::default()),
    );
    lines(frame, inner, &news::of_all(model, theme, &entries, inner));
    footer(model, theme, frame, keys, &KEYS);
}

fn chosen(model: &Model, entries: &[Entry<'_>]) -> Option<usize> {
    let selected = model.list.selected.as_deref();
    let found = entries.iter().position(|entry| Some(entry.id) == selected);
    found.or((!entries.is_empty()).then_some(0))
}

fn draw_list(
    model: &Model,
    theme: &Theme,
    frame: &mut Frame<'_>,
    area: Rect,
    entries: &[Entry<'_>],
    chosen: Option<usize>,
) {
    let typing = model.over == Some(Over::Filter);
    let filter = match (typing, model.list.filter.as_str()) {
        (true, text) => format!("   filter: {text}_"),
        (false, "") => String::new(),
        (false, text) => format!("   filter: {text}"),
    };
    let reversed = if model.list.reversed { ", reversed" } else { "" };
    let order = format!("sort: {}{reversed}{filter}", model.list.sort.word());
    let tone = if typing { Tone::Strong } else { Tone::Plain };
    let titles = (
        line(theme, Tone::Plain, summary(entries)),
        line(theme, tone, order),
    );
    let inner = pane(frame, theme, area, titles);
    if inner.height == 0 {
        return;
    }
    let columns = Columns::of(inner.width, model.list.wide || inner.width >= 110);
    frame
        .buffer_mut()
        .set_line(inner.left(), inner.top(), &columns.head(theme), inner.width);
    let rows = Rect::new(inner.left(), inner.top() + 1, inner.width, inner.height - 1);
    if entries.is_empty() {
        lines(
            frame,
            rows,
            &empty(model, theme, usize::from(rows.width).saturating_sub(1)),
        );
        return;
    }
    let height = usize::from(rows.height).max(1);
    let here = chosen.unwrap_or(0);
    // The cursor stays in the window, and the list stays still while the cursor moves within it.
    let first = (here + 1).saturating_sub(height);
    let now = model.clock();
    for (row, (index, entry)) in (0u16..).zip(entries.iter().enumerate().skip(first).take(height)) {
        let text = columns.row(theme, entry, now, Some(index) == chosen);
        frame
            .buffer_mut()
            .set_line(rows.left(), rows.top() + row, &text, rows.width);
        if Some(index) == chosen {
            paint_row(frame, rows, row, theme.style(Tone::Chosen));
        }
    }
}

fn summary(entries: &[Entry<'_>]) -> String {
    let count = |state: State| entries.iter().filter(|entry| entry.state == state).count();
    let told = [
        (State::Stuck, "stuck"),
        (State::Held, "held"),
        (State::Undoing, "undoing"),
        (State::Waiting, "waiting"),
    ];
    let parts = told
        .iter()
        .map(|(state, word)| (count(*state), word))
        .filter(|(count, _)| *count > 0);
    let parts: Vec<String> = parts.map(|(count, word)| format!("{count} {word}")).collect();
    if parts.is_empty() {
        format!("Migrations {}", entries.len())
    } else {
        format!("Migrations {}: {}", entries.len(), parts.join(", "))
    }
}

/// Why there is nothing to see.
fn empty(model: &Model, theme: &Theme, width: usize) -> Vec<Line<'static>> {
    let plain = |text: &str| line(theme, Tone::Plain, text);
    let is_seen = model
        .link(MIGRATIONS)
        .is_some_and(|link| link.state == LinkState::Seen)
        || model.whole;
    match model.missing(MIGRATIONS) {
        Missing::Right(why) => {
            let need = "You need the verbs list and watch on statefulmigrations.migration.ms2m.io.";
            let first = line(theme, Tone::Bad, "NO RIGHT to see migrations.");
            let why = wrapped(&why, width).into_iter().map(|text| plain(&text));
            [first].into_iter().chain(why).chain([plain(need)]).collect()
        }
        Missing::Absent => vec![
            plain("kubectl-shadow is not installed in this cluster."),
            plain("To install it, type: kubectl shadow install --registry REGISTRY"),
        ],
        Missing::NotYet if !model.list.filter.is_empty() => vec![plain(
            "The filter lets nothing through. Esc takes it away: / and Esc.",
        )],
        Missing::NotYet if is_seen => vec![
            plain("There are no migrations here."),
            plain("To begin one, type: kubectl shadow migrate POD"),
        ],
        Missing::NotYet => vec![line(theme, Tone::Dim, "Nothing has been seen yet.")],
    }
}

struct Columns {
    wide: bool,
    pod: usize,
}

impl Columns {
    fn of(width: u16, wide: bool) -> Self {
        // Cursor, mark and state, nodes, step, done, pause and time.
        let fixed = 2 + 12 + 18 + 14 + 6 + 7 + 6 + if wide { 13 + 11 + 22 } else { 0 };
        Self {
            wide,
            pod: usize::from(width).saturating_sub(fixed).clamp(8, 40),
        }
    }

    fn head(&self, theme: &Theme) -> Line<'static> {
        let mut text = "    STATE     ".to_owned();
        if self.wide {
            text += &fit("NAMESPACE", 13);
        }
        text += &fit("POD", self.pod);
        text += &format!(" {}{}", fit("FROM > TO", 17), fit(" STEP", 14));
        if self.wide {
            text += &format!("{}{}", fit("STRATEGY", 11), fit("QUEUE", 22));
        }
        text += &format!("{}{}{}", right("DONE", 6), right("PAUSE", 7), right("TIME", 6));
        line(theme, Tone::Dim, text)
    }

    fn row(&self, theme: &Theme, entry: &Entry<'_>, now: Timestamp, chosen: bool) -> Line<'static> {
        let state = format!("{} {}", mark(entry.state), fit(entry.state.word(), 10));
        let mut text = String::new();
        if self.wide {
            text += &format!("{} ", middle(entry.id.split('/').next().unwrap_or_default(), 12));
        }
        text += &middle(&entry.migration.spec.source_pod, self.pod);
        text += &format!(" {}", places(entry));
        text += &format!(" {}", fit(&step(entry), 13));
        if self.wide {
            text += &plan(entry);
        }
        text += &format!(
            "{}{}{}",
            right(&done(entry), 6),
            right(&pause(entry, now), 7),
            right(&time(entry, now), 6)
        );
        let cursor = if chosen { ">" } else { " " };
        Line::from(vec![
            Span::raw(format!(" {cursor}")),
            span(theme, tone(entry.state), state),
            Span::raw(text),
        ])
    }
}

fn places(entry: &Entry<'_>) -> String {
    let (from, to) = nodes(entry.migration);
    match entry.state {
        State::Undone | State::Cancelled => fit(&format!("stays on {}", middle(from, 8).trim_end()), 17),
        State::Stuck
        | State::Held
        | State::Undoing
        | State::Moving
        | State::Waiting
        | State::Inexact
        | State::Exact
        | State::Gone => {
            let (from, to) = (middle(from, 7), middle(to, 7));
            fit(&format!("{} > {}", from.trim_end(), to.trim_end()), 17)
        }
    }
}

fn step(entry: &Entry<'_>) -> String {
    let status = entry.migration.status.as_ref();
    match entry.state {
        State::Exact | State::Inexact => "done".to_owned(),
        State::Cancelled => "as asked".to_owned(),
        State::Gone => "deleted".to_owned(),
        State::Undone => {
            let rollback = status.and_then(|status| status.rollback.as_ref());
            rollback.map_or_else(|| "refused".to_owned(), |rollback| rollback.reason.to_string())
        }
        State::Waiting => match status.and_then(|status| status.waiting.as_ref()) {
            Some(waiting) => format!("{} before it", waiting.before),
            None => "not begun".to_owned(),
        },
        State::Stuck | State::Held | State::Undoing | State::Moving => {
            let last = status.and_then(|status| status.steps.last());
            let name = last.map_or_else(|| "Prepare".to_owned(), |record| record.step.to_string());
            let handoff = status
                .and_then(|status| status.handoff.clone())
                .unwrap_or_default();
            format!("{name} {handoff}").trim_end().to_owned()
        }
    }
}

/// Steps, not per cent: how much of the time is over is not known before it is.
fn done(entry: &Entry<'_>) -> String {
    let rows = entry
        .migration
        .status
        .as_ref()
        .map(pipeline::rows)
        .unwrap_or_default();
    let (over, all) = pipeline::done(&rows);
    match entry.state {
        State::Exact | State::Inexact => "all".to_owned(),
        State::Waiting | State::Undone | State::Cancelled | State::Gone => "–".to_owned(),
        State::Stuck | State::Held | State::Undoing | State::Moving => format!("{over}/{all}"),
    }
}

fn pause(entry: &Entry<'_>, now: Timestamp) -> String {
    let Some(status) = entry.migration.status.as_ref() else {
        return "–".to_owned();
    };
    if let Some(told) = &status.pause {
        return told.clone();
    }
    let longest = pauses(status, now)
        .into_iter()
        .map(|(_, seconds, _)| seconds)
        .reduce(f64::max);
    longest.map_or_else(|| "–".to_owned(), seconds)
}

fn time(entry: &Entry<'_>, now: Timestamp) -> String {
    let status = entry.migration.status.as_ref();
    let start = status
        .and_then(|status| status.start_time.as_ref())
        .map(|time| time.0);
    let created = entry
        .migration
        .metadata
        .creation_timestamp
        .as_ref()
        .map(|time| time.0);
    let end = status
        .and_then(|status| status.completion_time.as_ref())
        .map_or(now, |time| time.0);
    let begun = start.or(created);
    begun.map_or_else(
        || "–".to_owned(),
        |begun| seconds(end.duration_since(begun).as_secs_f64().max(0.0)),
    )
}

fn plan(entry: &Entry<'_>) -> String {
    let plan = entry
        .migration
        .status
        .as_ref()
        .and_then(|status| status.plan.as_ref());
    let strategy = plan.map_or_else(|| "–".to_owned(), |plan| format!("{:?}", plan.strategy));
    let queue = plan.map_or("–", |plan| plan.queue.queue.as_str());
    format!("{} {} ", fit(&strategy, 10), middle(queue, 21))
}

fn draw_detail(model: &Model, theme: &Theme, frame: &mut Frame<'_>, area: Rect, entry: Option<&Entry<'_>>) {
    let Some(entry) = entry else {
        pane(frame, theme, area, (Line::default(), Line::default()));
        return;
    };
    let status = entry.migration.status.as_ref();
    let handoff = status.and_then(|status| status.handoff.as_ref());
    let handoff = handoff
        .map(|of| format!("   handoff {}", of.replace('/', " of ")))
        .unwrap_or_default();
    let title = format!("{}{handoff}", entry.migration.spec.source_pod);
    let inner = pane(
        frame,
        theme,
        area,
        (line(theme, Tone::Strong, title), Line::default()),
    );
    let mut shown = vec![
        steps::strip(model, theme, entry, usize::from(inner.width) - 2),
        flow::sentence(model, theme, entry),
    ];
    if inner.height > 6 {
        shown.push(Line::default());
        shown.extend(flow::picture(model, theme, entry, inner));
        shown.extend(flow::rates(model, theme, entry, inner));
    }
    lines(frame, inner, &shown);
}
