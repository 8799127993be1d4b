//! Makes a node of this machine: images, kubelet, and our handler by our own installation.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use crate::agent::program;
use crate::facts::said;

const DROP_IN: &str = "/etc/containerd/conf.d/kubectl-shadow.toml";
const PID_OF_CONTAINERD: &[&str] = &["show", "--value", "--property", "MainPID", "containerd"];
/// What our restores are started through.
pub(crate) const CURE: &str = "/opt/kubectl-shadow/bin/criu";

/// Installs as the init container of the agent does.
pub(crate) fn install() -> Result<()> {
    let helper = program("shadow-node-helper")?;
    said(&helper.to_string_lossy(), &["install"])?;
    let text = fs::read_to_string(DROP_IN).with_context(|| format!("read {DROP_IN}"))?;
    ensure!(
        text.contains("SystemdCgroup = true"),
        "{DROP_IN} does not take over the cgroup driver:\n{text}"
    );
    Ok(())
}

/// A second installation finds everything in place.
pub(crate) fn install_again() -> Result<()> {
    let before = said("systemctl", PID_OF_CONTAINERD)?;
    install()?;
    let after = said("systemctl", PID_OF_CONTAINERD)?;
    ensure!(
        before == after,
        "containerd was restarted: process {before}, now {after}"
    );
    Ok(())
}

/// Gives containerd the images, and starts kubelet.
pub(crate) fn begin() -> Result<()> {
    for image in ["pause.tar", "subject.tar"] {
        let path = program(image)?;
        said(
            "ctr",
            &[
                "--namespace",
                "k8s.io",
                "images",
                "import",
                &path.to_string_lossy(),
            ],
        )?;
    }
    said("systemctl", &["start", "kubelet"]).map(drop)
}

/// Takes the cure out: restores call the node's CRIU, as if there were no wrapper. Put back when dropped.
pub(crate) struct WithoutCure(std::path::PathBuf);

impl WithoutCure {
    pub(crate) fn begin() -> Result<Self> {
        let ours = fs::read_link(CURE).with_context(|| format!("read {CURE}"))?;
        point_to(Path::new("/usr/sbin/criu"))?;
        Ok(Self(ours))
    }
}

impl Drop for WithoutCure {
    fn drop(&mut self) {
        if let Err(error) = point_to(&self.0) {
            eprintln!("the cure could not be put back: {error:#}");
        }
    }
}

fn point_to(program: &Path) -> Result<()> {
    let next = Path::new(CURE).with_extension("next");
    std::os::unix::fs::symlink(program, &next).with_context(|| format!("make {}", next.display()))?;
    fs::rename(&next, CURE).with_context(|| format!("change {CURE}"))
}
