//! All keys and all states.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::pane::{line, lines, pane, stacked};
use super::theme::{Theme, Tone, mark, tone};
use crate::view::model::state::State;

const ABOUT: [&str; 6] = [
    "↑ ↓ k j  PgUp PgDn  Home End   rows        Tab  Shift-Tab   next panel",
    "Enter   open      Esc   back, close        e   panel fills the screen",
    "The mouse is not captured: text can be marked and copied as ever.",
    "/   filter: pod, node, namespace, state:held (Enter keeps, Esc drops it)",
    "s   sort: urgency, age, pod, node, pause        S   the other way round",
    "a   this namespace, all                         w   wide columns",
];
const TIME: [&str; 2] = [
    "Space   freeze, go on       , .   one event back, forward      g   newest",
    "[ ]   previous, next step   < >   slower, faster: 0.1x to 16x  r   record",
];
const ACT: [&str; 1] = ["C   undo this move (asks)   drain: p no new moves, X stop (asks the name)"];
const LOOK: [&str; 2] = [
    "L   notes of the steps, conditions     Y   YAML     v   verdict",
    "y   copy the command that shows this; i   explain the state",
];

/// Draws it.
pub(super) fn draw(theme: &Theme, frame: &mut Frame<'_>, area: Rect) {
    let first = Rect::new(area.left() + 1, area.top(), area.width - 1, 1);
    lines(
        frame,
        first,
        &[line(theme, Tone::Strong, "Help   any key closes")],
    );
    let last = Rect::new(area.left(), area.bottom() - 1, area.width, 1);
    lines(
        frame,
        last,
        &[line(
            theme,
            Tone::Plain,
            "q leaves; the moves go on. Exit code: that of the move, 130 while it goes on.",
        )],
    );
    let body = Rect::new(area.left(), area.top() + 1, area.width, area.height - 2);
    let areas = stacked(body, [8, 4, 3, 4, 0]);
    let plain = |text: &[&str]| {
        text.iter()
            .map(|&text| line(theme, Tone::Plain, text))
            .collect::<Vec<_>>()
    };
    let all = [
        ("Move about", plain(&ABOUT)),
        (
            "Time: nothing seen is lost (last 10 minutes, or the file)",
            plain(&TIME),
        ),
        ("Act (never by one key alone; off with --read-only)", plain(&ACT)),
        ("Look", plain(&LOOK)),
        ("States", states(theme)),
    ];
    for (area, (name, text)) in areas.into_iter().zip(all) {
        let inner = pane(
            frame,
            theme,
            area,
            (line(theme, Tone::Plain, name), Line::default()),
        );
        lines(frame, inner, &text);
    }
}

/// Five in a line, and what cannot be seen from the word.
fn states(theme: &Theme) -> Vec<Line<'static>> {
    let word = |state: &State| {
        let text = format!("{} {:<12}", mark(*state), state.word());
        super::pane::span(theme, tone(*state), text)
    };
    let rows = State::ALL
        .chunks(5)
        .map(|row| Line::from(row.iter().map(word).collect::<Vec<_>>()));
    let told = "HELD: messages wait. STUCK: you decide. ? NOT SEEN: nothing is heard.";
    let ascii = "With --ascii: * MOVING, H HELD, . WAITING. The other marks are the same.";
    rows.chain([told, ascii].map(|text| line(theme, Tone::Plain, text)))
        .collect()
}
