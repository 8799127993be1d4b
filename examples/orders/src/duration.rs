//! Durations as people write them on a command line: `500us`, `2ms`, `1.5s`, `2m`.

use std::time::Duration;

/// Reads a duration.
///
/// # Errors
/// When the text is no number followed by a unit; the text says what would be right.
pub fn parse(text: &str) -> Result<Duration, String> {
    let text = text.trim();
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let wrong = || format!("`{text}` is no duration: write a number and us, ms, s or m, such as 2ms");
    let unit_at = text.find(|c: char| c.is_ascii_alphabetic()).ok_or_else(wrong)?;
    let (number, unit) = text.split_at(unit_at);
    let number: f64 = number.trim().parse().map_err(|_| wrong())?;
    let seconds = match unit {
        "us" => number / 1_000_000.0,
        "ms" => number / 1_000.0,
        "s" => number,
        "m" => number * 60.0,
        _ => return Err(wrong()),
    };
    Duration::try_from_secs_f64(seconds).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_written() {
        for (text, micros) in [
            ("0", 0),
            ("500us", 500),
            ("2ms", 2_000),
            ("1.5s", 1_500_000),
            ("2m", 120_000_000),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_micros(micros)), "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_is_refused_with_an_example() {
        for text in ["", "5", "ms", "-1s", "3 days", "1e999s"] {
            assert!(parse(text).unwrap_err().contains("such as 2ms"), "{text}");
        }
    }
}
