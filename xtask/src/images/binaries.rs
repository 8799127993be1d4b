//! Static release builds of our programs: they run in an image with nothing else in it, and on any node.

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cluster::patient;

const TARGET: &str = "x86_64-unknown-linux-gnu";
const STATIC: &str = "-C target-feature=+crt-static";

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    target_directory: PathBuf,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    targets: Vec<Target>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}

/// Always built together: cargo compiles a dependency anew for every set of features that a selection asks for.
const SHIPPED: [&str; 5] = [
    "shadow-controller",
    "shadow-webhook",
    "shadow-agent",
    "orders",
    "kubectl-shadow",
];

/// Builds everything that is shipped and returns where the programs of these packages are, by name.
pub(crate) fn build(packages: &[&str]) -> Result<BTreeMap<String, PathBuf>> {
    let metadata = metadata()?;
    let programs = programs(&metadata, packages)?;
    let mut command = patient(cargo_program());
    command.current_dir(workspace());
    command.args(["build", "--release", "--quiet", "--bins", "--target", TARGET]);
    for package in SHIPPED {
        command.args(["--package", package]);
    }
    // With a target named, this is not applied to build scripts and macros, which must stay dynamic.
    command
        .env("CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUSTFLAGS", STATIC)
        .env_remove("RUSTFLAGS");
    let status = command.status().context("run cargo")?;
    if !status.success() {
        bail!("the static build of {} ended with {status}", packages.join(", "));
    }
    let folder = metadata.target_directory.join(TARGET).join("release");
    let paths = programs.into_iter().map(|program| {
        let path = folder.join(&program);
        check_static(&path)?;
        Ok((program, path))
    });
    paths.collect()
}

/// Compiles one source file which needs nothing but the standard library.
pub(crate) fn compile(source: &Path, program: &Path) -> Result<()> {
    let status = Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()))
        .args([
            "--edition=2024",
            "--target",
            TARGET,
            "-Copt-level=s",
            "-Cpanic=abort",
            "-Cstrip=symbols",
        ])
        .args(STATIC.split(' '))
        .arg("-o")
        .args([program, source])
        .status()
        .context("run rustc")?;
    if !status.success() {
        bail!("compiling {} ended with {status}", source.display());
    }
    check_static(program)
}

/// The folder of the workspace, known since this program was built in it.
pub(crate) fn workspace() -> &'static Path {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().unwrap_or(xtask)
}

fn cargo_program() -> OsString {
    env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

fn metadata() -> Result<Metadata> {
    let output = Command::new(cargo_program())
        .current_dir(workspace())
        .args(["metadata", "--no-deps", "--format-version=1"])
        .output()
        .context("run cargo")?;
    if !output.status.success() {
        bail!(
            "cargo metadata ended with {}: {}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
    }
    serde_json::from_slice(&output.stdout).context("read the answer of cargo metadata")
}

fn programs(metadata: &Metadata, packages: &[&str]) -> Result<Vec<String>> {
    let mut programs = Vec::new();
    for name in packages {
        let package = metadata.packages.iter().find(|package| package.name == *name);
        let package = package.with_context(|| format!("the workspace has no package {name}"))?;
        let bins = package
            .targets
            .iter()
            .filter(|target| target.kind.iter().any(|kind| kind == "bin"));
        programs.extend(bins.map(|target| target.name.clone()));
    }
    Ok(programs)
}

/// A program that asks for an interpreter needs libraries which its image does not have.
pub(crate) fn check_static(program: &Path) -> Result<()> {
    let bytes = fs::read(program).with_context(|| format!("read {}", program.display()))?;
    match asks_for_interpreter(&bytes) {
        Some(false) => Ok(()),
        Some(true) => bail!(
            "{} is linked dynamically: it would not start in its image",
            program.display()
        ),
        None => bail!("{} is no 64-bit ELF program", program.display()),
    }
}

/// Whether a program header of the kind PT_INTERP is there; nothing if this is no ELF file.
fn asks_for_interpreter(elf: &[u8]) -> Option<bool> {
    const INTERPRETER: u32 = 3;
    const CLASS_64_LITTLE_ENDIAN: [u8; 6] = *b"\x7fELF\x02\x01";
    let at = |offset: usize, length: usize| elf.get(offset..offset.checked_add(length)?);
    let u16_at = |offset| at(offset, 2)?.try_into().ok().map(u16::from_le_bytes);
    if at(0, 6)? != CLASS_64_LITTLE_ENDIAN {
        return None;
    }
    let table = usize::try_from(u64::from_le_bytes(at(0x20, 8)?.try_into().ok()?)).ok()?;
    let (size, count) = (usize::from(u16_at(0x36)?), usize::from(u16_at(0x38)?));
    for index in 0..count {
        let kind = at(table.checked_add(index.checked_mul(size)?)?, 4)?;
        if u32::from_le_bytes(kind.try_into().ok()?) == INTERPRETER {
            return Some(true);
        }
    }
    Some(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usual_program_asks_for_an_interpreter_and_text_is_no_program() {
        let this = fs::read(env::current_exe().unwrap()).unwrap();
        assert_eq!(asks_for_interpreter(&this), Some(true));
        assert_eq!(asks_for_interpreter(b"#!/bin/sh\n"), None);
        assert_eq!(asks_for_interpreter(&this[..100]), None);
    }

    #[test]
    fn program_without_headers_asks_for_nothing() {
        let mut elf = vec![0; 64];
        elf[..6].copy_from_slice(b"\x7fELF\x02\x01");
        assert_eq!(asks_for_interpreter(&elf), Some(false));
    }

    #[test]
    fn every_binary_target_of_a_package_is_a_program() {
        let target = |name: &str, kind: &str| Target {
            name: name.into(),
            kind: vec![kind.into()],
        };
        let targets = vec![
            target("lib", "lib"),
            target("orders", "bin"),
            target("orders-load", "bin"),
        ];
        let metadata = Metadata {
            packages: vec![Package {
                name: "orders".into(),
                targets,
            }],
            target_directory: PathBuf::new(),
        };
        assert_eq!(
            programs(&metadata, &["orders"]).unwrap(),
            ["orders", "orders-load"]
        );
        assert!(programs(&metadata, &["other"]).is_err());
    }
}
