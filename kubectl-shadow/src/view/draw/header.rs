//! The first line: where this is, and how much of it can be seen.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::pane::{line, span};
use super::text::{seconds, time};
use super::theme::{Theme, Tone, mark, tone};
use crate::view::model::list::{Entry, nodes};
use crate::view::model::state::{State, held_since, way_back};
use crate::view::model::{Model, Pace, Screen, Sight, Unseen};

/// The line: at its left what is given, at its right what can be seen.
pub(super) fn draw(model: &Model, theme: &Theme, frame: &mut Frame<'_>, area: Rect, left: Line<'static>) {
    let corner = corner(model, theme);
    let left = fitting(left, usize::from(area.width).saturating_sub(corner.width() + 3));
    let width = u16::try_from(corner.width())
        .unwrap_or(area.width)
        .min(area.width);
    let split = area.right().saturating_sub(width);
    let buffer = frame.buffer_mut();
    buffer.set_line(
        area.left() + 1,
        area.top(),
        &left,
        split.saturating_sub(area.left() + 2),
    );
    buffer.set_line(split, area.top(), &corner, width);
}

/// The parts that fit as a whole: half a name is none.
fn fitting(line: Line<'static>, width: usize) -> Line<'static> {
    let mut used = 0;
    let fits = |span: &Span<'static>| {
        used += span.width();
        used <= width
    };
    let first: Vec<Span<'static>> = line.spans.iter().take(1).cloned().collect();
    let kept: Vec<Span<'static>> = line.spans.into_iter().take_while(fits).collect();
    Line::from(if kept.is_empty() { first } else { kept })
}

fn corner(model: &Model, theme: &Theme) -> Line<'static> {
    let mut spans = sight(model, theme);
    if let Some(file) = &model.recording {
        spans.push(span(theme, Tone::Held, format!("   REC {file}")));
    }
    if model.setting.invented {
        spans.push(span(theme, Tone::Bad, "   INVENTED"));
    }
    spans.push(Span::raw("   ? help "));
    Line::from(spans)
}

/// Which moment is shown, and what keeps it from being true.
fn sight(model: &Model, theme: &Theme) -> Vec<Span<'static>> {
    let at = model
        .head
        .at
        .map(|at| format!("   {}", time(at)))
        .unwrap_or_default();
    let (tone, text) = match model.sight() {
        Sight::Live(Some(ago)) => (Tone::Plain, format!("LIVE {ago:.1} s ago")),
        Sight::Live(None) => (Tone::Dim, "connecting".to_owned()),
        Sight::Frozen(0) => (Tone::Held, format!("FROZEN{at}")),
        Sight::Frozen(waiting) => (Tone::Held, format!("FROZEN +{waiting}{at}")),
        Sight::Playing(speed) => (Tone::Strong, format!("PLAY {speed}x{at}")),
        Sight::Ended => (Tone::Plain, format!("END{at}")),
    };
    let unseen = match model.unseen() {
        Some(Unseen::Server(seconds, _) | Unseen::Controller(seconds)) => {
            format!("? NOT SEEN {seconds:.0} s")
        }
        None => return vec![span(theme, tone, text)],
    };
    let unseen = span(theme, Tone::Bad, unseen);
    match model.head.pace {
        Pace::Newest => vec![unseen],
        Pace::Frozen | Pace::Playing(_) | Pace::Ended => {
            vec![unseen, span(theme, tone, format!("   {text}"))]
        }
    }
}

/// Where this is.
pub(super) fn place(model: &Model, theme: &Theme) -> Line<'static> {
    let setting = &model.setting;
    let place = match &setting.file {
        Some(file) => format!("recording {file}"),
        None => format!("context {}", setting.place),
    };
    let namespace = match &setting.namespace {
        Some(namespace) if !model.list_is_of_all() => format!("namespace {namespace}"),
        Some(_) | None => "all namespaces".to_owned(),
    };
    Line::from(vec![
        span(theme, Tone::Strong, "shadow watch"),
        Span::raw(format!("   {place}")),
        Span::raw(format!("   {namespace}")),
    ])
}

