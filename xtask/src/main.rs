//! `cargo xtask …`: compiles the developer commands in the profile that the command needs, then becomes them.
//!
//! A program of its own, without a dependency, because cargo cannot choose a profile by what the command is, and because an
//! alias of cargo compiles with other features in each folder from which it is called.

use std::ffi::OsString;
use std::io::{self, BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};
use std::time::SystemTime;

use xtask::{Profile, TARGET, Wanted, cargo, clean, executable, prepare, workspace};

const COMMANDS: &str = "xtask-commands";

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let outcome = compiled(profile_for(arguments.first())).map(|program| {
        let mut command = Command::new(program);
        // A cargo that it calls must not see what cargo set for this program.
        clean(&mut command);
        // It returns only if the program cannot be run.
        command.args(arguments).exec()
    });
    match outcome {
        Ok(error) => eprintln!("error: the developer commands cannot be run: {error}"),
        Err(error) => eprintln!("error: {error}"),
    }
    ExitCode::FAILURE
}

/// Tests run what they compile; everything else uses what is shipped. A command that compiles nothing itself takes what the
/// last one left.
fn profile_for(command: Option<&OsString>) -> Profile {
    match command.and_then(|command| command.to_str()) {
        Some("test") => Profile::Verify,
        Some("demo" | "bench" | "soak" | "images" | "package") => Profile::Release,
        _ if built(Profile::Verify) > built(Profile::Release) => Profile::Verify,
        _ => Profile::Release,
    }
}

/// When the commands were compiled in this profile; none if they were not, where cargo puts them by default.
fn built(profile: Profile) -> Option<SystemTime> {
    let folder = workspace().join("target").join(TARGET).join(profile.name());
    folder.join(COMMANDS).metadata().ok()?.modified().ok()
}

/// Compiles the commands; their path.
fn compiled(profile: Profile) -> io::Result<PathBuf> {
    prepare(workspace())?;
    if built(profile).is_none() {
        eprintln!(
            "compiling the developer commands (profile {}), once",
            profile.name()
        );
    }
    let mut build = cargo(&["build", "--quiet"], profile, Wanted::Commands)
        .args(["--message-format", "json-render-diagnostics"])
        .stdout(Stdio::piped())
        .spawn()?;
    let mut program = None;
    if let Some(output) = build.stdout.take() {
        for line in BufReader::new(output).lines() {
            program = executable(&line?, COMMANDS).or(program);
        }
    }
    let status = build.wait()?;
    if !status.success() {
        return Err(io::Error::other(format!(
            "cargo ended with {status}; what it says is above"
        )));
    }
    program.ok_or_else(|| io::Error::other(format!("cargo does not say where it has put {COMMANDS}")))
}
