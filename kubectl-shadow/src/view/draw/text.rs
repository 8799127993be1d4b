//! Texts of a fixed width, and numbers as people read them.

use jiff::Timestamp;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Columns of a text. Most are ASCII, and each frame asks for thousands.
fn columns(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { text.width() }
}

/// The text in exactly so many columns, cut at its end.
pub(super) fn fit(text: &str, width: usize) -> String {
    if columns(text) <= width {
        return format!("{text}{}", " ".repeat(width - columns(text)));
    }
    let mut kept = head(text, width.saturating_sub(1));
    if width > 0 {
        kept.push('…');
    }
    let missing = width.saturating_sub(columns(&kept));
    kept + &" ".repeat(missing)
}

/// The text in exactly so many columns, at their right end.
pub(super) fn right(text: &str, width: usize) -> String {
    let missing = width.saturating_sub(columns(text));
    if missing == 0 {
        fit(text, width)
    } else {
        " ".repeat(missing) + text
    }
}

/// The text in exactly so many columns, cut in its middle: the end of a pod's name tells which one it is.
pub(super) fn middle(text: &str, width: usize) -> String {
    if columns(text) <= width || width < 5 {
        return fit(text, width);
    }
    let tail_width = (width - 1) / 2;
    let mut end = String::new();
    for c in text.chars().rev() {
        if columns(&end) + c.width().unwrap_or(0) > tail_width {
            break;
        }
        end.insert(0, c);
    }
    let start = head(text, width - 1 - columns(&end));
    fit(&format!("{start}…{end}"), width)
}

fn head(text: &str, width: usize) -> String {
    let mut used = 0;
    let fits = |c: &char| {
        used += c.width().unwrap_or(0);
        used <= width
    };
    text.chars().take_while(fits).collect()
}

/// The text in lines of at most so many columns, broken between words.
pub(super) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        let fits = |line: &&mut String| columns(line) + 1 + columns(word) <= width;
        match lines.last_mut().filter(fits) {
            Some(line) => {
                line.push(' ');
                line.push_str(word);
            }
            None => lines.push(fit(word, columns(word).min(width))),
        }
    }
    lines
}

/// The text in lines of at most so many columns; its columns stay, and what does not fit goes on indented.
pub(super) fn broken(text: &str, width: usize) -> Vec<String> {
    let indent = 12;
    if columns(text) <= width || width <= indent * 2 {
        return vec![fit(text, columns(text).min(width))];
    }
    let first = head(text, width);
    // At a gap, unless there is none in the second half.
    let cut = first
        .rfind(' ')
        .filter(|at| *at > first.len() / 2)
        .unwrap_or(first.len());
    let (first, rest) = text.split_at(cut);
    let rest = wrapped(rest, width - indent)
        .into_iter()
        .map(|line| format!("{}{line}", " ".repeat(indent)));
    [first.to_owned()].into_iter().chain(rest).collect()
}

/// `0.91s`, `41.0s`, `4m02`, `3h10`, `11d`.
pub(super) fn seconds(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    if seconds < 9.995 {
        format!("{seconds:.2}s")
    } else if seconds < 99.95 {
        format!("{seconds:.1}s")
    } else if whole < 3600 {
        format!("{}m{:02}", whole / 60, whole % 60)
    } else if whole < 48 * 3600 {
        format!("{}h{:02}", whole / 3600, whole % 3600 / 60)
    } else {
        format!("{}d", whole / (24 * 3600))
    }
}

/// `14:03:07.9`, in UTC.
pub(super) fn time(at: Timestamp) -> String {
    let tenths = at.subsec_millisecond() / 100;
    format!("{}.{tenths}", at.strftime("%H:%M:%S"))
}

/// Bars for numbers, one column each, the last ones of them; as high as the highest.
pub(super) fn spark(values: &[f64], width: usize) -> String {
    let bars = ['▁', '▂', '▃', '▄', '▅', '▆', '▇'];
    let shown = values
        .get(values.len().saturating_sub(width)..)
        .unwrap_or_default();
    let most = shown.iter().copied().fold(0.0, f64::max);
    let bar = |value: &f64| {
        let share = if most > 0.0 { value / most } else { 0.0 };
        let index = (share * (bars.len() - 1) as f64).round() as usize;
        bars.get(index.min(bars.len() - 1)).copied().unwrap_or(' ')
    };
    let text: String = shown.iter().map(bar).collect();
    fit(&text, width)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_name_keeps_its_ordinal() {
        assert_eq!(middle("orders-with-a-long-name-7", 12), "orders…ame-7");
        assert_eq!(middle("orders-0", 12), "orders-0    ");
        assert_eq!(middle("orders-with-a-long-name-7", 12).width(), 12);
    }

    #[test]
    fn a_text_has_its_width_whatever_it_holds() {
        for text in ["", "größe", "漢字漢字漢字", "a\u{301}b", "0123456789abc"] {
            for width in 0..14 {
                for cut in [fit(text, width), right(text, width), middle(text, width)] {
                    assert_eq!(cut.width(), width, "{text} in {width}: {cut:?}");
                }
            }
        }
    }

    #[test]
    fn times_are_told_as_exactly_as_they_matter() {
        let cases = [
            (0.914, "0.91s"),
            (41.02, "41.0s"),
            (242.4, "4m02"),
            (11_400.0, "3h10"),
            (1e6, "11d"),
            (99.96, "1m40"),
        ];
        for (number, text) in cases {
            assert_eq!(seconds(number), text);
        }
    }

    #[test]
    fn sizes_have_units() {
        let cases = [
            (0, "0 B"),
            (999, "999 B"),
            (3_100_000, "3.1 MB"),
            (112_000_000, "112 MB"),
            (999_600, "1.0 MB"),
        ];
        for (number, text) in cases {
            assert_eq!(crate::amount::bytes(number), text);
        }
    }

    #[test]
    fn lines_are_broken_between_words() {
        assert_eq!(wrapped("a bb ccc dddd", 6), ["a bb", "ccc", "dddd"]);
        assert_eq!(wrapped("abcdefghij", 5), ["abcd…"]);
        let text = "  0.850s  Hold     1  held after 12 ms";
        assert_eq!(broken(text, 80), [text]);
        assert_eq!(
            broken(text, 28),
            ["  0.850s  Hold     1  held", "            after 12 ms"]
        );
    }

    #[test]
    fn the_highest_value_has_the_highest_bar() {
        assert_eq!(spark(&[0.0, 1.0, 2.0], 5), "▁▄▇  ");
        assert_eq!(spark(&[0.0, 0.0], 2), "▁▁");
    }
}
