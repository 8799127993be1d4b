//! The drawing of a drain as Prometheus saw it, made of the series that the scenario "a real Prometheus sees a drain, and every query
//! gives a series" keeps.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use super::charts::COLOURS;
use super::plot::{Line, Titles, panels};

/// Below `docs`.
const DRAWING: &str = "pictures/drain-metrics.svg";

/// One line of the drawing.
#[derive(Deserialize)]
struct Shown {
    /// What it shows.
    name: String,
    /// Unix time in seconds, and the value as Prometheus writes it.
    values: Vec<(f64, String)>,
}

/// Draws the series of one file into `docs`.
pub(crate) fn write(series: &Path, docs: &Path) -> Result<()> {
    let text = fs::read_to_string(series).with_context(|| format!("read {}", series.display()))?;
    let shown: Vec<Shown> =
        serde_json::from_str(&text).with_context(|| format!("{} holds no series", series.display()))?;
    let path = docs.join(DRAWING);
    fs::write(&path, drawn(&shown)?).with_context(|| format!("write {}", path.display()))?;
    println!("{}", path.display());
    Ok(())
}

fn drawn(shown: &[Shown]) -> Result<String> {
    let times = shown.iter().flat_map(|one| one.values.iter().map(|(at, _)| *at));
    let begun = times.fold(f64::INFINITY, f64::min);
    ensure!(begun.is_finite(), "no series has a value");
    let line = |(one, colour): (&Shown, _)| {
        let point = |(at, value): &(f64, String)| {
            let value = value
                .parse()
                .with_context(|| format!("{}: {value:?}", one.name))?;
            Ok((at - begun, value))
        };
        Ok(Line {
            name: one.name.clone(),
            colour,
            points: one.values.iter().map(point).collect::<Result<_>>()?,
        })
    };
    let all = shown.iter().zip(COLOURS).map(line).collect::<Result<Vec<_>>>()?;
    // Messages are tens and moves are two: each kind has a scale of its own.
    let (messages, moves): (Vec<Line>, Vec<Line>) =
        all.into_iter().partition(|line| line.name.contains("messages"));
    let titled = |title, across| Titles {
        title,
        across,
        up: "",
    };
    let title = "Two consumers are drained from a node, as Prometheus saw it";
    panels(&[(titled(title, ""), moves), (titled("", "seconds"), messages)])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(value: &str) -> Vec<Shown> {
        let one = |name: &str, values: Vec<(f64, String)>| Shown {
            name: name.to_owned(),
            values,
        };
        let values = vec![
            (1_700_000_000.0, "0".to_owned()),
            (1_700_000_004.0, value.to_owned()),
        ];
        vec![one("moves under way", values), one("moves done", Vec::new())]
    }

    #[test]
    fn a_drawing_has_a_line_for_each_series_and_begins_with_the_first_value() {
        let svg = drawn(&shown("2")).unwrap();
        assert!(svg.contains("moves under way") && svg.contains("moves done"));
        assert!(!svg.contains("1700000000"), "times count from the first value");
        assert_eq!(svg, drawn(&shown("2")).unwrap());
    }

    #[test]
    fn a_value_that_is_no_number_is_named_and_so_is_a_file_without_values() {
        let wrong = drawn(&shown("much")).unwrap_err();
        assert!(format!("{wrong:#}").contains("moves under way"), "{wrong:#}");
        assert!(drawn(&[]).unwrap_err().to_string().contains("no series"));
    }
}
