//! What this machine is, for docs/nodes.md.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result};

use crate::report::Report;

pub(crate) fn tell(report: &mut Report) -> Result<()> {
    let release = fs::read_to_string("/etc/os-release").context("read /etc/os-release")?;
    let name = release.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="));
    report.fact("distribution", name.unwrap_or_default().trim_matches('"'))?;
    for (what, program, arguments) in [
        ("kernel", "uname", &["-r"][..]),
        ("cgroup file system", "stat", &["-fc", "%T", "/sys/fs/cgroup"]),
        ("systemd", "systemctl", &["--version"]),
        ("containerd", "containerd", &["--version"]),
        ("runc", "runc", &["--version"]),
        ("CRIU", "criu", &["--version"]),
        ("kubelet", "/opt/kubernetes/kubelet", &["--version"]),
    ] {
        let first = said(program, arguments)?;
        report.fact(what, first.lines().next().unwrap_or_default())?;
    }
    let enabled = fs::read_to_string("/sys/module/apparmor/parameters/enabled").unwrap_or_default();
    report.fact("AppArmor", if enabled.trim() == "Y" { "on" } else { "off" })
}

/// What a program prints; an error if it fails.
pub(crate) fn said(program: &str, arguments: &[&str]) -> Result<String> {
    let output = Command::new(program)
        .args(arguments)
        .output()
        .with_context(|| format!("start {program}"))?;
    anyhow::ensure!(
        output.status.success(),
        "{program} {} ended with {}: {}",
        arguments.join(" "),
        output.status,
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
