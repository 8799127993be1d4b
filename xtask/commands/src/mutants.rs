//! `cargo xtask mutants`: whether the fixed core finds faults. Each is put into a copy of the product on purpose, one for each
//! stage of a move; a fault that nothing finds is this command's failure.
//!
//! The copy is a work tree of git in the cache, always at the same place, so that cargo compiles again only what a fault touches.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use xtask_lab::cluster::lock;
use xtask_lab::stage::capture;

/// A fault: in this file, this text becomes that.
struct Mutant {
    stage: &'static str,
    what: &'static str,
    file: &'static str,
    from: &'static str,
    to: &'static str,
}

/// Set for tests that run in a copy with a fault.
const IN_A_COPY: &str = "XTASK_MUTANT";

const MUTANTS: [Mutant; 6] = [
    Mutant {
        stage: "hold",
        what: "messages that are not acknowledged do not prevent the hold",
        file: "core/src/machine/steps/hold.rs",
        from: "primary.consumers() == Some(0) && primary.settled()",
        to: "primary.consumers() == Some(0)",
    },
    Mutant {
        stage: "checkpoint",
        what: "the dump leaves out what the container wrote to its file system",
        file: "agent/src/node/dump.rs",
        from: "    save_layer(layer, target)\n",
        to: "    let upper = Path::new(\"/tmp/mutant\");\n    make_fresh(upper)?;\n    save_layer(&Saved { upper, ..*layer }, target)\n",
    },
    Mutant {
        stage: "transfer",
        what: "an archive with another digest than the promised one is taken",
        file: "agent/src/archive/unpack.rs",
        from: "    if digest != promise.digest {",
        to: "    if digest.is_empty() && digest != promise.digest {",
    },
    Mutant {
        stage: "restore",
        what: "files that the source wrote are not put into the copy",
        file: "agent/src/restore/perform.rs",
        from: "    if layer.exists() {",
        to: "    if layer.exists() && layer.is_dir() {",
    },
    Mutant {
        stage: "commit",
        what: "the copy is made the truth although somebody consumes the queue",
        file: "core/src/machine/steps/commit.rs",
        from: "QueueSeen::Present { consumers: 0, .. } if is_ready(scene)",
        to: "QueueSeen::Present { .. } if is_ready(scene)",
    },
    Mutant {
        stage: "undo",
        what: "a source that was held is not told to go on",
        file: "core/src/machine/steps/abandon.rs",
        from: "        return Some(Decision::Run(Action::Unpark { pod: pod.clone() }));",
        to: "        return None;",
    },
];

/// Arguments of the command.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only the fault of this stage: hold, checkpoint, transfer, restore, commit or undo.
    #[arg(long)]
    only: Option<String>,
}

/// Runs the command.
pub(crate) fn run(args: &Args) -> Result<()> {
    let chosen: Vec<&Mutant> = MUTANTS
        .iter()
        .filter(|mutant| args.only.as_ref().is_none_or(|only| only == mutant.stage))
        .collect();
    let stages = || MUTANTS.map(|mutant| mutant.stage).join(", ");
    ensure!(
        !chosen.is_empty(),
        "no fault belongs to that stage; there are {}",
        stages()
    );
    let cache = xtask::cache().context("set HOME: no place for the cache is known")?;
    let _one_at_a_time = lock(&cache.join("mutants.lock"))?;
    remove(&cache.join("mutants"))?;
    println!(
        "faults in a copy of commit {}; what is not committed is not in it",
        head()?
    );
    let tree = cache.join("mutants");
    let outcome = survivors(&chosen, &tree);
    remove(&tree)?;
    let survivors = outcome?;
    ensure!(
        survivors.is_empty(),
        "the fixed core does not find the fault in {}",
        survivors.join(", ")
    );
    Ok(())
}

/// Stages whose fault was not found.
fn survivors(mutants: &[&Mutant], tree: &Path) -> Result<Vec<&'static str>> {
    let mut survivors = Vec::new();
    for mutant in mutants {
        check_out(tree)?;
        mutant.put_into(tree)?;
        let begun = Instant::now();
        let found = found(tree, mutant.stage)?;
        println!(
            "{}: {}: {} after {:.0} s",
            mutant.stage,
            mutant.what,
            found.as_deref().unwrap_or("NOT FOUND"),
            begun.elapsed().as_secs_f64()
        );
        if found.is_none() {
            survivors.push(mutant.stage);
        }
    }
    Ok(survivors)
}

