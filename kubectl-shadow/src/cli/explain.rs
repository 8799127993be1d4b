//! `explain`: what a word means.

use clap::Args;

/// `explain`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  kubectl shadow explain SH104         a code of check
  kubectl shadow explain NotParked     a reason, and which faults end with it
  kubectl shadow explain hold queue    a word of the glossary
  kubectl shadow explain exit 5        an exit code

Without a word it lists all that it knows. It exits with 1 if it does not know the word, and names the nearest ones.")]
pub struct Explain {
    /// A code of check, or a word of a status, a message or the documents
    #[arg(value_name = "CODE|WORD")]
    pub word: Vec<String>,
}
