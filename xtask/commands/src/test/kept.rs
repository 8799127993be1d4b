//! What the parts of everything said, kept for each commit, so that a long run can be done in parts and shown afterwards.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use xtask_e2e::Selection;
use xtask_e2e::tally::Tally;
use xtask_lab::stage::capture;
use xtask_lab::yardstick;

/// Writes the closing lines of a part and prints those of all parts that this commit has.
pub(super) fn keep(selection: &Selection, tally: &Tally, time: Duration, fixed: Duration) -> Result<()> {
    let share = match selection {
        Selection::All(share) => *share,
        Selection::Core | Selection::CoreAnd(_) | Selection::Named(_) => {
            bail!("only parts of everything are kept")
        }
    };
    let commit = commit()?;
    let folder = folder()?.join(&commit);
    fs::create_dir_all(&folder).with_context(|| format!("make {}", folder.display()))?;
    let mut text = format!("part {share} of {commit}: {}\n", yardstick::told(time, fixed));
    for failure in tally.failures() {
        writeln!(text, "FAIL {failure}").context("write a failure")?;
    }
    writeln!(text, "{} passed, {} failed", tally.passed(), tally.failed()).context("write the count")?;
    let name = format!("part-{}-of-{}.txt", share.part, share.of);
    fs::write(folder.join(&name), text).with_context(|| format!("write {name}"))?;
    println!("\nparts of {commit} that were run:");
    for part in 1..=share.of {
        let path = folder.join(format!("part-{part}-of-{}.txt", share.of));
        match fs::read_to_string(&path) {
            Ok(text) => print!("{text}"),
            Err(_) => println!(
                "part {part}/{}: not run; type `cargo xtask test --all --part {part}/{}`",
                share.of, share.of
            ),
        }
    }
    Ok(())
}

fn folder() -> Result<PathBuf> {
    Ok(xtask::cache()
        .context("set HOME: no place for the cache is known")?
        .join("tests"))
}

/// The commit that is tested; with `-changed` when files differ from it.
fn commit() -> Result<String> {
    let commit = git(&["rev-parse", "--short=12", "HEAD"])?;
    let changed = !git(&["status", "--porcelain", "--untracked-files=no"])?.is_empty();
    Ok(if changed {
        format!("{commit}-changed")
    } else {
        commit
    })
}

/// How many commits led to the one that is tested.
pub(super) fn commits() -> Result<u32> {
    let count = git(&["rev-list", "--count", "HEAD"])?;
    count
        .parse()
        .context("git counted no commits; choose a part with --part")
}

fn git(arguments: &[&str]) -> Result<String> {
    let mut git = Command::new("git");
    git.current_dir(xtask::workspace()).args(arguments);
    Ok(capture(git)?.trim().to_owned())
}
