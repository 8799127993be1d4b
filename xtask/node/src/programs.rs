//! The disk with what changes from run to run: our programs and the images of the test, as one archive without a file system.

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tar::Builder;
use xtask_lab::images::binaries::{self, Profile};
use xtask_lab::images::{pause_archive, single_archive};

const SUBJECT: &str = include_str!("subject.rs");
const PROGRAMS: [&str; 3] = ["node-inside", "shadow-node-helper", "shadow-runc"];

/// Writes the archive.
pub(crate) fn disk(at: &Path, profile: Profile) -> Result<PathBuf> {
    let built = binaries::build(profile)?;
    let folder = tempfile::tempdir().context("make a folder for images")?;
    let file = File::create(at).with_context(|| format!("create {}", at.display()))?;
    let mut archive = Builder::new(file);
    for name in PROGRAMS {
        let program = built
            .get(name)
            .with_context(|| format!("the workspace has no program {name}"))?;
        add(&mut archive, program, name)?;
    }
    for image in [
        pause_archive(folder.path())?,
        single_archive("subject", SUBJECT, folder.path())?,
    ] {
        let name = image.file_name().context("an image has no name")?;
        add(&mut archive, &image, &name.to_string_lossy())?;
    }
    archive
        .finish()
        .with_context(|| format!("write {}", at.display()))?;
    Ok(at.to_owned())
}

fn add(archive: &mut Builder<File>, path: &Path, name: &str) -> Result<()> {
    archive
        .append_path_with_name(path, name)
        .with_context(|| format!("add {}", path.display()))
}
