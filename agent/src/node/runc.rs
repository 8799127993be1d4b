//! The node's real OCI runtime.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Deserialize;

use super::{ContainerId, NodeError};
use crate::layout;

/// Where programs are on a node; we do not trust an inherited PATH to be set at all.
pub const PROGRAMS: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Finds runc: the link that the installation made, else the first in the usual folders. Never ourselves.
pub fn find() -> Result<PathBuf, NodeError> {
    find_program("runc", Some(&Path::new(layout::INSTALLED).join("runc")))
}

/// Finds a program of the node.
pub fn find_program(name: &str, first: Option<&Path>) -> Result<PathBuf, NodeError> {
    let own = fs::metadata("/proc/self/exe").ok().map(|m| (m.dev(), m.ino()));
    let usual = std::env::split_paths(OsStr::new(PROGRAMS)).map(|dir| dir.join(name));
    for path in first.map(Path::to_owned).into_iter().chain(usual) {
        if let Ok(metadata) = fs::metadata(&path) {
            let executable = metadata.is_file() && metadata.permissions().mode() & 0o111 != 0;
            if executable && own != Some((metadata.dev(), metadata.ino())) {
                return Ok(path);
            }
        }
    }
    Err(NodeError::Unfit(format!(
        "{name} is not on this node (looked in {PROGRAMS}). Install it"
    )))
}

/// Runs runc on containerd's containers and waits; its last error line is the message of a failure.
pub fn run(log: &Path, args: &[&OsStr]) -> Result<(), NodeError> {
    finish(command(log, args)?, log)
}

/// runc with these arguments, ready to be run by [`finish`].
pub fn command(log: &Path, args: &[&OsStr]) -> Result<Command, NodeError> {
    let mut command = Command::new(find()?);
    command
        .env("PATH", PROGRAMS)
        .arg("--root")
        .arg(layout::RUNC_STATE)
        .arg("--log")
        .arg(log);
    command
        .args(["--log-format", "json"])
        .args(args)
        .stdin(Stdio::null());
    Ok(command)
}

/// Runs a command from [`command`] to its end.
pub fn finish(mut command: Command, log: &Path) -> Result<(), NodeError> {
    let output = command.output().map_err(NodeError::at("start runc for", log))?;
    if output.status.success() {
        return Ok(());
    }
    let mut message = last_error(log).unwrap_or_default();
    if message.is_empty() {
        message = said(&output.stderr);
    }
    Err(NodeError::Program {
        program: "runc".to_owned(),
        message: format!("{} ({message})", output.status),
    })
}

/// What it said, each line once in a row.
fn said(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    let mut lines: Vec<&str> = text.trim().lines().collect();
    // A full disk is said once for each line of the log that could not be written.
    lines.dedup();
    lines.join("\n")
}

/// Last error in a runtime log in JSON format.
pub fn last_error(log: &Path) -> Option<String> {
    #[derive(Deserialize)]
    struct Line {
        level: String,
        msg: String,
    }
    let text = fs::read_to_string(log).ok()?;
    let lines = text
        .lines()
        .rev()
        .filter_map(|line| serde_json::from_str::<Line>(line).ok());
    lines
        .into_iter()
        .find(|line| line.level == "error" || line.level == "fatal")
        .map(|line| line.msg)
}

/// Sends a signal to a container's first process.
pub fn kill(id: &ContainerId, log: &Path) -> Result<(), NodeError> {
    run(
        log,
        &[OsStr::new("kill"), OsStr::new(id.as_str()), OsStr::new("KILL")],
    )
}

/// Arguments of a dump that leaves the container running.
pub fn checkpoint_args(images: &Path, work: &Path, id: &ContainerId) -> Vec<OsString> {
    let mut args: Vec<OsString> = vec!["checkpoint".into(), "--leave-running".into()];
    args.extend(criu_args(images, work));
    args.push(id.as_str().into());
    args
}

/// Arguments that a dump and its restore have to agree on. Cgroups are left to the runtime: the copy belongs into the
/// cgroup of its own pod, not into that of the source.
pub fn criu_args(images: &Path, work: &Path) -> Vec<OsString> {
    let mut args: Vec<OsString> = vec![
        "--file-locks".into(),
        "--manage-cgroups-mode".into(),
        "ignore".into(),
    ];
    args.extend([
        "--image-path".into(),
        images.into(),
        "--work-path".into(),
        work.into(),
    ]);
    args
}
