//! `completion`.

use clap::{Args, ValueEnum};

/// `completion`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  kubectl shadow completion kubectl    a file kubectl_complete-shadow, with which kubectl completes kubectl shadow
  kubectl shadow completion bash       for a program kubectl-shadow that is typed by its own name

For kubectl, a link is enough: ln -s \"$(command -v kubectl-shadow)\" ~/bin/kubectl_complete-shadow, where ~/bin is in PATH. kubectl \
(1.26 and later) then completes commands, flags, pods, nodes that fit, and migrations.")]
pub struct Completion {
    /// For which shell
    pub shell: Shell,
}

/// What can complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Shell {
    /// kubectl itself, whatever the shell
    Kubectl,
    /// Bash
    Bash,
    /// Zsh
    Zsh,
    /// Fish
    Fish,
    /// PowerShell
    Powershell,
}
