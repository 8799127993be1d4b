//! All migrations, the most urgent first.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::pane::{line, lines, paint_row, pane, stacked};
use super::rows::Columns;
use super::text::wrapped;
use super::theme::{Theme, Tone};
use super::{archive, flow, footer, header, is_wide, news, rates, steps};
use crate::view::model::list::Entry;
use crate::view::model::object::LinkState;
use crate::view::model::state::State;
use crate::view::model::{MIGRATIONS, Missing, Model, Over};

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
        line(theme, Tone::Plain, summary(model, entries)),
        line(theme, tone, order),
    );
    let inner = pane(frame, theme, area, titles);
    if inner.height == 0 {
        return;
    }
    let wide = model.list.wide || inner.width >= 110;
    let columns = Columns::of(inner.width, wide, model.list_is_of_all());
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

fn summary(model: &Model, entries: &[Entry<'_>]) -> String {
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
    let unread = Some(model.unread()).filter(|unread| *unread > 0);
    let unread = unread.map(|unread| format!("{unread} of a later version cannot be read"));
    let parts: Vec<String> = parts
        .map(|(count, word)| format!("{count} {word}"))
        .chain(unread)
        .collect();
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
        Missing::NotYet if !model.list.filter.is_empty() => {
            vec![plain("The filter lets nothing through. Esc drops it.")]
        }
        Missing::NotYet if is_seen => vec![
            plain("There are no migrations here."),
            plain("To begin one, type: kubectl shadow migrate POD"),
        ],
        Missing::NotYet => vec![line(theme, Tone::Dim, "Nothing has been seen yet.")],
    }
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
    let width = usize::from(inner.width) - 2;
    let bar = archive::lines(model, theme, entry, width);
    let mut shown = vec![
        steps::strip(model, theme, entry, width),
        flow::sentence(model, theme, entry),
    ];
    if inner.height > 6 {
        shown.push(bar.unwrap_or_default());
        shown.extend(flow::picture(model, theme, entry, inner));
        shown.extend(rates::lines(model, theme, entry, inner));
    }
    lines(frame, inner, &shown);
}
