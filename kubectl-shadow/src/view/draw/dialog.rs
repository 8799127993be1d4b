//! Questions and refusals, over the screen.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::Clear;

use super::pane::{line, lines, pane};
use super::text::wrapped;
use super::theme::{Theme, Tone};
use crate::view::model::{Model, Over};

/// Draws what is asked, if anything is.
pub(super) fn draw(model: &Model, theme: &Theme, frame: &mut Frame<'_>, area: Rect) {
    match &model.over {
        Some(Over::Cancel(id)) => question(model, theme, frame, area, id),
        Some(Over::Refusal(text)) => {
            let mut shown = told(theme, text, area);
            shown.push(Line::default());
            shown.push(line(theme, Tone::Dim, "Any key goes back."));
            window(theme, frame, area, "Not possible", &shown);
        }
        Some(Over::Stop(typed)) => stop(model, theme, frame, area, typed),
        Some(Over::Leave) => leave(theme, frame, area),
        Some(Over::Help | Over::Filter | Over::Text(..)) | None => {}
    }
}

fn question(model: &Model, theme: &Theme, frame: &mut Frame<'_>, area: Rect, id: &str) {
    let entry = model.entry(id);
    let pod = entry
        .as_ref()
        .map_or(id, |entry| entry.migration.spec.source_pod.as_str());
    let has_begun = entry.as_ref().is_some_and(|entry| {
        entry
            .migration
            .status
            .as_ref()
            .is_some_and(|status| status.plan.is_some())
    });
    let becomes = if has_begun {
        format!(
            "{pod} goes on where it is, with its memory. The copy goes. Messages that wait are delivered to {pod}."
        )
    } else {
        format!("The move has not begun. Nothing was touched, and {pod} stays where it is.")
    };
    let text = [
        becomes,
        "If the move commits at this moment, it goes on, and this does nothing.".to_owned(),
        "It cannot be taken back. To move the pod later, begin another move.".to_owned(),
    ];
    let mut shown = told(theme, &text, area);
    shown.push(Line::default());
    shown.push(line(
        theme,
        Tone::Strong,
        "y  yes, undo it       every other key: No",
    ));
    window(theme, frame, area, &format!("Undo the move of {pod}?"), &shown);
}

fn stop(model: &Model, theme: &Theme, frame: &mut Frame<'_>, area: Rect, typed: &str) {
    let node = model
        .newest_standing()
        .map_or("", |standing| standing.node.as_str());
    let text = [
        "No new move begins. What waits is called off. What can still be undone is undone: its pod goes on where it is.".to_owned(),
        format!("What is committed ends as it began. {node} stays cordoned. To go on later, type: kubectl shadow drain {node}"),
    ];
    let mut shown = told(theme, &text, area);
    shown.push(Line::default());
    shown.push(line(
        theme,
        Tone::Strong,
        format!("Type the name of the node, and Enter: {typed}_"),
    ));
    shown.push(line(theme, Tone::Plain, "Esc: No, the drain goes on."));
    window(theme, frame, area, &format!("Stop the drain of {node}?"), &shown);
}

fn leave(theme: &Theme, frame: &mut Frame<'_>, area: Rect) {
    let text = [
        "Leaving stops ordering: no new move begins, and no pod is evicted.".to_owned(),
        "Moves that are under way, or wait for their turn, go on.".to_owned(),
    ];
    let mut shown = told(theme, &text, area);
    shown.push(Line::default());
    shown.push(line(
        theme,
        Tone::Strong,
        "y  yes, leave       every other key: No",
    ));
    window(theme, frame, area, "Leave the drain before its end?", &shown);
}

fn told(theme: &Theme, text: &[String], area: Rect) -> Vec<Line<'static>> {
    let width = usize::from(area.width.min(76)).saturating_sub(6);
    let wrapped = text.iter().flat_map(|text| wrapped(text, width));
    wrapped.map(|text| line(theme, Tone::Plain, text)).collect()
}

fn window(theme: &Theme, frame: &mut Frame<'_>, area: Rect, name: &str, text: &[Line<'static>]) {
    let width = area.width.min(76);
    let height = u16::try_from(text.len())
        .unwrap_or(area.height)
        .saturating_add(2)
        .min(area.height);
    let place = Rect::new(
        area.left() + (area.width - width) / 2,
        area.top() + (area.height - height) / 2,
        width,
        height,
    );
    frame.render_widget(Clear, place);
    let inner = pane(
        frame,
        theme,
        place,
        (line(theme, Tone::Strong, name.to_owned()), Line::default()),
    );
    lines(frame, inner, text);
}
