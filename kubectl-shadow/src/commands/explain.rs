//! `kubectl shadow explain`: what a word means. No kubeconfig is read, and no cluster is asked.

use crate::cli::Explain;
use crate::ending::Ending;
use crate::explain::{self, Topic};
use crate::problem::Problem;
use crate::say;

/// Runs the command.
pub(super) fn run(args: &Explain) -> Result<Ending, Problem> {
    let topics = explain::topics();
    let word = args.word.join(" ");
    if word.trim().is_empty() {
        explain::listed(&topics).iter().for_each(|line| say::line(line));
        return Ok(Ending::Done);
    }
    let found = explain::find(&topics, &word);
    if found.is_empty() {
        return Err(Problem::Refused(unknown(&topics, &word)));
    }
    let lines = found.into_iter().flat_map(Topic::lines);
    lines.for_each(|line| say::line(&line));
    Ok(Ending::Done)
}

fn unknown(topics: &[Topic], word: &str) -> String {
    format!(
        "{word:?} is not known here. The nearest words are: {}. To list all of them, type: kubectl shadow explain",
        explain::nearest(topics, word).join(", ")
    )
}
