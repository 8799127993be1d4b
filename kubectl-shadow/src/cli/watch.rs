//! `watch`: the live view.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use jiff::fmt::friendly::SpanParser;

use super::time::FOREVER;

/// `watch`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  kubectl shadow watch                                      all migrations of the namespace
  kubectl shadow watch orders-0 --record orders.ndjson      one pod, and a recording of it
  kubectl shadow watch --play orders.ndjson --speed 0.25x   a recording, in slow motion
  kubectl shadow watch --play orders.ndjson --frames DIR    a recording, as SVG pictures

The keys are told by the key ?. Leaving stops no move. Without a terminal the same is printed as plain lines.")]
pub struct Watch {
    /// Pods or migrations to watch [default: all of the namespace]
    #[arg(value_name = "POD|NAME")]
    pub names: Vec<String>,
    /// Watch all namespaces
    #[arg(short = 'A', long, conflicts_with_all = ["names", "namespace"])]
    pub all_namespaces: bool,
    /// Only those with these labels
    #[arg(short = 'l', long, value_name = "SELECTOR", conflicts_with_all = ["names", "play"])]
    pub selector: Option<String>,
    /// Record what is seen into a new file; one that ends in .zst is packed
    #[arg(long, value_name = "FILE", conflicts_with = "play")]
    pub record: Option<PathBuf>,
    /// Write other names for pods, nodes, namespaces and queues into the recording
    #[arg(long, conflicts_with = "play")]
    pub redact: bool,
    /// Play a recording; no cluster is asked
    #[arg(long, value_name = "FILE")]
    pub play: Option<PathBuf>,
    /// How fast it is played, from 0.1x to 16x
    #[arg(long, default_value = "1x", value_parser = speed, value_name = "SPEED", requires = "play")]
    pub speed: f64,
    /// Where it begins, such as 3.2s after its beginning
    #[arg(long, value_parser = moment, value_name = "TIME", requires = "play")]
    pub at: Option<Duration>,
    /// Write pictures (SVG) of it into this folder: one for each change, or with --at of that moment
    #[arg(long, value_name = "DIR", requires = "play")]
    pub frames: Option<PathBuf>,
    /// Columns and rows of the pictures
    #[arg(long, default_value = "80x24", value_parser = size, value_name = "WxH", requires = "frames")]
    pub size: (u16, u16),
    /// Leave when all that is watched has ended
    #[arg(long)]
    pub exit: bool,
    /// Change nothing in the cluster from within the view
    #[arg(long)]
    pub read_only: bool,
    /// Draw with ASCII characters only
    #[arg(long)]
    pub ascii: bool,
    /// Print plain lines although there is a terminal
    #[arg(skip)]
    pub plain: bool,
}

impl Default for Watch {
    fn default() -> Self {
        Self {
            names: Vec::new(),
            all_namespaces: false,
            selector: None,
            record: None,
            redact: false,
            play: None,
            speed: 1.0,
            at: None,
            frames: None,
            size: (80, 24),
            exit: false,
            read_only: false,
            ascii: false,
            plain: false,
        }
    }
}

/// When colours are used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Colour {
    /// Unless NO_COLOR is set
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// Whether the background of the terminal is light.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Background {
    /// As the terminal says
    #[default]
    Auto,
    /// It is
    Light,
    /// It is not
    Dark,
}

/// How the terminal is written to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Looks {
    /// When colours are used.
    pub colour: Colour,
    /// Behind what.
    pub background: Background,
}

/// `0.5x`, `4`.
fn speed(text: &str) -> Result<f64, String> {
    match text.strip_suffix('x').unwrap_or(text).parse() {
        Ok(speed) if (0.1..=16.0).contains(&speed) => Ok(speed),
        Ok(_) | Err(_) => Err("give a number from 0.1 to 16, such as 0.25x or 8x".to_owned()),
    }
}

/// `3.2s`, `1m5s`, `0`.
fn moment(text: &str) -> Result<Duration, String> {
    let with_unit = if text.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
        format!("{text}s")
    } else {
        text.to_owned()
    };
    let parsed = SpanParser::new().parse_unsigned_duration(&with_unit);
    parsed
        .map(|time| time.min(FOREVER))
        .map_err(|_| "give a time since the beginning, such as 3.2s or 1m5s".to_owned())
}

/// `80x24`.
fn size(text: &str) -> Result<(u16, u16), String> {
    let parsed = text
        .split_once('x')
        .and_then(|(width, height)| Some((width.parse().ok()?, height.parse().ok()?)));
    match parsed {
        Some((width @ 20..=500, height @ 2..=200)) => Ok((width, height)),
        Some(_) | None => Err("give columns and rows, such as 80x24 or 140x45".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_speed_is_a_number_with_or_without_an_x() {
        for (text, expected) in [("0.1x", Some(0.1)), ("16", Some(16.0)), ("1x", Some(1.0))] {
            assert_eq!(speed(text).ok(), expected, "{text}");
        }
        for bad in ["", "x", "0", "17x", "-1x", "NaN", "inf", "2xx"] {
            assert!(speed(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_moment_may_be_a_part_of_a_second() {
        for (text, millis) in [
            ("3.2s", 3200),
            ("3.2", 3200),
            ("0", 0),
            ("1m5s", 65_000),
            ("250ms", 250),
        ] {
            assert_eq!(moment(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for bad in ["", "x", "-1s", "1.2.3"] {
            assert!(moment(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_size_has_columns_and_rows() {
        assert_eq!(size("140x45"), Ok((140, 45)));
        for bad in ["", "80", "80x", "x24", "0x0", "80x24x1", "9999x9999"] {
            assert!(size(bad).is_err(), "{bad}");
        }
    }
}
