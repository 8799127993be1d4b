//! The only place that writes to the terminal. Guarantee: whatever comes from the cluster cannot move the
//! cursor, change colours or reorder text; a pipe that nobody reads any more ends the output and nothing else: what a command
//! does, and its exit code, are the same.

use std::io::Write;

/// One line of the answer.
pub fn line(text: &str) {
    write_to(&mut std::io::stdout().lock(), text);
}

/// One line about something that is wrong.
pub fn problem(text: &str) {
    write_to(&mut std::io::stderr().lock(), &format!("error: {text}"));
}

/// One line that is not part of the answer.
pub fn remark(text: &str) {
    write_to(&mut std::io::stderr().lock(), text);
}

fn write_to(out: &mut impl Write, text: &str) {
    let written = writeln!(out, "{}", printable(text)).and_then(|()| out.flush());
    // The pipe may be closed: a script that took the first line still wants to know how the command ended.
    drop(written);
}

/// The text with control characters, line breaks and direction overrides written out.
pub fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() || is_direction_mark(c) {
            out.extend(c.escape_default())
        } else {
            out.push(c)
        }
    }
    out
}

fn is_direction_mark(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::printable;

    #[test]
    fn escape_sequences_are_written_out() {
        assert_eq!(printable("a\u{1b}[2Jb\nc\u{202e}d"), "a\\u{1b}[2Jb\\nc\\u{202e}d");
    }

    #[test]
    fn ordinary_text_stays() {
        assert_eq!(printable("größe → 12 µs"), "größe → 12 µs");
    }
}
