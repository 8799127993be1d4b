//! The one command by which each profile is compiled.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::cache::build_folder;
use crate::environment;

/// Programs are static: they run in an image with nothing else in it, and on any node. With a target named, cargo does not
/// apply the flags of the target to build scripts and macros, which must stay dynamic.
pub const TARGET: &str = "x86_64-unknown-linux-gnu";
const FLAGS_OF_TARGET: &str = "CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUSTFLAGS";
/// The flags by which a program becomes static.
pub const STATIC: &str = "-C target-feature=+crt-static";

/// A test without content. A build that contains a test asks dependencies for the features that tests need; naming this one
/// gives the first build of the test command the features of its later ones.
const ANY_TEST: &str = "features";

/// What is compiled for which purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// Programs as they are shipped: demo, benchmark, archives of images.
    Release,
    /// The same with assertions and overflow checks: tests, and the images that they use.
    Verify,
    /// The plugin as it is published: smaller, and compiled as one.
    Dist,
}

/// Which part of the workspace is wanted. Cargo asks dependencies for the same features either way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// The developer commands alone.
    Commands,
    /// All programs and no test.
    Programs,
    /// All programs; with [`Profile::Verify`] all tests as well.
    Everything,
}

impl Profile {
    /// Its name in `Cargo.toml`, and the name of its folder below `target`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Release => "release",
            Self::Verify => "verify",
            Self::Dist => "dist",
        }
    }

    fn selection(self, wanted: Wanted) -> &'static [&'static str] {
        match (self, wanted) {
            (Self::Release, Wanted::Commands) => &["--bin", "xtask-commands"],
            (Self::Release, Wanted::Programs | Wanted::Everything) => &["--bins"],
            (Self::Verify, Wanted::Commands) => &["--bin", "xtask-commands", "--test", ANY_TEST],
            (Self::Verify, Wanted::Programs) => &["--bins", "--test", ANY_TEST],
            (Self::Verify, Wanted::Everything) => &["--all-targets"],
            (Self::Dist, Wanted::Commands | Wanted::Programs | Wanted::Everything) => {
                &["--bin", "kubectl-shadow"]
            }
        }
    }
}

/// The workspace's folder: the one around the present folder, or else the one in which this crate was compiled. Several work trees
/// may share what is compiled; what a command writes belongs to the tree that it is called in.
#[must_use]
pub fn workspace() -> &'static Path {
    static FOUND: OnceLock<PathBuf> = OnceLock::new();
    FOUND.get_or_init(|| {
        let compiled = Path::new(env!("CARGO_MANIFEST_DIR"));
        let here = std::env::current_dir().ok();
        let around = here.as_deref().and_then(around);
        around.or(compiled.parent()).unwrap_or(compiled).to_owned()
    })
}

/// The workspace that a folder lies in.
fn around(folder: &Path) -> Option<&Path> {
    folder
        .ancestors()
        .find(|above| above.join("xtask/commands/Cargo.toml").is_file())
}

/// `cargo SUBCOMMAND` for the whole workspace in this profile. The caller may add arguments that change no compilation.
#[must_use]
pub fn cargo(subcommand: &[&str], profile: Profile, wanted: Wanted) -> Command {
    let mut command = Command::new(environment::cargo_program());
    environment::clean(&mut command);
    command.current_dir(workspace());
    command.args(subcommand);
    // nextest has a `--profile` of its own.
    command.arg(match subcommand {
        ["nextest", ..] => "--cargo-profile",
        _ => "--profile",
    });
    command.args([profile.name(), "--workspace", "--target", TARGET]);
    command.args(profile.selection(wanted));
    command.env(FLAGS_OF_TARGET, STATIC);
    if let Some(folder) = build_folder(workspace()) {
        command.env("CARGO_BUILD_BUILD_DIR", folder);
    }
    match profile {
        // `kubectl shadow version` says it. A program of the tests would be compiled anew for each commit.
        Profile::Release | Profile::Dist => {
            command.envs(commit().map(|commit| ("KUBECTL_SHADOW_COMMIT", commit)));
        }
        // Clippy's compiler makes programs like the usual one: what it has looked at is what is tested.
        Profile::Verify => {
            command.env("RUSTC_WORKSPACE_WRAPPER", environment::clippy_driver());
        }
    }
    command
}

/// The commit of the workspace, short; none outside of a repository.
fn commit() -> Option<String> {
    let mut git = Command::new("git");
    git.args(["rev-parse", "--short=12", "HEAD"])
        .current_dir(workspace());
    let output = git.output().ok().filter(|output| output.status.success())?;
    let commit = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (!commit.is_empty()).then_some(commit)
}

/// Where cargo says that it has put a program: one line of `--message-format json`.
#[must_use]
pub fn executable(line: &str, program: &str) -> Option<PathBuf> {
    let is_program = line.contains("\"reason\":\"compiler-artifact\"")
        && line.contains("\"kind\":[\"bin\"]")
        && line.contains(&format!("\"name\":\"{program}\""));
    let (_, rest) = line.split_once("\"executable\":\"")?;
    let (path, _) = rest.split_once('"')?;
    // Cargo escapes what JSON wants escaped; a path with such a character is not worth a parser here.
    (is_program && !path.contains('\\')).then(|| PathBuf::from(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_of_a_program_is_read_from_cargos_message() {
        let line = r#"{"reason":"compiler-artifact","target":{"kind":["bin"],"crate_types":["bin"],"name":"xtask-commands"},"executable":"/t/xtask-commands","fresh":true}"#;
        assert_eq!(
            executable(line, "xtask-commands"),
            Some(PathBuf::from("/t/xtask-commands"))
        );
        assert_eq!(executable(line, "orders"), None);
        assert_eq!(
            executable(&line.replace("\"bin\"],\"c", "\"test\"],\"c"), "xtask-commands"),
            None
        );
        assert_eq!(
            executable(r#"{"reason":"build-finished","success":true}"#, "xtask-commands"),
            None
        );
    }

    #[test]
    fn a_folder_of_the_workspace_leads_to_its_root() {
        let root = workspace();
        assert_eq!(around(&root.join("xtask/commands/src")), Some(root));
        assert_eq!(around(Path::new("/")), None);
    }

    #[test]
    fn all_builds_of_a_profile_ask_for_tests_or_none_does() {
        let with_tests = |profile: Profile, wanted| {
            let selection = profile.selection(wanted);
            selection.contains(&"--all-targets") || selection.contains(&"--test")
        };
        for profile in [Profile::Release, Profile::Verify] {
            for wanted in [Wanted::Commands, Wanted::Programs] {
                assert_eq!(
                    with_tests(profile, wanted),
                    with_tests(profile, Wanted::Everything),
                    "{profile:?}, {wanted:?}"
                );
            }
        }
    }
}
