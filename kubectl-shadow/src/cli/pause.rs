//! `pause` and `resume`.

use clap::Args;
use shadow_core::api::pause::REASON;

/// `pause`.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  kubectl shadow pause --reason 'the broker is updated until 18:00'
  kubectl shadow pause --reason 'nodes are replaced today' --let-evictions-through
  kubectl shadow pause --reason 'a rehearsal' --dry-run    whether you may, and what would be said

Moves under way go on, and plans are still made. Moves that wait stay in line. A new move is refused with the reason, and the eviction
of a pod that opted in waits (429). Paused again, the new reason counts.")]
pub struct Pause {
    /// Why: everybody whose move is refused or waits is told this
    #[arg(long, value_parser = reason, value_name = "TEXT")]
    pub reason: String,
    /// Evictions of pods that opted in go through as ever: the pods lose their memory
    #[arg(long)]
    pub let_evictions_through: bool,
    /// Ask the cluster, which does all but keep it
    #[arg(long)]
    pub dry_run: bool,
}

/// `resume`.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  kubectl shadow resume              moves that wait begin in their order
  kubectl shadow resume --dry-run    whether you may, and what would be ended

Where moves are not paused, nothing is done, and the exit code is 0.")]
pub struct Resume {
    /// Ask the cluster, which does all but keep it
    #[arg(long)]
    pub dry_run: bool,
}

fn reason(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > REASON || text.chars().any(char::is_control) {
        return Err(format!("give one line of 1 to {REASON} characters"));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_one_line_that_says_something() {
        assert_eq!(reason(" the broker "), Ok("the broker".to_owned()));
        assert!(reason(&"ü".repeat(REASON)).is_ok());
        for bad in ["", "  ", "two\nlines", &"x".repeat(REASON + 1)] {
            assert!(reason(bad).is_err(), "{bad}");
        }
    }
}
