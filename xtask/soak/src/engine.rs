//! Which engine it was: after a change of what moves pods the count restarts, a change of anything else does not.

use std::process::Command;

use anyhow::{Context, Result};

use xtask_lab::fed::fed;
use xtask_lab::images::binaries;
use xtask_lab::stage::capture;

/// What the programs that move a pod are made of.
const PARTS: [&str; 8] = [
    "core",
    "controller",
    "agent",
    "webhook",
    "identity",
    "dialling",
    "telemetry",
    "Cargo.lock",
];
/// The soak itself writes there.
const LINES: &str = ":(exclude)docs/measurements";
/// At the end of the name of an engine that is no commit's.
const CHANGED: &str = "-changed";

/// The engine and the commit that it was built from.
pub(crate) struct Engine {
    pub(crate) name: String,
    pub(crate) commit: String,
}

impl Engine {
    /// Of this source tree.
    pub(crate) fn here() -> Result<Self> {
        let commit = git(&["rev-parse", "--short=12", "HEAD"]).context("ask git for the commit")?;
        let dirty = git(&["status", "--porcelain", "--", ".", LINES]).context("ask git for changes")?;
        let commit = format!("{commit}{}", if dirty.is_empty() { "" } else { "-dirty" });
        let mut ask = vec!["rev-parse".to_owned()];
        ask.extend(PARTS.map(|part| format!("HEAD:{part}")));
        let ask: Vec<&str> = ask.iter().map(String::as_str).collect();
        let trees = git(&ask).context("ask git for the trees of the engine")?;
        let mut status = vec!["status", "--porcelain", "--"];
        status.extend(PARTS);
        let changed = git(&status).context("ask git for changes of the engine")?;
        let changed = if changed.is_empty() { "" } else { CHANGED };
        let name = hashed(&trees)?;
        let name = format!("{}{changed}", name.get(..12).unwrap_or(&name));
        Ok(Self { name, commit })
    }

    /// Whether a later stretch can be sure that its engine is the same.
    pub(crate) fn is_committed(&self) -> bool {
        !self.name.ends_with(CHANGED)
    }
}

fn git(arguments: &[&str]) -> Result<String> {
    let mut git = Command::new("git");
    git.current_dir(binaries::workspace()).args(arguments);
    Ok(capture(git)?.trim().to_owned())
}

fn hashed(text: &str) -> Result<String> {
    let output = fed(Command::new("git").args(["hash-object", "--stdin"]), text)?;
    anyhow::ensure!(
        output.status.success(),
        "git hash-object ended with {}",
        output.status
    );
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_has_a_name_and_other_trees_another_one() {
        let engine = Engine::here().unwrap();
        assert!(engine.name.len() >= 12, "{}", engine.name);
        assert!(!engine.commit.is_empty());
        assert_ne!(hashed("one").unwrap(), hashed("other").unwrap());
    }
}
