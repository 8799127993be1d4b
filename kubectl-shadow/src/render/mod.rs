//! A migration as lines of text. Pure: no clock, no terminal.

pub mod end;
pub mod life;
pub mod overview;
pub(crate) mod premises;
pub mod progress;
mod time;

pub use end::{end_lines, ending};
pub use life::Life;
pub use overview::overview;
pub use progress::Progress;
