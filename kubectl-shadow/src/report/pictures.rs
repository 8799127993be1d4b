//! Pictures of a move, as the live view shows it: at each commit, as far as that was seen, and at the end. Of a drain: its end.

use jiff::Timestamp;
use ratatui::buffer::Buffer;

use super::seen::Seen;
use crate::view::draw::theme::Theme;
use crate::view::event::{Event, Kind};
use crate::view::model::object::Object;
use crate::view::model::{Model, Pace, Screen};
use crate::view::{after, frames, svg};

/// Columns and rows: the smallest size at which everything has its place.
const SIZE: (u16, u16) = (140, 45);
/// A picture does not depend on the machine that makes it.
const THEME: Theme = Theme {
    colour: true,
    light: false,
    ascii: false,
};

/// A picture and what it shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// What it shows.
    pub title: String,
    /// The picture, as SVG.
    pub svg: String,
}

/// The pictures, oldest first.
pub fn of(seen: &Seen, id: &str) -> Vec<Picture> {
    let mut model = after(seen.model(), Event::Resize(SIZE.0, SIZE.1)).0;
    model.screen = Screen::Migration(id.to_owned());
    let mut moments: Vec<(String, Timestamp, Pace)> = commits(&model, id)
        .into_iter()
        .map(|(number, at)| (format!("The commit of handoff {number}"), at, Pace::Playing(1.0)))
        .collect();
    moments.extend(
        seen.last()
            .map(|at| ("The last that was seen".to_owned(), at, Pace::Ended)),
    );
    let taken = moments
        .into_iter()
        .map(|(title, at, pace)| taken(&mut model, title, at, pace));
    taken.collect()
}

/// The pods of a drained node, as they were last.
pub fn of_drain(seen: &Seen) -> Vec<Picture> {
    let mut model = after(seen.model(), Event::Resize(SIZE.0, SIZE.1)).0;
    model.screen = Screen::Drain;
    let last = seen
        .last()
        .map(|at| taken(&mut model, "The last that was seen".to_owned(), at, Pace::Ended));
    last.into_iter().collect()
}

fn taken(model: &mut Model, title: String, at: Timestamp, pace: Pace) -> Picture {
    model.head.show(&model.history, at);
    // No tick: a tick would let the time go on from here.
    model.head.pace = pace;
    let svg = svg::picture(&screen(model));
    Picture { title, svg }
}

fn screen(model: &Model) -> Buffer {
    frames::screen(model, &THEME, SIZE)
}

/// When each handoff was first seen to be committed, by its number. What was committed when it was first seen is no moment of its
/// own: the picture would be that of the end.
fn commits(model: &Model, id: &str) -> Vec<(u8, Timestamp)> {
    let newest = model.history.newest();
    let mut seen: Vec<(u8, Timestamp)> = Vec::new();
    for (index, (at, object)) in model.history.versions(Kind::Migration, id, newest).enumerate() {
        let Object::Migration(migration) = object else {
            continue;
        };
        let legs = migration.status.iter().flat_map(|status| &status.legs);
        for leg in legs.filter(|leg| leg.committed.is_some()) {
            if !seen.iter().any(|(number, _)| *number == leg.number) && index > 0 {
                seen.push((leg.number, at));
            }
        }
    }
    seen
}
