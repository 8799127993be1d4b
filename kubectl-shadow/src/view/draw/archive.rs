//! The archive of a move on its way: a bar, and words. Drawn from what an agent counted, never from the time that has passed.

use ratatui::text::{Line, Span};
use shadow_core::api::progress::Doing;

use super::pane::span;
use super::text::{fit, seconds};
use super::theme::{Theme, Tone};
use crate::amount;
use crate::view::model::Model;
use crate::view::model::list::Entry;
use crate::view::model::progress::Bytes;

/// Narrower than this a bar tells nothing.
const SHORTEST: usize = 10;

/// A bar over so many columns.
pub(super) fn bar(share: f64, width: usize) -> String {
    let halves = (share.clamp(0.0, 1.0) * (width * 2) as f64).round() as usize;
    let half = if halves % 2 == 1 { "▌" } else { "" };
    let full = "█".repeat(halves / 2);
    let rest = width.saturating_sub(halves.div_ceil(2));
    format!("{full}{half}{}", "·".repeat(rest))
}

/// The bar, and at its right how much of how much, how fast, and how long still.
pub(super) fn lines(model: &Model, theme: &Theme, entry: &Entry<'_>, width: usize) -> Option<Line<'static>> {
    let (archive, speed) = model.archive(entry)?;
    let told = words(&archive, speed);
    let columns = width.saturating_sub(told.chars().count() + 2);
    let Some(share) = archive.share().filter(|_| columns >= SHORTEST) else {
        return Some(Line::from(span(theme, Tone::Plain, fit(&told, width))));
    };
    Some(Line::from(vec![
        span(theme, Tone::Strong, bar(share, columns)),
        Span::raw(format!("  {told}")),
    ]))
}

/// `112 MB of 500 MB received, 210 MB/s, about 1.85s to go`.
fn words(archive: &Bytes, speed: Option<f64>) -> String {
    let verb = match archive.doing {
        Doing::Dump => "dumped",
        Doing::Send => "sent to the registry",
        Doing::Receive => "received",
    };
    let left = archive
        .of
        .and_then(|of| Some(of.saturating_sub(archive.bytes) as f64 / speed.filter(|speed| *speed > 0.0)?));
    let left = left.map(|left| format!(", about {} to go", seconds(left)));
    format!(
        "{} {verb}{}{}",
        so_much(archive),
        rate(speed),
        left.unwrap_or_default()
    )
}

/// `112 MB of 500 MB, 210 MB/s`.
pub(super) fn short(archive: &Bytes, speed: Option<f64>) -> String {
    format!("{}{}", so_much(archive), rate(speed))
}

fn so_much(archive: &Bytes) -> String {
    let done = amount::bytes(archive.bytes);
    match archive.of {
        Some(of) => format!("{done} of {}", amount::bytes(of)),
        None => done,
    }
}

fn rate(speed: Option<f64>) -> String {
    let speed = speed.map(|speed| format!(", {}/s", amount::bytes(speed as u64)));
    speed.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_as_wide_as_it_is_told_and_as_full_as_the_share() {
        assert_eq!(bar(0.0, 4), "····");
        assert_eq!(bar(0.375, 4), "█▌··");
        assert_eq!(bar(1.0, 4), "████");
        assert_eq!(bar(7.0, 4), "████");
        for share in 0..=20 {
            assert_eq!(bar(f64::from(share) / 20.0, 7).chars().count(), 7);
        }
    }

    #[test]
    fn what_is_not_known_is_not_told() {
        let archive = Bytes {
            at: jiff::Timestamp::UNIX_EPOCH,
            doing: Doing::Receive,
            bytes: 112_000_000,
            of: Some(500_000_000),
        };
        assert_eq!(
            words(&archive, Some(210e6)),
            "112 MB of 500 MB received, 210 MB/s, about 1.85s to go"
        );
        assert_eq!(words(&archive, None), "112 MB of 500 MB received");
        assert_eq!(words(&archive, Some(0.0)), "112 MB of 500 MB received, 0 B/s");
        let dump = Bytes {
            doing: Doing::Dump,
            of: None,
            ..archive
        };
        assert_eq!(words(&dump, Some(210e6)), "112 MB dumped, 210 MB/s");
    }
}
