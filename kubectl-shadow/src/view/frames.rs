//! A recording as pictures: the same recording and size give the same bytes.

use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;

use super::after;
use super::draw::draw;
use super::draw::theme::Theme;
use super::event::{Event, Kind};
use super::model::{Model, Pace};
use super::recording::RecordingError;
use super::svg;

/// What is to be made.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The folder.
    pub folder: PathBuf,
    /// Columns and rows.
    pub size: (u16, u16),
    /// The only moment; none: each change of a migration.
    pub at: Option<Timestamp>,
    /// The recording's beginning, for the names of the files.
    pub begun: Timestamp,
}

/// Writes the pictures; gives their files.
pub fn write(mut model: Model, theme: &Theme, wanted: &Wanted) -> Result<Vec<PathBuf>, RecordingError> {
    std::fs::create_dir_all(&wanted.folder).map_err(|error| wrong(&wanted.folder, error))?;
    (model, _) = after(model, Event::Resize(wanted.size.0, wanted.size.1));
    let mut files = Vec::new();
    for (number, at) in (1..).zip(moments(&model, wanted)) {
        // Nothing has passed since: what had passed would be added to the moment.
        model.now = Some(at);
        model.head.show(&model.history, at);
        model.head.pace = Pace::Playing(1.0);
        // A tick without time: what is opened once it is seen is opened now.
        (model, _) = after(model, Event::Tick(at));
        let name = format!(
            "{number:04}-{:07.3}s.svg",
            at.duration_since(wanted.begun).as_secs_f64()
        );
        let file = wanted.folder.join(name);
        std::fs::write(&file, svg::picture(&screen(&model, theme, wanted.size)))
            .map_err(|error| wrong(&file, error))?;
        files.push(file);
    }
    Ok(files)
}

/// The screen as it would be drawn.
pub fn screen(model: &Model, theme: &Theme, size: (u16, u16)) -> Buffer {
    let Ok(mut terminal) = Terminal::new(TestBackend::new(size.0, size.1));
    let Ok(drawn) = terminal.draw(|frame| draw(model, theme, frame));
    drawn.buffer.clone()
}

fn moments(model: &Model, wanted: &Wanted) -> Vec<Timestamp> {
    if let Some(at) = wanted.at {
        return vec![at];
    }
    let numbers = model.history.oldest()..=model.history.newest();
    let moments = numbers.filter_map(|number| model.history.moment(number));
    let mut times: Vec<Timestamp> = moments
        .filter(|one| matches!(one.kind, Kind::Migration | Kind::Drain))
        .map(|one| one.at)
        .collect();
    // What changes within a frame is one picture.
    times.dedup_by(|next, last| next.duration_since(*last) < SignedDuration::from_millis(1));
    times
}

fn wrong(file: &Path, error: std::io::Error) -> RecordingError {
    RecordingError::File {
        file: file.display().to_string(),
        error,
    }
}
