//! A migration as lines of text. Pure: no clock, no terminal.

pub mod end;
pub mod life;
pub mod list;
pub mod logs;
pub(crate) mod max_pause;
pub mod overview;
mod plan;
pub(crate) mod premises;
pub mod progress;
mod time;
pub mod version;

pub use end::{end_lines, ending};
pub use life::Life;
pub use overview::overview;
pub use plan::plan;
pub use progress::Progress;
