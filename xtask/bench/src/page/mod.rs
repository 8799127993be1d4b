//! The page of results, made of rows alone: equal rows give equal bytes, and nothing is run for it.

mod charts;
pub(crate) mod drain;
mod forecast;
mod plot;
mod short;
mod stand_in;
mod text;
mod unmet;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::ROWS;
use super::figures;
use super::row::Row;
use super::rows;

/// The page below `docs`.
const PAGE: &str = "results.md";
/// What belongs to it: drawings and rows.
const FOLDER: &str = "results";

/// Reads the rows of one folder and writes page, drawings and a copy of the rows below `docs`.
pub(crate) fn write(rows: &Path, docs: &Path) -> Result<()> {
    let path = rows.join(ROWS);
    let raw = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
    let rows = rows::read(&path)?;
    ensure!(!rows.is_empty(), "{} holds no row", path.display());
    let folder = docs.join(FOLDER);
    fs::create_dir_all(&folder).with_context(|| format!("make {}", folder.display()))?;
    let mut files = files(&rows)?;
    files.insert(format!("{FOLDER}/{ROWS}"), raw);
    remove_former_drawings(&folder, &files)?;
    for (name, text) in &files {
        let path = docs.join(name);
        if let Some(around) = path.parent() {
            fs::create_dir_all(around).with_context(|| format!("make {}", around.display()))?;
        }
        fs::write(&path, text).with_context(|| format!("write {}", path.display()))?;
    }
    println!(
        "{}: {} rows, {} drawings",
        docs.join(PAGE).display(),
        rows.len(),
        files.len() - 3
    );
    Ok(())
}

/// Says what is not as the rows below `docs` make it; none where there are no rows.
pub(crate) fn stale(docs: &Path) -> Result<Option<Vec<String>>> {
    let path = docs.join(FOLDER).join(ROWS);
    if !path.exists() {
        return Ok(None);
    }
    let mut stale = Vec::new();
    for (name, text) in files(&rows::read(&path)?)? {
        let path = docs.join(&name);
        // A file that is not there is not as it should be.
        if fs::read_to_string(&path)
            .ok()
            .is_none_or(|committed| committed != text)
        {
            stale.push(name);
        }
    }
    Ok(Some(stale))
}

/// What is made of rows, by its path below `docs`.
fn files(rows: &[Row]) -> Result<BTreeMap<String, String>> {
    let groups = figures::groups(rows);
    let charts = charts::all(&groups)?;
    let page = text::page(rows, &groups, &charts)?;
    let drawings = charts
        .into_iter()
        .map(|chart| (format!("{FOLDER}/{}", chart.file), chart.svg));
    let table = (forecast::FILE.to_owned(), forecast::table(rows));
    Ok(drawings.chain([(PAGE.to_owned(), page), table]).collect())
}

/// A drawing of other rows that these rows have no figures for.
fn remove_former_drawings(folder: &Path, files: &BTreeMap<String, String>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("read {}", folder.display()))? {
        let path = entry.context("read a folder")?.path();
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        if name.ends_with(".svg") && !files.contains_key(&format!("{FOLDER}/{name}")) {
            fs::remove_file(&path).with_context(|| format!("remove {}", path.display()))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
