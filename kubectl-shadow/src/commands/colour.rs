//! When colours are used, and which.

use crate::cli::Colour;
use crate::say;
use crate::view::draw::theme::Theme;

/// For the live view.
pub(super) fn theme(colour: Colour, ascii: bool) -> Theme {
    Theme {
        colour: match colour {
            Colour::Auto => is_wanted(),
            Colour::Always => true,
            Colour::Never => false,
        },
        light: is_light(),
        ascii,
    }
}

/// For lines, which may go into a pipe. None: as they are.
pub(super) fn of_lines(colour: Colour) -> Option<Theme> {
    let theme = theme(colour, false);
    let is_shown = colour == Colour::Always || say::can_repaint();
    (theme.colour && is_shown).then_some(theme)
}

fn is_wanted() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Some terminals say so: `COLORFGBG` ends with the number of the background's colour.
fn is_light() -> bool {
    let told = std::env::var("COLORFGBG").unwrap_or_default();
    matches!(told.rsplit(';').next(), Some("7" | "15"))
}
