//! `kubectl shadow completion`: prints what completes commands, flags and names.

use clap::CommandFactory;
use clap_complete::{generate, shells};

use crate::cli::{Cli, Completion, Shell};
use crate::ending::Ending;
use crate::problem::Problem;
use crate::say;

/// For kubectl: a file of the name that it looks for.
const FOR_KUBECTL: &str = "#!/bin/sh
# Put this into a folder of PATH, as kubectl_complete-shadow, and make it executable: kubectl then completes kubectl shadow.
exec kubectl-shadow __complete \"$@\"
";

/// Runs the command.
pub(super) fn run(args: &Completion) -> Result<Ending, Problem> {
    let mut out = Vec::new();
    let (mut command, name) = (Cli::command(), "kubectl-shadow");
    match args.shell {
        Shell::Kubectl => out.extend_from_slice(FOR_KUBECTL.as_bytes()),
        Shell::Bash => generate(shells::Bash, &mut command, name, &mut out),
        Shell::Zsh => generate(shells::Zsh, &mut command, name, &mut out),
        Shell::Fish => generate(shells::Fish, &mut command, name, &mut out),
        Shell::Powershell => generate(shells::PowerShell, &mut command, name, &mut out),
    }
    say::own(&String::from_utf8_lossy(&out));
    Ok(Ending::Done)
}