impl Mutant {
    fn put_into(&self, tree: &Path) -> Result<()> {
        let path = tree.join(self.file);
        let text = fs::read_to_string(&path).with_context(|| format!("read {}", self.file))?;
        ensure!(
            text.matches(self.from).count() == 1,
            "{} does not say once what the fault in {} changes: {:?}",
            self.file,
            self.stage,
            self.from
        );
        fs::write(&path, text.replace(self.from, self.to)).with_context(|| format!("write {}", self.file))
    }
}

/// The first test that fails, and why; nothing if all pass.
fn found(tree: &Path, stage: &str) -> Result<Option<String>> {
    let folder = xtask::workspace().join("target/mutants");
    fs::create_dir_all(&folder).with_context(|| format!("make {}", folder.display()))?;
    let log = folder.join(format!("{stage}.log"));
    let file = fs::File::create(&log).with_context(|| format!("create {}", log.display()))?;
    let status = Command::new("cargo")
        .current_dir(tree)
        .args(["xtask", "test", "--core", "--fail-fast"])
        .env(IN_A_COPY, "1")
        .stdout(file.try_clone().context("share the log")?)
        .stderr(file)
        .status()
        .context("run the fixed core")?;
    let said = fs::read_to_string(&log).with_context(|| format!("read {}", log.display()))?;
    match (status.success(), said.lines().find_map(failed_test)) {
        (true, _) => Ok(None),
        (false, Some(test)) => Ok(Some(format!("found by {test}"))),
        // A copy that does not compile, or a cluster that does not start, says nothing about the tests.
        (false, None) => bail!(
            "the tests ended with {status} and no test of the product failed; see {}",
            log.display()
        ),
    }
}

/// The name in a line that says that a Rust test or a scenario failed.
fn failed_test(line: &str) -> Option<String> {
    if let Some((_, rest)) = line.split_once("FAIL [") {
        return Some(rest.split_once(") ")?.1.trim().to_owned());
    }
    let failure = line.strip_prefix("FAIL ")?;
    let name = xtask_e2e::names().find(|name| failure.starts_with(&format!("{name}: ")))?;
    Some(name.to_owned())
}

/// A work tree of this repository, at its commit and without changes.
fn check_out(tree: &Path) -> Result<()> {
    if !tree.exists() {
        git(xtask::workspace(), &["worktree", "prune"])?;
        let path = tree.display().to_string();
        let add = ["worktree", "add", "--quiet", "--force", "--detach", &path, "HEAD"];
        return git(xtask::workspace(), &add);
    }
    git(tree, &["checkout", "--quiet", "--force", "--detach", &head()?])
}

/// Also where it is what an interrupted run of another clone left.
fn remove(tree: &Path) -> Result<()> {
    if tree.exists() {
        fs::remove_dir_all(tree).with_context(|| format!("remove {}", tree.display()))?;
    }
    git(xtask::workspace(), &["worktree", "prune"])
}

fn head() -> Result<String> {
    let mut git = Command::new("git");
    git.current_dir(xtask::workspace()).args(["rev-parse", "HEAD"]);
    Ok(capture(git)?.trim().to_owned())
}

fn git(folder: &Path, arguments: &[&str]) -> Result<()> {
    let mut git = Command::new("git");
    git.current_dir(folder).args(arguments);
    capture(git).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_can_be_put_into_the_code_of_today() {
        // The copy holds a fault already; that is what the other tests are asked about.
        if std::env::var_os(IN_A_COPY).is_some() {
            return;
        }
        for mutant in &MUTANTS {
            let path = xtask::workspace().join(mutant.file);
            let text = fs::read_to_string(&path).unwrap();
            assert_eq!(text.matches(mutant.from).count(), 1, "{}", mutant.stage);
            assert_ne!(mutant.from, mutant.to);
        }
    }

    #[test]
    fn test_that_failed_is_named_and_what_came_before_the_tests_is_none() {
        let line = "        FAIL [   5.230s] (290/643) shadow-core::faults park::a_name";
        assert_eq!(
            failed_test(line).as_deref(),
            Some("shadow-core::faults park::a_name")
        );
        let name = xtask_e2e::names().next().unwrap();
        assert_eq!(
            failed_test(&format!("FAIL {name}: it ended Failed")).as_deref(),
            Some(name)
        );
        assert_eq!(
            failed_test("FAIL everything compiles and no lint complains: 1"),
            None
        );
        assert_eq!(
            failed_test("FAIL the cluster is up and the product installed: x"),
            None
        );
    }
}
