//! Colours and marks. Foreground colours only, of the 16, so that the user's own theme decides; a mark and a word always stand
//! beside a colour. Nothing is red against green.

use ratatui::buffer::Buffer;
use ratatui::style::{Color, Modifier, Style};

use crate::view::model::state::State;

/// How it looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Theme {
    /// Colours are used.
    pub colour: bool,
    /// The background is light.
    pub light: bool,
    /// Only ASCII is used.
    pub ascii: bool,
}

/// What a text is to say by its looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Nothing.
    Plain,
    /// It counts.
    Strong,
    /// It is as wanted.
    Good,
    /// Messages wait.
    Held,
    /// A person is needed, or something went wrong.
    Bad,
    /// It can be missed.
    Dim,
    /// It is under the cursor.
    Chosen,
}

impl Theme {
    /// The style of a tone.
    pub fn style(self, tone: Tone) -> Style {
        let plain = Style::new();
        match (tone, self.colour) {
            (Tone::Plain, _) | (Tone::Dim, false) => plain,
            (Tone::Strong, _) | (Tone::Good, false) => plain.add_modifier(Modifier::BOLD),
            (Tone::Held, false) => plain.add_modifier(Modifier::UNDERLINED),
            (Tone::Bad, false) => plain.add_modifier(Modifier::BOLD.union(Modifier::UNDERLINED)),
            (Tone::Chosen, _) => plain.add_modifier(Modifier::REVERSED),
            (Tone::Good, true) => plain.fg(Color::Blue).add_modifier(Modifier::BOLD),
            (Tone::Held, true) if self.light => plain.fg(Color::Magenta),
            (Tone::Held, true) => plain.fg(Color::Yellow),
            (Tone::Bad, true) => plain.fg(Color::Red).add_modifier(Modifier::BOLD),
            // Bright black on white has too little contrast to be read.
            (Tone::Dim, true) if self.light => plain,
            (Tone::Dim, true) => plain.fg(Color::DarkGray),
        }
    }
}

/// The mark of a state.
pub fn mark(state: State) -> &'static str {
    match state {
        State::Moving => "●",
        State::Held => "■",
        State::Waiting => "◆",
        State::Stuck => "!",
        State::Undoing => "<",
        State::Exact => "=",
        State::Inexact => "~",
        State::Undone => "x",
        State::Cancelled => "o",
        State::Planned => "+",
        State::Gone => "-",
    }
}

/// The tone of a state.
pub fn tone(state: State) -> Tone {
    match state {
        State::Moving | State::Undoing => Tone::Strong,
        State::Held => Tone::Held,
        State::Stuck | State::Inexact | State::Undone => Tone::Bad,
        State::Exact => Tone::Good,
        State::Waiting | State::Cancelled | State::Planned => Tone::Plain,
        State::Gone => Tone::Dim,
    }
}

/// The same picture in ASCII. One pass over what was drawn: no panel has to know of it.
pub fn to_ascii(buffer: &mut Buffer) {
    for cell in &mut buffer.content {
        if !cell.symbol().is_ascii() {
            let plain = plain(cell.symbol());
            cell.set_symbol(plain);
        }
    }
}

fn plain(symbol: &str) -> &'static str {
    match symbol {
        "●" => "*",
        "■" => "H",
        "◆" | "·" | "…" | "░" | "▁" | "▂" => ".",
        "▃" | "▄" => ":",
        "▅" | "▆" => "+",
        "▇" | "█" | "▌" => "#",
        "╳" => "X",
        "▶" => ">",
        "◀" => "<",
        "–" | "─" => "-",
        "│" => "|",
        "↑" => "^",
        "↓" => "v",
        "┌" | "┐" | "└" | "┘" | "├" | "┤" | "┬" | "┴" | "┼" => "+",
        _ => "?",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_state_differs_without_colour() {
        let marks: std::collections::HashSet<&str> = State::ALL.into_iter().map(mark).collect();
        let words: std::collections::HashSet<&str> = State::ALL.into_iter().map(State::word).collect();
        assert_eq!((marks.len(), words.len()), (State::ALL.len(), State::ALL.len()));
    }

    const TONES: [Tone; 7] = [
        Tone::Plain,
        Tone::Strong,
        Tone::Good,
        Tone::Held,
        Tone::Bad,
        Tone::Dim,
        Tone::Chosen,
    ];

    /// xterm's own table, as far as a tone uses it.
    #[allow(
        clippy::wildcard_enum_match_arm,
        reason = "a colour that no tone uses is no case"
    )]
    fn of_xterm(colour: Option<Color>) -> [u8; 3] {
        match colour {
            None => [0, 0, 0],
            Some(Color::Red) => [0xcd, 0, 0],
            Some(Color::Yellow) => [0xcd, 0xcd, 0],
            Some(Color::Blue) => [0, 0, 0xee],
            Some(Color::Magenta) => [0xcd, 0, 0xcd],
            Some(Color::DarkGray) => [0x7f, 0x7f, 0x7f],
            Some(other) => panic!("{other:?} is not in the table"),
        }
    }

    /// Relative luminance (WCAG 2).
    fn luminance(colour: [u8; 3]) -> f64 {
        let [red, green, blue] = colour.map(|part| {
            let part = f64::from(part) / 255.0;
            if part <= 0.04045 {
                part / 12.92
            } else {
                ((part + 0.055) / 1.055).powf(2.4)
            }
        });
        0.2126 * red + 0.7152 * green + 0.0722 * blue
    }

    #[test]
    fn every_tone_can_be_read_on_white() {
        let theme = Theme {
            colour: true,
            light: true,
            ascii: false,
        };
        for tone in TONES {
            let contrast = 1.05 / (luminance(of_xterm(theme.style(tone).fg)) + 0.05);
            assert!(contrast >= 4.5, "{tone:?}: {contrast:.2}");
        }
    }

    #[test]
    fn no_tone_sets_a_background_or_green() {
        for tone in TONES {
            for (colour, light) in [(true, true), (true, false), (false, false)] {
                let theme = Theme {
                    colour,
                    light,
                    ascii: false,
                };
                let style = theme.style(tone);
                assert_eq!(style.bg, None, "{tone:?}");
                assert_ne!(style.fg, Some(Color::Green), "{tone:?}");
                assert!(colour || style.fg.is_none(), "{tone:?}");
            }
        }
    }
}
