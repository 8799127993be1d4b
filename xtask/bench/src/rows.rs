//! The file of rows. What was measured stays in it.

use std::fs::{self, OpenOptions};
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use tempfile::NamedTempFile;

use super::row::Row;

/// Rows of a file; none if there is no such file. Columns of older versions may be missing.
pub(crate) fn read(path: &Path) -> Result<Vec<Row>> {
    if !path.exists() {
        return Ok(Vec::new());
    }
    let mut reader = csv::Reader::from_path(path).with_context(|| format!("read {}", path.display()))?;
    let rows = reader.deserialize().collect::<Result<_, csv::Error>>();
    rows.with_context(|| format!("read the rows of {}", path.display()))
}

/// Adds rows: what was measured before is not touched, and what was measured now survives whatever comes next.
pub(crate) fn append(path: &Path, rows: &[Row]) -> Result<()> {
    let fresh = fit_columns(path)?.is_none();
    let file = OpenOptions::new().create(true).append(true).open(path);
    let file = file.with_context(|| format!("open {}", path.display()))?;
    let mut writer = csv::WriterBuilder::new().has_headers(fresh).from_writer(file);
    for row in rows {
        writer.serialize(row).context("write a row")?;
    }
    writer.flush().context("write the rows")
}

/// Rows cannot be added to a file with other columns. Those of an older version get the columns that came since, empty in the
/// rows that are there. Nothing if the file has no columns yet.
pub(crate) fn fit_columns(path: &Path) -> Result<Option<()>> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(|| format!("read {}", path.display())),
    };
    let Some(columns) = text.lines().next() else {
        return Ok(None);
    };
    let ours = columns_of_ours()?;
    if columns != ours {
        ensure!(
            ours.starts_with(&format!("{columns},")),
            "{} has other columns than rows of this version: measure into another folder (--out)",
            path.display()
        );
        rewrite(path, &read(path)?)?;
    }
    Ok(Some(()))
}

fn columns_of_ours() -> Result<String> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.serialize(Row::default()).context("write an empty row")?;
    let text = writer.into_inner().context("write an empty row")?;
    let text = String::from_utf8(text).context("name the columns")?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

/// In one step: a file that was half written would have lost rows.
fn rewrite(path: &Path, rows: &[Row]) -> Result<()> {
    let folder = path.parent().context("rows without a folder")?;
    let file = NamedTempFile::new_in(folder).with_context(|| format!("write in {}", folder.display()))?;
    let mut writer = csv::Writer::from_writer(file);
    for row in rows {
        writer.serialize(row).context("write a row")?;
    }
    let file = writer.into_inner().context("write the rows")?;
    // A temporary file is for its owner alone.
    let permissions = fs::metadata(path)
        .with_context(|| format!("look at {}", path.display()))?
        .permissions();
    fs::set_permissions(file.path(), permissions).context("give the rows the permissions they had")?;
    file.persist(path)
        .with_context(|| format!("replace {}", path.display()))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn empty() -> Row {
        Row {
            way: "x".into(),
            rate: 80,
            at: "2026-11-21T10:00:00Z".into(),
            ..Row::default()
        }
    }

    #[test]
    fn rows_are_added_to_those_that_are_there_and_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows.csv");
        assert_eq!(read(&path).unwrap(), []);
        let first = Row {
            exact: Some(true),
            total_ms: Some(7),
            error: "a, \"b\"".into(),
            ..empty()
        };
        append(&path, std::slice::from_ref(&first)).unwrap();
        append(&path, &[empty()]).unwrap();
        assert_eq!(read(&path).unwrap(), [first, empty()]);
    }

    #[test]
    fn rows_of_an_older_version_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows.csv");
        fs::write(&path, "way,rate,phase,exact,total_ms\nx,80,Completed,true,\n").unwrap();
        let rows = read(&path).unwrap();
        assert_eq!(
            (rows[0].rate, rows[0].exact, rows[0].total_ms),
            (80, Some(true), None)
        );
        assert_eq!(rows[0].downtime_ms, None);
        let refused = append(&path, &[empty()]).unwrap_err();
        assert!(refused.to_string().contains("--out"), "{refused}");
    }

    #[test]
    fn rows_of_the_version_before_get_the_new_columns_and_stay_as_they_are() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows.csv");
        let old = Row {
            error: "a, \"b\"".into(),
            ..empty()
        };
        append(&path, std::slice::from_ref(&old)).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        // The column that came last, and what the row has in it: nothing.
        let before: String = text
            .lines()
            .map(|line| {
                let line = line.strip_suffix(",plain_start_ms").or(line.strip_suffix(','));
                format!("{}\n", line.unwrap())
            })
            .collect();
        fs::write(&path, &before).unwrap();
        assert_eq!(read(&path).unwrap(), std::slice::from_ref(&old));
        let new = Row {
            plain_start_ms: Some(1_200),
            ..empty()
        };
        append(&path, std::slice::from_ref(&new)).unwrap();
        assert!(fs::read_to_string(&path).unwrap().starts_with(&text));
        assert_eq!(read(&path).unwrap(), [old, new]);
    }

    #[test]
    fn a_column_that_cannot_be_read_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows.csv");
        fs::write(&path, "way,rate\nx,many\n").unwrap();
        assert!(format!("{:#}", read(&path).unwrap_err()).contains("rows.csv"));
    }
}
