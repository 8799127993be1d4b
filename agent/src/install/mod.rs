//! The runtime handler `shadow` on a node: our runtime wrapper, a drop-in for the container runtime, CRIU's settings.
//!
//! Where no handler is wanted ([`prepare`]), only what dumps need.
//!
//! Guarantees: installing twice changes nothing; the runtime is restarted only when its configuration changed; a
//! configuration that does not show both handlers afterwards is taken back; uninstalling removes exactly what installing
//! put there, and is refused while containers run under the handler.

pub mod containerd;
pub mod crio;
pub mod error;
pub mod files;
mod memory;
pub mod restart;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tracing::{info, warn};

use crate::layout;
use crate::node::{enter, note, our_criu, runc};
pub use error::InstallError;

const WRAPPER: &str = "shadow-runc";
const CRIU_SETTINGS: &str = "/etc/criu/runc.conf";
/// Our mark: a file without it is not ours to remove.
const MARK: &str = "# written by kubectl-shadow\n";
/// The last one is for restores that the container runtime makes itself, from a checkpoint image: the copy belongs into the
/// cgroup of its own pod. The option is understood with an equals sign only.
const CRIU_LINES: [&str; 4] = [
    "tcp-close",
    "skip-in-flight",
    "network-lock skip",
    "manage-cgroups=ignore",
];

/// Container runtimes that we know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Runtime {
    /// containerd 2.
    Containerd,
    /// CRI-O.
    Crio,
}

impl Runtime {
    fn of_this_node() -> Result<Self, InstallError> {
        if Path::new(containerd::SOCKET).exists() {
            Ok(Self::Containerd)
        } else if Path::new(crio::SOCKET).exists() {
            Ok(Self::Crio)
        } else {
            let (one, other) = (containerd::SOCKET, crio::SOCKET);
            Err(InstallError::Unfit(format!(
                "{one} does not exist and {other} does not either; the node needs containerd 2 or CRI-O"
            )))
        }
    }

    fn drop_in(self) -> &'static Path {
        Path::new(match self {
            Self::Containerd => containerd::DROP_IN,
            Self::Crio => crio::DROP_IN,
        })
    }
}

fn installed(name: &str) -> PathBuf {
    Path::new(layout::INSTALLED).join(name)
}

/// Written when the runtime was restarted with the present drop-in, so that a crash between the two is noticed.
fn in_force() -> PathBuf {
    installed("in-force.toml")
}

/// Whether the handler is on this node and in force. Runs in the node's namespaces.
pub fn is_installed() -> bool {
    let drop_in = Runtime::of_this_node()
        .ok()
        .and_then(|runtime| fs::read(runtime.drop_in()).ok());
    installed(WRAPPER).exists() && drop_in.is_some() && drop_in == fs::read(in_force()).ok()
}

/// Installs. Called in the helper's container, before any thread exists.
pub fn install() -> Result<(), InstallError> {
    let wrapper = own_wrapper()?;
    enter::enter_node()?;
    memory::mount_own()?;
    let runtime = Runtime::of_this_node()?;
    place_programs(&wrapper)?;
    let drop_in = match runtime {
        Runtime::Containerd => {
            let config = containerd::dump()?;
            link_runc(config.binary_name.as_deref())?;
            containerd::drop_in(&config)
        }
        Runtime::Crio => {
            link_runc(None)?;
            crio::drop_in()?
        }
    };
    files::place(runtime.drop_in(), drop_in.as_bytes(), 0o644)?;
    if runtime == Runtime::Containerd
        && let Err(error) = containerd::verify()
    {
        files::remove(runtime.drop_in())?;
        return Err(error);
    }
    if fs::read(in_force()).ok().as_deref() == Some(drop_in.as_bytes()) {
        info!(?runtime, "runtime handler is in place already");
        return Ok(());
    }
    restart::restart(runtime)?;
    files::place(&in_force(), drop_in.as_bytes(), 0o644)?;
    info!(?runtime, "runtime handler installed");
    Ok(())
}

/// Puts on the node what dumps need, and leaves its container runtime without a handler of ours: one of an earlier
/// installation goes. Called in the helper's container, before any thread exists.
pub fn prepare() -> Result<(), InstallError> {
    let wrapper = own_wrapper()?;
    enter::enter_node()?;
    memory::mount_own()?;
    let runtime = Runtime::of_this_node()?;
    remove_handler(runtime)?;
    place_programs(&wrapper)?;
    let runc = match runtime {
        Runtime::Containerd => containerd::dump()?.binary_name,
        Runtime::Crio => None,
    };
    link_runc(runc.as_deref())?;
    info!(?runtime, "node prepared, without a runtime handler");
    Ok(())
}

