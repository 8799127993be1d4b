//! The only place that writes to the terminal, beside the live view, which takes the whole of it. Guarantee: whatever comes from the cluster cannot move the
//! cursor, change colours or reorder text; a pipe that nobody reads any more ends the output and nothing else: what a command
//! does, and its exit code, are the same.

use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

/// Back to the first column, and everything behind it away.
const ERASE: &str = "\r\u{1b}[K";
/// A line that is going to be repainted stands on the terminal.
static PAINTED: AtomicBool = AtomicBool::new(false);
/// What is kept while the live view has the terminal.
static HELD: Mutex<Option<Vec<String>>> = Mutex::new(None);

/// One line of the answer.
pub fn line(text: &str) {
    erase();
    write_to(&mut std::io::stdout().lock(), text);
}

/// A text of ours as it is, with its own line ends: nothing in it comes from a cluster, or it was made harmless.
pub(crate) fn own(text: &str) {
    erase();
    send(&mut std::io::stdout().lock(), text);
}

/// One line about something that is wrong.
pub fn problem(text: &str) {
    erase();
    write_to(&mut std::io::stderr().lock(), &format!("error: {text}"));
}

/// One line that is not part of the answer. It waits while the live view has the terminal.
pub fn remark(text: &str) {
    if let Some(held) = HELD.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
        held.push(text.to_owned());
        return;
    }
    erase();
    write_to(&mut std::io::stderr().lock(), text);
}

/// From now on remarks are kept.
pub(crate) fn hold() {
    HELD.lock()
        .unwrap_or_else(PoisonError::into_inner)
        .get_or_insert_default();
}

/// What was kept is said, and nothing is kept any more.
pub(crate) fn release() {
    let held = HELD.lock().unwrap_or_else(PoisonError::into_inner).take();
    held.into_iter().flatten().for_each(|text| remark(&text));
}

/// Whether a person looks at a terminal that can be repainted.
pub fn can_repaint() -> bool {
    let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
    std::io::stdout().is_terminal() && !dumb
}

/// A line that the next one takes the place of. It is cut to the width of the terminal: a line that wraps cannot be erased.
pub fn paint(text: &str) {
    let width = rustix::termios::tcgetwinsize(std::io::stdout()).map_or(0, |size| usize::from(size.ws_col));
    // A terminal that does not know its width says 0.
    let width = if width == 0 { 80 } else { width };
    let text = shortened(&printable(text), width.saturating_sub(1));
    send(&mut std::io::stdout().lock(), &format!("{ERASE}{text}"));
    PAINTED.store(true, Ordering::Relaxed);
}

/// Takes away what was painted.
pub fn erase() {
    if PAINTED.swap(false, Ordering::Relaxed) {
        send(&mut std::io::stdout().lock(), ERASE);
    }
}

fn shortened(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let kept: String = text.chars().take(width.saturating_sub(1)).collect();
    format!("{kept}…")
}

fn write_to(out: &mut impl Write, text: &str) {
    send(out, &format!("{}\n", printable(text)));
}

fn send(out: &mut impl Write, text: &str) {
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    // The pipe may be closed: a script that took the first line still wants to know how the command ended.
    drop(written);
}

/// The text with control characters, line breaks and direction overrides written out.
pub fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if is_obeyed(c) {
            out.extend(c.escape_default())
        } else {
            out.push(c)
        }
    }
    out
}

/// Whether a terminal would do something with it but show it.
pub(crate) fn is_obeyed(c: char) -> bool {
    c.is_control() || is_direction_mark(c)
}

fn is_direction_mark(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::{printable, shortened};

    #[test]
    fn a_painted_line_never_wraps() {
        assert_eq!(shortened("12s  in step Hold", 80), "12s  in step Hold");
        assert_eq!(shortened("größer als", 6), "größe…");
    }

    #[test]
    fn escape_sequences_are_written_out() {
        assert_eq!(printable("a\u{1b}[2Jb\nc\u{202e}d"), "a\\u{1b}[2Jb\\nc\\u{202e}d");
    }

    #[test]
    fn ordinary_text_stays() {
        assert_eq!(printable("größe → 12 µs"), "größe → 12 µs");
    }
}
