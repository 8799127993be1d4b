//! QEMU from Debian's rolling release: from version 8 on it keeps translated code under address randomisation, which makes a
//! node without acceleration several times faster. It runs from its own tree, with its own libraries.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use xtask_lab::cluster::{Layout, debootstrap, versioned};

const PACKAGES: &str = "qemu-system-x86";
const LIBRARIES: &str = "usr/lib/x86_64-linux-gnu";

/// An unpacked QEMU.
pub(crate) struct Qemu {
    tree: PathBuf,
}

impl Qemu {
    pub(crate) fn ensure(layout: &Layout) -> Result<Self> {
        let cost = "fetching packages, about 1 minute";
        let tree = versioned(layout, "qemu-sid", PACKAGES, cost, fetch)?;
        Ok(Self { tree })
    }

    /// The program, ready for arguments.
    pub(crate) fn command(&self) -> Command {
        let below = |path: &str| self.tree.join(path);
        let mut command = Command::new(below("lib64/ld-linux-x86-64.so.2"));
        command
            .env("QEMU_MODULE_DIR", below(LIBRARIES).join("qemu"))
            .arg("--library-path")
            .arg(below(LIBRARIES))
            .arg(below("usr/bin/qemu-system-x86_64"));
        for firmware in ["usr/share/qemu", "usr/share/seabios"] {
            command.arg("-L").arg(below(firmware));
        }
        command
    }

    pub(crate) fn version(&self) -> Result<String> {
        let output = self.command().arg("--version").output().context("start QEMU")?;
        ensure!(
            output.status.success(),
            "QEMU does not start: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let first = text.lines().next().unwrap_or_default();
        Ok(first.trim_start_matches("QEMU emulator version ").to_owned())
    }

    /// `kvm` where the processor has it for ordinary kernels, else `tcg`. A device `/dev/kvm` alone says little: some hosts
    /// have one that boots adapted kernels only.
    pub(crate) fn acceleration(&self) -> &'static str {
        let flags = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        if has_virtualisation(&flags) && Path::new("/dev/kvm").exists() {
            "kvm"
        } else {
            "tcg"
        }
    }
}

fn has_virtualisation(cpuinfo: &str) -> bool {
    let flags = cpuinfo.lines().find(|line| line.starts_with("flags"));
    flags.is_some_and(|line| line.split_whitespace().any(|flag| flag == "vmx" || flag == "svm"))
}

fn fetch(layout: &Layout, into: &Path) -> Result<()> {
    debootstrap(layout, &[PACKAGES], into)?;
    for unused in [
        "var/cache/apt",
        "var/lib/apt",
        "usr/share/doc",
        "usr/share/locale",
        "dev",
    ] {
        let path = into.join(unused);
        fs::remove_dir_all(&path).with_context(|| format!("remove {}", path.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_processor_that_says_so_virtualises() {
        assert!(has_virtualisation("processor : 0\nflags\t\t: fpu vmx sse\n"));
        assert!(has_virtualisation("flags\t\t: fpu svm\n"));
        assert!(!has_virtualisation("flags\t\t: fpu svme\nbugs : vmx\n"));
        assert!(!has_virtualisation(""));
    }
}
