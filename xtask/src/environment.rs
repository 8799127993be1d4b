//! The environment in which cargo is called: the same whether a person calls, cargo's own `run`, or CI.

use std::env;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::process::Command;

/// What changes how crates are compiled, and what cargo sets for a program that it runs: build scripts that look at it
/// (ring's does) would run again, and everything above them would be compiled again.
const PREFIXES: [&str; 5] = [
    "CARGO_PKG_",
    "CARGO_MANIFEST_",
    "CARGO_PROFILE_",
    "CARGO_BIN_",
    "CARGO_TARGET_X86_64",
];
const NAMES: [&str; 9] = [
    "CARGO_CRATE_NAME",
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_INCREMENTAL",
    "CARGO_PRIMARY_PACKAGE",
    "CARGO_TARGET_TMPDIR",
    "OUT_DIR",
    "RUSTC_WORKSPACE_WRAPPER",
    "RUSTFLAGS",
    // Set by rustup and cargo for their children; the libraries of the toolchain are found without it.
    "LD_LIBRARY_PATH",
];

fn is_removed(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    NAMES.contains(&&*name) || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// Takes out of a command's environment what would make it compile otherwise than another call does.
pub fn clean(command: &mut Command) {
    for (name, _) in env::vars_os().filter(|(name, _)| is_removed(name)) {
        command.env_remove(name);
    }
}

/// The cargo that called us, else the one on the path.
#[must_use]
pub fn cargo_program() -> OsString {
    env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// Clippy's compiler stands beside cargo.
pub(crate) fn clippy_driver() -> PathBuf {
    let beside = PathBuf::from(cargo_program()).with_file_name("clippy-driver");
    if beside.exists() {
        beside
    } else {
        "clippy-driver".into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_and_cargos_own_variables_go_and_a_users_settings_stay() {
        for gone in [
            "CARGO_PKG_NAME",
            "RUSTFLAGS",
            "CARGO_PROFILE_DEV_DEBUG",
            "CARGO_MANIFEST_DIR",
        ] {
            assert!(is_removed(OsStr::new(gone)), "{gone}");
        }
        for kept in [
            "CARGO_HOME",
            "CARGO_NET_OFFLINE",
            "CARGO_BUILD_JOBS",
            "RUSTUP_TOOLCHAIN",
            "PATH",
        ] {
            assert!(!is_removed(OsStr::new(kept)), "{kept}");
        }
    }
}
