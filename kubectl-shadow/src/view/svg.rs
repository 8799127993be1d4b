//! A picture of a screen as SVG. Guarantee: the same screen gives the same bytes.

use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};
use unicode_width::UnicodeWidthStr;

/// Size of a character's cell, and of its type.
const WIDE: u32 = 9;
const HIGH: u32 = 19;
const TYPE: u32 = 15;
/// Around everything.
const MARGIN: u32 = 10;
const BACK: &str = "#16181d";
const FRONT: &str = "#d7dae0";
const FONT: &str = "ui-monospace,'DejaVu Sans Mono',Menlo,Consolas,monospace";

/// The picture.
pub fn picture(buffer: &Buffer) -> String {
    let area = buffer.area();
    let (width, height) = (
        u32::from(area.width) * WIDE + 2 * MARGIN,
        u32::from(area.height) * HIGH + 2 * MARGIN,
    );
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" \
         font-family=\"{FONT}\" font-size=\"{TYPE}\" xml:space=\"preserve\">\n\
         <rect width=\"{width}\" height=\"{height}\" rx=\"8\" fill=\"{BACK}\"/>\n"
    );
    for row in 0..area.height {
        for run in runs(buffer, row) {
            out.push_str(&run.drawn(u32::from(row)));
        }
    }
    out.push_str("</svg>\n");
    out
}

/// Neighbours in a row that look the same.
struct Run {
    column: u32,
    columns: u32,
    text: String,
    fg: Color,
    modifier: Modifier,
}

fn runs(buffer: &Buffer, row: u16) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    let mut column = 0;
    while column < buffer.area().width {
        let Some(cell) = buffer.cell((column, row)) else {
            break;
        };
        let columns = u16::try_from(cell.symbol().width()).unwrap_or(1).max(1);
        match runs.last_mut().filter(|run| columns == 1 && run.takes(cell)) {
            Some(run) => {
                run.text.push_str(cell.symbol());
                run.columns += 1;
            }
            None => runs.push(Run {
                column: u32::from(column),
                columns: u32::from(columns),
                text: cell.symbol().to_owned(),
                fg: cell.fg,
                modifier: cell.modifier,
            }),
        }
        column += columns;
    }
    runs
}

fn is_line(c: char) -> bool {
    ('\u{2500}'..='\u{25ff}').contains(&c)
}

impl Run {
    /// Lines and bars are kept apart from other characters, and from each other: a font may take them from another one of another
    /// width.
    fn takes(&self, cell: &Cell) -> bool {
        let looks_so = self.fg == cell.fg && self.modifier == cell.modifier;
        let is_same = self.text.starts_with(cell.symbol());
        let is_any_line = self.text.starts_with(is_line) || cell.symbol().starts_with(is_line);
        looks_so && (is_same || !is_any_line)
    }

    fn drawn(&self, row: u32) -> String {
        let reversed = self.modifier.contains(Modifier::REVERSED);
        let (x, top) = (MARGIN + self.column * WIDE, MARGIN + row * HIGH);
        let width = self.columns * WIDE;
        let mut out = String::new();
        let (ink, ground) = if reversed {
            (BACK, Some(colour(self.fg)))
        } else {
            (colour(self.fg), None)
        };
        if let Some(ground) = ground {
            out.push_str(&format!(
                "<rect x=\"{x}\" y=\"{top}\" width=\"{width}\" height=\"{HIGH}\" fill=\"{ground}\"/>\n"
            ));
        }
        if self.text.trim().is_empty() {
            return out;
        }
        let weight = if self.modifier.contains(Modifier::BOLD) {
            " font-weight=\"bold\""
        } else {
            ""
        };
        let under = if self.modifier.contains(Modifier::UNDERLINED) {
            " text-decoration=\"underline\""
        } else {
            ""
        };
        let (base, text) = (top + 14, escaped(&self.text));
        out.push_str(&format!(
            "<text x=\"{x}\" y=\"{base}\" textLength=\"{width}\" lengthAdjust=\"spacingAndGlyphs\" fill=\"{ink}\"{weight}{under}>\
             {text}</text>\n"
        ));
        out
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// The 16 colours are the user's own; a picture has to choose.
#[allow(clippy::wildcard_enum_match_arm, reason = "the theme uses no other colours")]
fn colour(colour: Color) -> &'static str {
    match colour {
        Color::Blue => "#6cb6ff",
        Color::Yellow => "#e6c15c",
        Color::Magenta => "#d2a8ff",
        Color::Red => "#ff7b72",
        Color::DarkGray => "#7d8590",
        _ => FRONT,
    }
}
