//! docs/faults.md and docs/security.md: each row of their tables names where the fault is tested, and what it names is there. A table
//! without that column speaks of what is not tested.
//!
//! An address is a file with tests (`core/tests/faults/node_lost.rs`), or the name of a scenario on the cluster in quotes.

use std::fs;
use std::path::Path;

use anyhow::{Context, ensure};

const PAGES: [&str; 2] = ["docs/faults.md", "docs/security.md"];

/// The heading of the column with the addresses.
const COLUMN: &str = "tested in";

/// Compares the pages with what they name.
pub(super) fn check(root: &Path) -> anyhow::Result<()> {
    PAGES.iter().try_for_each(|at| check_page(root, at))
}

fn check_page(root: &Path, at: &str) -> anyhow::Result<()> {
    let page = fs::read_to_string(root.join(at)).with_context(|| format!("read {at}"))?;
    let scenarios: Vec<&str> = xtask_e2e::names().collect();
    let wrong = wrong_rows(
        &page,
        |file| has_tests(&root.join(file)),
        |name| scenarios.contains(&name),
    );
    ensure!(
        wrong.is_empty(),
        "{at}: each row has to name, under {COLUMN:?}, a file with tests in backticks or a scenario in quotes:\n{}",
        wrong.join("\n")
    );
    println!("every address in {at} exists");
    Ok(())
}

/// The rows without an address, and those with one that leads nowhere.
fn wrong_rows(page: &str, is_file: impl Fn(&str) -> bool, is_scenario: impl Fn(&str) -> bool) -> Vec<String> {
    let mut wrong = Vec::new();
    let (mut addressed, mut here) = (false, false);
    for row in page.lines() {
        let Some(cells) = row.strip_prefix('|') else {
            here = false;
            continue;
        };
        let last = cells
            .trim_end_matches('|')
            .rsplit('|')
            .next()
            .unwrap_or_default()
            .trim();
        if last == COLUMN {
            (addressed, here) = (true, true);
            continue;
        }
        if !here || last == "---" {
            continue;
        }
        let named = addresses(last);
        let lost = named.iter().find(|address| match address {
            Address::File(file) => !is_file(file),
            Address::Scenario(name) => !is_scenario(name),
        });
        if let Some(lost) = lost {
            wrong.push(format!("{lost:?}: {row}"));
        } else if named.is_empty() {
            wrong.push(format!("no address: {row}"));
        }
    }
    if !addressed {
        wrong.push(format!("no table has a last column {COLUMN:?}"));
    }
    wrong
}

fn has_tests(file: &Path) -> bool {
    let text = fs::read_to_string(file).unwrap_or_default();
    text.contains("#[test]") || text.contains("#[tokio::test")
}

#[derive(Debug, PartialEq)]
enum Address<'a> {
    File(&'a str),
    Scenario(&'a str),
}

fn addresses(cell: &str) -> Vec<Address<'_>> {
    let quoted = |mark: char| cell.split(mark).skip(1).step_by(2);
    let files = quoted('`').map(Address::File);
    files.chain(quoted('"').map(Address::Scenario)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_without_an_address_and_one_that_leads_nowhere_are_named() {
        let page = "| what | tested in |\n|---|---|\n| `a` breaks | `core/here.rs`, \"a scenario\" |\n| no address | - |\n\
                    | gone | `core/gone.rs` |\n| unknown | \"another\" |\n";
        let wrong = wrong_rows(page, |file| file == "core/here.rs", |name| name == "a scenario");
        let rows: Vec<&str> = wrong.iter().filter_map(|row| row.split('|').nth(1)).collect();
        assert_eq!(rows, [" no address ", " gone ", " unknown "]);
        assert!(!wrong_rows("| what | end |\n", |_| true, |_| true).is_empty());
    }
}
