//! When colours are used, and which.

use crate::cli::{Background, Colour, Looks};
use crate::say;
use crate::view::background::Ask;
use crate::view::draw::theme::Theme;

/// For the live view, and whether the terminal is to say what its background is.
pub(super) fn of_view(looks: Looks, ascii: bool) -> (Theme, Ask) {
    let theme = theme(looks, ascii);
    let is_told = looks.background != Background::Auto;
    // The text console of Linux is dark, and knows no such question.
    let is_console = std::env::var_os("TERM").is_some_and(|term| term == "linux");
    let ask = if theme.colour && !is_told && !is_console {
        Ask::Yes
    } else {
        Ask::No
    };
    (theme, ask)
}

fn theme(looks: Looks, ascii: bool) -> Theme {
    Theme {
        colour: match looks.colour {
            Colour::Auto => is_wanted(),
            Colour::Always => true,
            Colour::Never => false,
        },
        light: match looks.background {
            Background::Auto => is_light(&std::env::var("COLORFGBG").unwrap_or_default()),
            Background::Light => true,
            Background::Dark => false,
        },
        ascii,
    }
}

/// For lines, which may go into a pipe. None: as they are.
pub(super) fn of_lines(looks: Looks) -> Option<Theme> {
    let theme = theme(looks, false);
    let is_shown = looks.colour == Colour::Always || say::can_repaint();
    (theme.colour && is_shown).then_some(theme)
}

fn is_wanted() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Some terminals say so without being asked: `COLORFGBG` ends with the number of the background's colour.
fn is_light(told: &str) -> bool {
    matches!(told.rsplit(';').next(), Some("7" | "15"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_number_is_the_background() {
        for (told, light) in [
            ("0;15", true),
            ("0;default;7", true),
            ("15;0", false),
            ("7;8", false),
            ("", false),
        ] {
            assert_eq!(is_light(told), light, "{told}");
        }
    }

    #[test]
    fn a_background_that_is_told_is_not_asked_for() {
        let of = |background| {
            of_view(
                Looks {
                    colour: Colour::Always,
                    background,
                },
                false,
            )
        };
        let (theme, ask) = of(Background::Light);
        assert!(theme.light && ask == Ask::No);
        let (theme, ask) = of(Background::Dark);
        assert!(!theme.light && ask == Ask::No);
        let never = Looks {
            colour: Colour::Never,
            background: Background::Auto,
        };
        assert_eq!(of_view(never, false).1, Ask::No, "nothing depends on it");
    }
}
