//! The live view of migrations. What comes in (keys, time, changes) becomes an intent, an intent changes the model, the model
//! is drawn. All of that is pure: life, a recording and a test are one path.
//!
//! - [`event`], [`intent`], [`model`], [`update()`](update::update), [`effect`], [`draw`]: pure
//! - [`source`]: changes from the cluster or from a recording
//! - [`recording`]: changes as lines, without secrets
//! - [`term`]: the only one that touches the terminal
//! - [`background`]: whether it is light, as the terminal answers
//! - [`run`]: puts them together, [`outside`] does what they want; [`plain`] does it without a terminal, [`frames`] into pictures

pub mod background;
pub mod draw;
pub mod effect;
pub mod event;
mod farewell;
pub mod frames;
pub mod intent;
pub mod model;
pub mod outside;
pub mod plain;
pub mod recording;
pub mod run;
pub mod source;
pub mod svg;
pub mod tee;
pub mod term;
pub mod update;

use event::Event;
use model::Model;

/// The model after an event, and what is to be done outside.
pub fn after(model: Model, event: Event) -> (Model, Vec<effect::Effect>) {
    match intent::of(event, &model) {
        Some(intent) => update::update(model, intent),
        None => (model, Vec::new()),
    }
}
