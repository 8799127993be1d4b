//! Times as kubectl takes them: Go durations, and a bare number for seconds.

use std::fmt;
use std::time::Duration;

use jiff::fmt::friendly::SpanParser;

/// More cannot be added to every point in time.
pub(crate) const FOREVER: Duration = Duration::from_secs(u32::MAX as u64);

/// How long something may take; none is for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit(pub Option<Duration>);

impl Limit {
    /// Comes when the time is up.
    pub async fn over(self) {
        match self.0 {
            Some(time) => tokio::time::sleep(time).await,
            None => std::future::pending().await,
        }
    }
}

impl fmt::Display for Limit {
    /// As Go writes it: `10m0s`, `1.5s`, `0s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = self.0.unwrap_or_default();
        let (hours, minutes) = (time.as_secs() / 3600, time.as_secs() / 60 % 60);
        let seconds = (time.as_secs() % 60) as f64 + f64::from(time.subsec_millis()) / 1000.0;
        match (hours, minutes) {
            (0, 0) => write!(f, "{seconds}s"),
            (0, _) => write!(f, "{minutes}m{seconds}s"),
            (_, _) => write!(f, "{hours}h{minutes}m{seconds}s"),
        }
    }
}

/// `0` for ever, `90`, `90s`, `5m`, `1h30m`, `500ms`. What is said of a wrong one stands behind the option and the text, which clap
/// names.
pub(super) fn limit(text: &str) -> Result<Limit, String> {
    let is_bare = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let with_unit = if is_bare {
        format!("{text}s")
    } else {
        text.to_owned()
    };
    match SpanParser::new().parse_unsigned_duration(&with_unit) {
        Ok(time) if time.is_zero() => Ok(Limit(None)),
        Ok(time) => Ok(Limit(Some(time.min(FOREVER)))),
        Err(_) => Err("give a time such as 90s, 5m or 1h30m, or 0 for no limit".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_a_duration_of_go_or_seconds_and_0_is_none() {
        let cases = [
            ("0", None),
            ("0s", None),
            ("90", Some(90_000)),
            ("90s", Some(90_000)),
            ("1m30s", Some(90_000)),
            ("1.5h", Some(5_400_000)),
            ("500ms", Some(500)),
            ("2 minutes", Some(120_000)),
        ];
        for (text, millis) in cases {
            assert_eq!(
                limit(text),
                Ok(Limit(millis.map(Duration::from_millis))),
                "{text}"
            );
        }
        for bad in ["", "m", "-1", "-1s", "5m ago", "1.5", "99999999999999999999h"] {
            assert!(limit(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_limit_is_told_as_go_tells_it() {
        let cases = [
            (600_000, "10m0s"),
            (1_500, "1.5s"),
            (3_690_000, "1h1m30s"),
            (2_000, "2s"),
        ];
        for (millis, text) in cases {
            assert_eq!(Limit(Some(Duration::from_millis(millis))).to_string(), text);
        }
        assert_eq!(Limit(None).to_string(), "0s");
    }
}
