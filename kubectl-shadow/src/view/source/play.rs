//! A recording as a source: all of it at once. How fast it is shown is a matter of the model.

use crate::view::event::Event;
use crate::view::recording::read::Recording;

/// All events of a recording, and that nothing more comes.
pub fn events(recording: Recording) -> impl Iterator<Item = Event> {
    let changes = recording.changes.into_iter().map(Event::Change);
    changes.chain([Event::Done])
}