/// Uninstalls. Called in the helper's container, before any thread exists.
pub fn uninstall() -> Result<(), InstallError> {
    enter::enter_node()?;
    let thawed = note::thaw_orphans()?;
    if !thawed.is_empty() {
        warn!(?thawed, "thawed containers that a dead dump left paused");
    }
    let runtime = Runtime::of_this_node()?;
    remove_handler(runtime)?;
    if fs::read_to_string(CRIU_SETTINGS).is_ok_and(|text| text.starts_with(MARK)) {
        files::remove(Path::new(CRIU_SETTINGS))?;
    }
    memory::unmount()?;
    for dir in [layout::INSTALLED, layout::RUN, layout::KEPT] {
        files::remove_folder(Path::new(dir))?;
    }
    info!(?runtime, "runtime handler removed");
    Ok(())
}

/// Takes the handler from the container runtime, which is restarted only if it had one.
fn remove_handler(runtime: Runtime) -> Result<(), InstallError> {
    let users = containerd::users_of_handler()?;
    if !users.is_empty() {
        return Err(InstallError::Unfit(format!(
            "{} containers run under RuntimeClass shadow ({}). Delete their pods first",
            users.len(),
            users.join(", ")
        )));
    }
    let removed = files::remove(runtime.drop_in())?;
    // It stays until the runtime was restarted, so that a crash between the two is noticed.
    if removed || in_force().exists() {
        restart::restart(runtime)?;
    }
    files::remove(&in_force()).map(drop)
}

/// What dumps need, and the wrapper, which is what dumps call CRIU through.
fn place_programs(wrapper: &[u8]) -> Result<(), InstallError> {
    warm_up_criu()?;
    files::place(&installed(WRAPPER), wrapper, 0o755)?;
    files::link(&our_criu::folder().join(our_criu::NAME), &installed(WRAPPER))?;
    criu_settings()
}

/// At its first use after a boot CRIU tries out the kernel and keeps what it learned (`criu.kdat`). It must not do so
/// while somebody's container is frozen.
fn warm_up_criu() -> Result<(), InstallError> {
    let criu = runc::find_program("criu", None)?;
    let output = Command::new(&criu)
        .arg("check")
        .output()
        .map_err(InstallError::at("start", &criu))?;
    if output.status.success() {
        info!("criu knows this kernel");
    } else {
        // What is missing may not be needed; a dump that needs it fails with CRIU's words, and the source goes on.
        let said = String::from_utf8_lossy(&output.stderr);
        warn!(status = %output.status, said = said.trim(), "criu check complains");
    }
    Ok(())
}

/// The wrapper that came in the image, beside this program.
fn own_wrapper() -> Result<Vec<u8>, InstallError> {
    let own = std::env::current_exe().map_err(InstallError::at("find", Path::new("/proc/self/exe")))?;
    let path = own.with_file_name(WRAPPER);
    fs::read(&path).map_err(InstallError::at("read", &path))
}

/// Both the wrapper and the helper use the runc that the node uses for everything else.
fn link_runc(configured: Option<&Path>) -> Result<(), InstallError> {
    let target = match configured {
        Some(path) if path.is_absolute() => path.to_owned(),
        Some(name) => runc::find_program(&name.to_string_lossy(), None)?,
        None => runc::find_program("runc", None)?,
    };
    files::link(&installed("runc"), &target)
}

/// Dump and restore must agree on what happens to TCP connections, and runc has no option for it.
fn criu_settings() -> Result<(), InstallError> {
    let path = Path::new(CRIU_SETTINGS);
    let ours = format!("{MARK}{}\n", CRIU_LINES.join("\n"));
    match fs::read_to_string(path) {
        Ok(text) if text == ours => Ok(()),
        // Of an earlier version.
        Ok(text) if text.starts_with(MARK) => files::place(path, ours.as_bytes(), 0o644),
        Ok(text) if text.lines().any(|line| line.trim() == CRIU_LINES[0]) => Ok(()),
        Ok(_) => Err(InstallError::Unfit(format!(
            "{CRIU_SETTINGS} exists, but without these lines: {CRIU_LINES:?}. Add them"
        ))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            files::place(path, ours.as_bytes(), 0o644)
        }
        Err(error) => Err(InstallError::at("read", path)(error)),
    }
}
