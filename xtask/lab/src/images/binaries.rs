//! Static builds of our programs: they run in an image with nothing else in it, and on any node.

use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

pub use xtask::{Profile, workspace};
use xtask::{STATIC, TARGET, Wanted};

/// Compiles the plugin as it is published; its path.
pub fn plugin() -> Result<PathBuf> {
    let built = build(Profile::Dist)?;
    let path = built
        .get("kubectl-shadow")
        .context("the workspace has no plugin")?;
    check_static(path)?;
    Ok(path.clone())
}

/// Compiles every program of the workspace and returns where each is, by name.
pub fn build(profile: Profile) -> Result<BTreeMap<String, PathBuf>> {
    let mut build = xtask::cargo(&["build", "--quiet"], profile, Wanted::Programs)
        .args(["--message-format", "json-render-diagnostics"])
        .stdout(Stdio::piped())
        .spawn()
        .context("run cargo build")?;
    let output = build.stdout.take().context("cargo build has no output")?;
    let mut programs = BTreeMap::new();
    for line in BufReader::new(output).lines() {
        programs.extend(program(&line.context("read what cargo prints")?));
    }
    let status = build.wait().context("wait for cargo build")?;
    if !status.success() {
        bail!("cargo build ended with {status}; what it says is above");
    }
    Ok(programs)
}

/// Name and path of a program, from one line of `--message-format json`.
fn program(line: &str) -> Option<(String, PathBuf)> {
    let message: Value = serde_json::from_str(line).ok()?;
    let target = &message["target"];
    let is_program = message["reason"] == "compiler-artifact"
        && target["kind"][0] == "bin"
        && message["profile"]["test"] == false;
    let path = message["executable"].as_str()?;
    Some((target["name"].as_str()?.to_owned(), path.into())).filter(|_| is_program)
}

/// Compiles one source file which needs nothing but the standard library.
pub fn compile(source: &Path, program: &Path) -> Result<()> {
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

/// A program that asks for an interpreter needs libraries which its image does not have.
pub fn check_static(program: &Path) -> Result<()> {
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
        let shell = fs::read("/bin/sh").unwrap();
        assert_eq!(asks_for_interpreter(&shell), Some(true));
        assert_eq!(asks_for_interpreter(b"#!/bin/sh\n"), None);
        assert_eq!(asks_for_interpreter(&shell[..100]), None);
    }

    #[test]
    fn program_without_headers_asks_for_nothing() {
        let mut elf = vec![0; 64];
        elf[..6].copy_from_slice(b"\x7fELF\x02\x01");
        assert_eq!(asks_for_interpreter(&elf), Some(false));
    }

    #[test]
    fn programs_are_told_from_their_unit_tests_and_from_libraries() {
        let line = |kind: &str, test: bool| {
            format!(
                r#"{{"reason":"compiler-artifact","target":{{"kind":["{kind}"],"name":"orders"}},"profile":{{"test":{test}}},"executable":"/t/orders"}}"#
            )
        };
        let expected = Some(("orders".to_owned(), PathBuf::from("/t/orders")));
        assert_eq!(program(&line("bin", false)), expected);
        assert_eq!(program(&line("bin", true)), None);
        assert_eq!(program(&line("lib", false)), None);
        assert_eq!(program("Compiling orders"), None);
    }
}
