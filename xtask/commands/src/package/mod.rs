//! `cargo xtask package`: what is published of a version: an archive with plugin and images, its checksums, and a manifest for krew.
//!
//! Guarantee: the same commit gives the same bytes, as far as the compiler does.

mod archive;
mod krew;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};
use xtask_lab::images::{self, binaries, binaries::Profile};

use archive::Entry;

const PLUGIN: &str = "kubectl-shadow";
/// kubectl asks the program of this name what could be typed next.
const COMPLETION: &str = "kubectl_complete-shadow";
/// A plugin that is downloaded often should be small.
const LARGEST_PLUGIN: usize = 20 << 20;

/// Arguments of `cargo xtask package`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Folder to write to [default: target/package]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Runs the command.
pub(crate) fn run(args: Args) -> Result<()> {
    let out = args
        .out
        .unwrap_or_else(|| binaries::workspace().join("target/package"));
    let images = images::archives(&out.join("images"), &version(), Profile::Release)?;
    let plugin = binaries::plugin()?;
    let entries = entries(&plugin, &images)?;
    for file in write(&out, entries)? {
        println!("{}", file.display());
    }
    Ok(())
}

/// As tags and images have it.
fn version() -> String {
    format!("v{}", env!("CARGO_PKG_VERSION"))
}

/// All files of the archive. No links: krew unpacks files and folders only.
fn entries(plugin: &Path, images: &[PathBuf]) -> Result<Vec<Entry>> {
    let program = read(plugin)?;
    if program.len() > LARGEST_PLUGIN {
        bail!(
            "{} has {} bytes, more than {LARGEST_PLUGIN}",
            plugin.display(),
            program.len()
        );
    }
    let completion = Command::new(plugin)
        .args(["completion", "kubectl"])
        .output()
        .with_context(|| format!("run {}", plugin.display()))?;
    if !completion.status.success() {
        bail!("{} prints no completion for kubectl", plugin.display());
    }
    let root = binaries::workspace();
    let mut entries = vec![
        Entry::program(PLUGIN, program),
        Entry::program(COMPLETION, completion.stdout),
        Entry::file("LICENSE", read(&root.join("LICENSE"))?),
        Entry::file("README.md", read(&root.join("README.md"))?),
    ];
    for image in images {
        let name = image.file_name().context("an image archive has no name")?;
        let name = format!("images/{}", name.to_string_lossy());
        entries.push(Entry::file(&name, read(image)?));
    }
    Ok(entries)
}

/// Writes the archive, the manifest and the checksums of both.
fn write(out: &Path, entries: Vec<Entry>) -> Result<[PathBuf; 3]> {
    fs::create_dir_all(out).with_context(|| format!("create {}", out.display()))?;
    let name = format!("{PLUGIN}-linux-amd64-{}.tar.gz", version());
    let bytes = archive::packed(entries)?;
    let manifest = krew::manifest(&version(), &name, &digest(&bytes));
    let sums = format!(
        "{}  {name}\n{}  {}\n",
        digest(&bytes),
        digest(manifest.as_bytes()),
        krew::FILE
    );
    let files = [
        (name.as_str(), bytes.as_slice()),
        (krew::FILE, manifest.as_bytes()),
        ("SHA256SUMS", sums.as_bytes()),
    ];
    for (name, bytes) in files {
        let path = out.join(name);
        fs::write(&path, bytes).with_context(|| format!("write {}", path.display()))?;
    }
    Ok(files.map(|(name, _)| out.join(name)))
}

fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("read {}", path.display()))
}

#[cfg(test)]
mod tests;
