//! The model as a picture. Pure: the same model gives the same picture, in a terminal, in a test and in a file.

mod archive;
mod dialog;
mod drain;
mod flow;
mod header;
mod help;
mod instances;
mod migration;
mod news;
mod overview;
mod pane;
mod pods;
mod proof;
mod rates;
mod rows;
mod steps;
pub(crate) mod text;
mod texts;
pub mod theme;

use ratatui::Frame;
use ratatui::layout::Rect;

use super::model::{Model, Over, Screen, Unseen};
use theme::{Theme, Tone};

/// Below this a picture would say less than a sentence.
const SMALLEST: (u16, u16) = (60, 16);

/// Draws everything.
pub fn draw(model: &Model, theme: &Theme, frame: &mut Frame<'_>) {
    let area = frame.area();
    if area.width < SMALLEST.0 || area.height < SMALLEST.1 {
        header::in_one_line(model, theme, frame, area);
    } else {
        match (&model.over, &model.screen) {
            (Some(Over::Help), _) => help::draw(theme, frame, area),
            (Some(Over::Text(kind, id)), _) => texts::draw(model, theme, frame, (*kind, id)),
            (_, Screen::Drain) => drain::draw(model, theme, frame, area),
            (_, Screen::Overview) => overview::draw(model, theme, frame, area),
            (_, Screen::Migration(id)) => migration::draw(model, theme, frame, id),
        }
        dialog::draw(model, theme, frame, area);
    }
    if theme.ascii {
        theme::to_ascii(frame.buffer_mut());
    }
}

/// Whether there is room for the wide picture.
fn is_wide(area: Rect) -> bool {
    area.width >= 100 && area.height >= 30
}

/// The last line: what keys do here, what an effect said, or what cannot be seen.
fn footer(model: &Model, theme: &Theme, frame: &mut Frame<'_>, area: Rect, keys: &[&str]) {
    let unseen = model.unseen().map(|unseen| match unseen {
        Unseen::Server(_, why) => format!("{why}. The moves go on. This view tries again by itself."),
        Unseen::Controller(_) => "The controller is silent. The API server answers.".to_owned(),
    });
    let unseen = unseen.map(|text| pane::line(theme, Tone::Bad, text));
    let said = model
        .said
        .as_ref()
        .map(|(text, _)| pane::line(theme, Tone::Strong, text.clone()));
    let keys = keys.iter().map(|&text| pane::line(theme, Tone::Plain, text));
    let lines: Vec<_> = unseen.into_iter().chain(said).chain(keys).collect();
    pane::lines(frame, area, &lines);
}
