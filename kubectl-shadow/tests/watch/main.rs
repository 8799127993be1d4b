//! The real program in pipes and in a real terminal, with recordings and against an API server of ours.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail the test")]

#[path = "../stub/mod.rs"]
mod stub;
mod terminal;

mod live;
mod play;

use std::path::{Path, PathBuf};
use std::process::Command;

const PLUGIN: &str = env!("CARGO_BIN_EXE_kubectl-shadow");

/// An invented recording.
fn recording(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recordings");
    folder.join(format!("invented-{name}.ndjson"))
}

/// The program on a machine without any kubeconfig.
fn without_a_cluster() -> Command {
    let mut program = Command::new(PLUGIN);
    program
        .env_remove("KUBECONFIG")
        .env_remove("KUBERNETES_SERVICE_HOST")
        .env_remove("NO_COLOR")
        .env("HOME", "/nonexistent")
        .env("TERM", "xterm");
    program
}