/// Mark, word and the clock that counts.
pub(super) fn state(model: &Model, theme: &Theme, entry: &Entry<'_>) -> Vec<Span<'static>> {
    let word = format!("{} {}", mark(entry.state), entry.state.word());
    let mut spans = vec![span(theme, tone(entry.state), word)];
    let status = entry.migration.status.as_ref();
    if let (State::Held, Some(since)) = (entry.state, status.and_then(held_since)) {
        let held = model.clock().duration_since(since).as_secs_f64().max(0.0);
        spans.push(span(theme, Tone::Strong, format!(" {}", seconds(held))));
    }
    if let Some(since) = model.frozen_since(entry) {
        let frozen = model.clock().duration_since(since).as_secs_f64().max(0.0);
        spans.push(span(theme, Tone::Held, format!("  frozen {}", seconds(frozen))));
    }
    spans
}

/// That of one migration: in one line, or in two if there is room.
pub(super) fn of_migration(
    model: &Model,
    theme: &Theme,
    frame: &mut Frame<'_>,
    entry: &Entry<'_>,
    wide: bool,
) {
    let area = frame.area();
    let pod = &entry.migration.spec.source_pod;
    let state = state(model, theme, entry);
    if !wide {
        let mut spans = vec![span(theme, Tone::Strong, pod.clone()), Span::raw("   ")];
        spans.extend(state);
        spans.push(Span::raw(format!("   {}", entry.id)));
        draw(model, theme, frame, area, Line::from(spans));
        return;
    }
    let (from, to) = nodes(entry.migration);
    let plan = entry
        .migration
        .status
        .as_ref()
        .and_then(|status| status.plan.as_ref());
    let owner = plan.and_then(|plan| plan.owner.as_ref());
    let owner = owner
        .map(|owner| format!("   {} {}", owner.kind, owner.name))
        .unwrap_or_default();
    let plan = plan
        .map(|plan| format!("   {:?}, {:?}", plan.queue.hold, plan.strategy))
        .unwrap_or_default();
    let place = place(model, theme);
    let first = place.spans.first().cloned().into_iter();
    let texts = [
        format!("   {}", entry.id),
        owner,
        format!("   {from} > {to}"),
        plan,
    ];
    let parts = first.chain(texts.map(Span::raw));
    draw(model, theme, frame, area, Line::from(parts.collect::<Vec<_>>()));
    let mut second = state;
    second.push(Span::raw(format!("   {}   ", entry.state.meaning())));
    if let Some(status) = entry.migration.status.as_ref().filter(|_| !entry.state.is_over()) {
        second.push(span(theme, Tone::Strong, way_back(status)));
    }
    let row = Rect::new(area.left() + 1, area.top() + 1, area.width - 1, 1);
    frame
        .buffer_mut()
        .set_line(row.left(), row.top(), &Line::from(second), row.width);
}

/// All that fits where a picture does not.
pub(super) fn in_one_line(model: &Model, theme: &Theme, frame: &mut Frame<'_>, area: Rect) {
    if model.screen == Screen::Drain {
        let node = model.standing().map_or("", |standing| standing.node.as_str());
        let told = super::drain::summary(node, &model.pods());
        one_line(model, theme, frame, area, line(theme, Tone::Strong, told));
        return;
    }
    let entries = model.entries();
    let of_screen = |entry: &&Entry<'_>| matches!(&model.screen, Screen::Migration(id) if *id == entry.id);
    let first = entries.iter().find(of_screen).or(entries.first());
    let text = match first {
        Some(entry) => {
            let mut spans = state(model, theme, entry);
            spans.push(Span::raw(format!("  {}", entry.migration.spec.source_pod)));
            Line::from(spans)
        }
        None => line(theme, Tone::Plain, "no migrations"),
    };
    one_line(model, theme, frame, area, text);
}

fn one_line(model: &Model, theme: &Theme, frame: &mut Frame<'_>, area: Rect, mut text: Line<'static>) {
    text.spans.push(Span::raw("  "));
    text.spans.extend(sight(model, theme));
    let buffer = frame.buffer_mut();
    if area.height > 0 {
        buffer.set_line(area.left(), area.top(), &text, area.width);
    }
    if area.height > 1 {
        let small = line(theme, Tone::Dim, "60x16 or more shows more. q leaves");
        buffer.set_line(area.left(), area.top() + 1, &small, area.width);
    }
}
