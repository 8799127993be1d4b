//! What the parts of everything said, kept for each commit, so that a long run can be done in parts and shown afterwards.

use std::fmt::Write as _;
use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use sha2::{Digest as _, Sha256};

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
    if tally.is_over() {
        writeln!(text, "stopped at the first failure").context("write how it ended")?;
    }
    writeln!(text, "{} passed, {} failed", tally.passed(), tally.failed()).context("write the count")?;
    let name = format!("part-{}-of-{}.txt", share.part, share.of);
    fs::write(folder.join(&name), text).with_context(|| format!("write {name}"))?;
    println!("\nparts of {commit} that were run:");
    for part in 1..=share.of {
        let path = folder.join(format!("part-{part}-of-{}.txt", share.of));
        match fs::read_to_string(&path) {
            Ok(text) => print!("{text}"),
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("read {}", path.display()));
            }
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

/// The commit that is tested; with a digest of what differs from it.
fn commit() -> Result<String> {
    let commit = git(&["rev-parse", "--short=12", "HEAD"])?;
    let changes = git(&["diff", "HEAD"])?;
    if changes.is_empty() {
        return Ok(commit);
    }
    let digest = Sha256::digest(&changes);
    let short: String = digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    Ok(format!("{commit}-changed-{short}"))
}

/// How many commits led to the one that is tested.
pub(super) fn commits() -> Result<u32> {
    const INSTEAD: &str = "choose a fifth of the scenarios with --part";
    let shallow = git(&["rev-parse", "--is-shallow-repository"]).context(INSTEAD)?;
    ensure!(
        shallow == "false",
        "this clone does not have all commits, so their number chooses nothing: {INSTEAD}"
    );
    let count = git(&["rev-list", "--count", "HEAD"]).context(INSTEAD)?;
    count.parse().context(INSTEAD)
}

fn git(arguments: &[&str]) -> Result<String> {
    let mut git = Command::new("git");
    git.current_dir(xtask::workspace()).args(arguments);
    Ok(capture(git)?.trim().to_owned())
}
