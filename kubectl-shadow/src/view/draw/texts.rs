//! Texts that fill the screen: the object, the verdict, what a state means, the notes of the steps.

use jiff::Timestamp;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::pane::{line, lines, pane, scrolled};
use super::text::{broken, wrapped};
use super::theme::{Theme, Tone};
use super::{footer, header, proof};
use crate::render;
use crate::view::model::list::Entry;
use crate::view::model::{Model, Text};

/// Draws one.
pub(super) fn draw(model: &Model, theme: &Theme, frame: &mut Frame<'_>, what: (Text, &str)) {
    let area = frame.area();
    header::draw(
        model,
        theme,
        frame,
        area,
        line(theme, Tone::Strong, what.1.to_owned()),
    );
    let keys = Rect::new(area.left(), area.bottom() - 1, area.width, 1);
    footer(model, theme, frame, keys, &["↑↓ PgUp PgDn scroll  Esc back"]);
    let body = Rect::new(area.left(), area.top() + 1, area.width, area.height - 2);
    let name = match what.0 {
        Text::Yaml => "YAML",
        Text::Verdict => "Verdict and premises",
        Text::Explanation => "What it means",
        Text::Notes => "Notes of the steps, conditions",
    };
    let inner = pane(
        frame,
        theme,
        body,
        (line(theme, Tone::Strong, name), Line::default()),
    );
    let width = usize::from(inner.width).saturating_sub(1);
    let text = match model.entry(what.1) {
        Some(entry) => text(theme, &entry, what.0, width, model.clock()),
        None => vec![line(theme, Tone::Plain, "It is not there at this moment.")],
    };
    lines(frame, inner, scrolled(&text, inner.height, model.scroll));
}

fn text(theme: &Theme, entry: &Entry<'_>, what: Text, width: usize, now: Timestamp) -> Vec<Line<'static>> {
    let plain = |text: String| line(theme, Tone::Plain, text);
    match what {
        Text::Yaml => match serde_yaml_ng::to_string(entry.migration) {
            Ok(yaml) => yaml.lines().map(|text| plain(text.to_owned())).collect(),
            Err(error) => vec![plain(error.to_string())],
        },
        Text::Verdict => verdict(theme, entry, width),
        Text::Explanation => {
            let present = render::life::present(Some(entry.migration), now);
            let texts = [
                format!("{}: {}", entry.state.word(), entry.state.meaning()),
                format!("Now: {present}"),
            ];
            texts
                .iter()
                .flat_map(|text| wrapped(text, width))
                .map(plain)
                .collect()
        }
        Text::Notes => render::overview(entry.migration, now)
            .iter()
            .flat_map(|text| broken(text, width))
            .map(plain)
            .collect(),
    }
}

fn verdict(theme: &Theme, entry: &Entry<'_>, width: usize) -> Vec<Line<'static>> {
    let Some(status) = entry.migration.status.as_ref() else {
        return vec![line(theme, Tone::Plain, "There is none yet.")];
    };
    let end = render::end_lines(entry.migration);
    let end = end
        .iter()
        .flat_map(|text| wrapped(text, width))
        .map(|text| line(theme, Tone::Strong, text));
    let premises = proof::premises(status).flat_map(|told| {
        let (tone, text) = proof::weighed(told);
        broken(&text, width)
            .into_iter()
            .map(move |text| line(theme, tone, text))
    });
    end.chain([Line::default()]).chain(premises).collect()
}
