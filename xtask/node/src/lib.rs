//! The node test: an ordinary node as a virtual machine, with systemd, cgroup v2, AppArmor, a distribution's kernel, and
//! containerd as packaged. `node-inside` runs in it and tells what it saw.
//!
//! Guarantees: the machine has no network device; nothing of it is left when [`run`] returns; the image and QEMU come from
//! Debian's packages, are made once, and lie in the cache under names that change with what they are made of.

mod image;
mod machine;
mod programs;
mod qemu;
pub mod told;

use std::time::Instant;

use anyhow::{Context, Result};
use told::Told;
use xtask_lab::cluster::Layout;
use xtask_lab::images::binaries::Profile;

/// Makes what is missing, starts the machine, and hands on each line that it tells.
///
/// # Errors
/// If the machine cannot be made, or does not tell everything.
pub fn run(profile: Profile, mut tell: impl FnMut(&Told)) -> Result<()> {
    let layout = Layout::from_env()?;
    let qemu = qemu::Qemu::ensure(&layout).context("get QEMU")?;
    let image = image::Image::ensure(&layout).context("make the node's image")?;
    let folder = tempfile::tempdir().context("make a folder for the machine")?;
    let programs = programs::disk(&folder.path().join("programs.tar"), profile)?;
    let fact = |name: &str, value: String| Told::Fact {
        name: name.to_owned(),
        value,
    };
    tell(&fact("QEMU", qemu.version()?));
    tell(&fact("acceleration", qemu.acceleration().to_owned()));
    let begun = Instant::now();
    machine::run(&qemu, &image, &programs, folder.path(), &mut tell)?;
    tell(&fact(
        "time of the machine",
        format!("{:.0} s", begun.elapsed().as_secs_f64()),
    ));
    Ok(())
}
