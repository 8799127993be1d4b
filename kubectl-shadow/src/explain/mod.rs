//! What the words mean that a person meets: codes of `check`, the glossary, steps, phases, states, reasons, doubts, premises, exit codes.
//!
//! Each text stands in one place only: the table of the checks, docs/glossary.md, docs/faults.md, or the documentation of the type
//! (`shadow_core::words`). Pure, and without a cluster.

mod faults;
mod glossary;
mod topics;

use std::fmt;

pub use topics::topics;
/// As many words are named where one is not known.
const NEAREST: usize = 3;

/// Something that can be explained.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topic {
    /// What kind of word it is.
    pub kind: Kind,
    /// By which names it is found; the first one is its title.
    pub names: Vec<String>,
    /// Sentences.
    pub meaning: Vec<String>,
}

/// Kinds of words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A code of `check`.
    Check,
    /// A word of the glossary.
    Word,
    /// A step of a move.
    Step,
    /// A phase of a migration.
    Phase,
    /// A state of the live view.
    State,
    /// A way of moving that can be chosen.
    Way,
    /// Why something is refused, undone or stuck.
    Reason,
    /// What weakens a verdict.
    Doubt,
    /// What an exact verdict rests on.
    Premise,
    /// For what a migration waits.
    Wait,
    /// An exit code.
    Exit,
}

impl Kind {
    const ALL: [Self; 11] = [
        Self::Check,
        Self::Word,
        Self::Step,
        Self::Phase,
        Self::State,
        Self::Way,
        Self::Reason,
        Self::Doubt,
        Self::Premise,
        Self::Wait,
        Self::Exit,
    ];
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Check => "code of check",
            Self::Word => "word of the glossary",
            Self::Step => "step",
            Self::Phase => "phase",
            Self::State => "state of the live view",
            Self::Way => "way of moving",
            Self::Reason => "reason",
            Self::Doubt => "doubt",
            Self::Premise => "premise",
            Self::Wait => "wait",
            Self::Exit => "exit code",
        })
    }
}

impl Topic {
    /// The lines.
    pub fn lines(&self) -> Vec<String> {
        let title = format!("{} ({})", self.names.join(", "), self.kind);
        let meaning = self.meaning.iter().map(|line| format!("  {line}"));
        [title].into_iter().chain(meaning).collect()
    }

    fn is_called(&self, word: &str) -> bool {
        self.names.iter().any(|name| plain(name) == word)
    }
}

/// What is called so; one word may be a step and a reason.
pub fn find<'a>(topics: &'a [Topic], word: &str) -> Vec<&'a Topic> {
    let word = plain(word);
    topics.iter().filter(|topic| topic.is_called(&word)).collect()
}

/// The names that are most like this one.
pub fn nearest(topics: &[Topic], word: &str) -> Vec<String> {
    let word = plain(word);
    let mut all: Vec<(f64, &String)> = topics
        .iter()
        .flat_map(|topic| &topic.names)
        .map(|name| (strsim::jaro_winkler(&word, &plain(name)), name))
        .collect();
    all.sort_by(|(one, a), (other, b)| other.total_cmp(one).then_with(|| a.cmp(b)));
    all.dedup_by(|(_, a), (_, b)| plain(a) == plain(b));
    all.into_iter()
        .take(NEAREST)
        .map(|(_, name)| name.clone())
        .collect()
}

/// All names, under their kinds.
pub fn listed(topics: &[Topic]) -> Vec<String> {
    let of_kind = |kind: Kind| {
        let names = topics.iter().filter(move |topic| topic.kind == kind);
        names.filter_map(|topic| topic.names.first().cloned())
    };
    Kind::ALL
        .iter()
        .map(|kind| format!("{kind}: {}", of_kind(*kind).collect::<Vec<_>>().join(", ")))
        .collect()
}

/// Letters and digits alone: `hold queue`, `hold-queue` and `HoldQueue` are one word.
fn plain(name: &str) -> String {
    let kept = name.chars().filter(|c| c.is_alphanumeric());
    kept.flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests;
