//! Durations as people write them on a command line: `500us`, `2ms`, `1.5s`, `2m`.

use std::time::Duration;

use jiff::fmt::friendly::SpanParser;

/// Reads a duration.
///
/// # Errors
/// When the text is no number followed by a unit; the text says what would be right.
pub fn parse(text: &str) -> Result<Duration, String> {
    let text = text.trim();
    // Nothing is nothing in every unit.
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let read = SpanParser::new().parse_unsigned_duration(text);
    read.map_err(|_| format!("`{text}` is no duration: write a number and us, ms, s, m or h, such as 2ms"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_written() {
        for (text, micros) in [
            ("0", 0),
            ("0s", 0),
            ("500us", 500),
            ("2ms", 2_000),
            (" 50 ms ", 50_000),
            ("1.5s", 1_500_000),
            ("8s", 8_000_000),
            ("2m", 120_000_000),
            ("1m30s", 90_000_000),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_micros(micros)), "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_is_refused_with_an_example() {
        for text in ["", "5", "ms", "-1s", "3 days", "1e999s", "2m ago", "2mo"] {
            let error = parse(text).unwrap_err();
            assert!(
                error.contains(&format!("`{text}`")) && error.contains("such as 2ms"),
                "{error}"
            );
        }
    }
}
