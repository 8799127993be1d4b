//! The file of lines. What was written stays in it.

use std::fs::{self, OpenOptions};
use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::engine::Engine;
use super::row::Row;

/// All lines of the file; none if there is no such file.
pub(crate) fn read(path: &Path) -> Result<Vec<Row>> {
    if !path.exists() {
        return Ok(Vec::new());
    }
    let mut reader = csv::Reader::from_path(path).with_context(|| format!("read {}", path.display()))?;
    let rows = reader.deserialize().collect::<Result<_, csv::Error>>();
    rows.with_context(|| {
        format!(
            "read the lines of {}; those of another version need another folder (--out)",
            path.display()
        )
    })
}

/// Adds lines.
pub(crate) fn append(path: &Path, rows: &[Row]) -> Result<()> {
    let fresh = !path.exists();
    ensure!(
        fresh || fs::read_to_string(path)?.lines().next() == Some(&columns()?),
        "{} has other columns than lines of this version: name another folder (--out)",
        path.display()
    );
    let file = OpenOptions::new().create(true).append(true).open(path);
    let file = file.with_context(|| format!("open {}", path.display()))?;
    let mut writer = csv::WriterBuilder::new().has_headers(fresh).from_writer(file);
    for row in rows {
        writer.serialize(row).context("write a line")?;
    }
    writer.flush().context("write the lines")
}

fn columns() -> Result<String> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.serialize(Row::default()).context("write an empty line")?;
    let text = writer.into_inner().context("write an empty line")?;
    let text = String::from_utf8(text).context("name the columns")?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

/// Lines of this plan and this engine, which is known to be the same: these count.
pub(crate) fn of(rows: Vec<Row>, seed: u64, engine: &Engine) -> Vec<Row> {
    let ours = |row: &Row| engine.is_committed() && row.seed == seed && row.engine == engine.name;
    rows.into_iter().filter(ours).collect()
}

/// Numbers of the moves that these lines do not have, up to `moves`.
pub(crate) fn missing(rows: &[Row], moves: u32) -> Vec<u32> {
    let done = |index: u32| rows.iter().any(|row| row.index == index && row.counts());
    (1..=moves).filter(|index| !done(*index)).collect()
}

#[cfg(test)]
mod tests {
    use super::super::row::{Excuse, Outcome, Told};
    use super::*;

    fn row(index: u32, outcome: Outcome) -> Row {
        Row {
            index,
            seed: 1,
            engine: "abc".into(),
            outcome,
            note: "a, \"b\"".into(),
            ..Row::default()
        }
    }

    fn engine(name: &str) -> Engine {
        Engine {
            name: name.into(),
            commit: "c".into(),
        }
    }

    #[test]
    fn lines_are_added_and_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("moves.csv");
        assert_eq!(read(&path).unwrap(), []);
        let full = Row {
            verdict: Told::NotExact,
            total_ms: Some(7),
            missing: Some(0),
            state_equal: Some(true),
            excuse: Excuse::Verdict,
            ..row(1, Outcome::Completed)
        };
        append(&path, std::slice::from_ref(&full)).unwrap();
        append(&path, &[row(2, Outcome::NotRun)]).unwrap();
        assert_eq!(read(&path).unwrap(), [full, row(2, Outcome::NotRun)]);
    }

    #[test]
    fn lines_are_not_added_to_those_of_another_version() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("moves.csv");
        fs::write(&path, "index,seed\n1,1\n").unwrap();
        let refused = append(&path, &[row(1, Outcome::Completed)]).unwrap_err();
        assert!(refused.to_string().contains("--out"), "{refused}");
    }

    #[test]
    fn another_engine_or_seed_begins_anew_and_so_does_one_that_is_no_commit() {
        let rows = || vec![row(1, Outcome::Completed)];
        assert_eq!(of(rows(), 1, &engine("abc")).len(), 1);
        assert_eq!(of(rows(), 2, &engine("abc")).len(), 0);
        assert_eq!(of(rows(), 1, &engine("abd")).len(), 0);
        let changed = vec![Row {
            engine: "abc-changed".into(),
            ..row(1, Outcome::Completed)
        }];
        assert_eq!(of(changed, 1, &engine("abc-changed")).len(), 0);
    }

    #[test]
    fn what_was_not_run_is_to_be_done() {
        let rows = [
            row(1, Outcome::Completed),
            row(2, Outcome::NotRun),
            row(4, Outcome::Unended),
        ];
        assert_eq!(missing(&rows, 5), [2, 3, 5]);
    }
}
