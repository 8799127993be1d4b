//! What the words mean that a person meets: codes of `check`, the glossary, steps, phases, states, reasons, doubts, premises, exit codes.
//!
//! Each text stands in one place only: the table of the checks, docs/glossary.md, docs/faults.md, or the documentation of the type
//! (`shadow_core::words`). Pure, and without a cluster.

mod faults;
mod glossary;

use std::fmt;

use schemars::JsonSchema;
use shadow_core::api::{Handoff, HoldKind, MigrationStrategy, Phase, RestoreBackend, Step, TransferMode};
use shadow_core::doubt::DoubtReason;
use shadow_core::premise;
use shadow_core::reason::Reason;
use shadow_core::waiting::WaitsFor;
use shadow_core::words;

use crate::check::codes;
use crate::ending::Ending;
use crate::view::model::state::State;

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

/// Everything that is known.
pub fn topics() -> Vec<Topic> {
    let mut topics: Vec<Topic> = codes::ALL.iter().map(check).collect();
    topics.extend(glossary::topics());
    topics.extend(of_enum::<Step>(Kind::Step));
    topics.extend(of_enum::<Phase>(Kind::Phase));
    topics.extend(State::ALL.iter().map(|state| Topic {
        kind: Kind::State,
        names: vec![state.word().to_owned()],
        meaning: vec![state.meaning().to_owned()],
    }));
    topics.extend(of_enum::<MigrationStrategy>(Kind::Way));
    topics.extend(of_enum::<Handoff>(Kind::Way));
    topics.extend(of_enum::<HoldKind>(Kind::Way));
    topics.extend(of_enum::<TransferMode>(Kind::Way));
    topics.extend(of_enum::<RestoreBackend>(Kind::Way));
    topics.extend(of_enum::<Reason>(Kind::Reason).map(|mut topic| {
        let faults = topic.names.iter().flat_map(|name| faults::that_end_with(name));
        let faults: Vec<String> = faults.collect();
        topic.meaning.extend(faults);
        topic
    }));
    topics.extend(of_enum::<DoubtReason>(Kind::Doubt));
    topics.extend(premise::ALL.iter().map(premise));
    topics.extend(of_enum::<WaitsFor>(Kind::Wait));
    topics.extend(Ending::ALL.iter().map(exit));
    topics
}

fn of_enum<T: JsonSchema>(kind: Kind) -> impl Iterator<Item = Topic> {
    words::of::<T>().into_iter().map(move |(name, meaning)| Topic {
        kind,
        names: vec![name],
        meaning: vec![meaning],
    })
}

fn check(code: &codes::Code) -> Topic {
    Topic {
        kind: Kind::Check,
        names: vec![code.code.to_owned()],
        meaning: vec![
            format!("{}.", code.title),
            format!("Why it matters: {}", code.why),
            format!("The way out: {}", code.way_out),
        ],
    }
}

fn premise(premise: &premise::Premise) -> Topic {
    let follows = match premise.class() {
        premise::Class::Required(reason) => {
            format!("If it is not seen, the move is refused ({reason}).")
        }
        premise::Class::Allowable => {
            "If it is not so, the move is refused, unless a MigrationPolicy of the namespace allows it."
                .to_owned()
        }
        premise::Class::Told => "It is told, and forbids nothing.".to_owned(),
    };
    Topic {
        kind: Kind::Premise,
        names: vec![format!("{premise:?}")],
        meaning: vec![
            format!("{premise}."),
            follows,
            "More stands in docs/premises.md.".to_owned(),
        ],
    }
}

fn exit(ending: &Ending) -> Topic {
    let code = ending.code();
    Topic {
        kind: Kind::Exit,
        names: vec![format!("exit {code}"), code.to_string()],
        meaning: vec![ending.meaning().to_owned()],
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
mod tests {
    use std::sync::LazyLock;

    use super::*;

    static TOPICS: LazyLock<Vec<Topic>> = LazyLock::new(topics);

    fn explained(word: &str) -> Vec<Kind> {
        find(&TOPICS, word).iter().map(|topic| topic.kind).collect()
    }

    #[test]
    fn every_code_is_explained() {
        for code in codes::ALL {
            assert_eq!(explained(code.code), [Kind::Check], "{}", code.code);
            assert_eq!(explained(&code.code.to_lowercase()), [Kind::Check]);
        }
    }

    #[test]
    fn every_word_of_the_glossary_is_explained() {
        let rows = glossary::topics();
        assert!(rows.len() > 70, "{}", rows.len());
        for name in rows.iter().flat_map(|row| &row.names) {
            assert!(explained(name).contains(&Kind::Word), "{name}");
        }
        for name in [
            "stand-in",
            "standin",
            "hold queue",
            "effect",
            "END_REPLAY",
            "Park",
            "give back",
        ] {
            assert!(explained(name).contains(&Kind::Word), "{name}");
        }
    }

    #[test]
    fn every_step_phase_state_reason_doubt_premise_and_exit_code_is_explained() {
        for (kind, names) in [
            (Kind::Step, words::of::<Step>()),
            (Kind::Phase, words::of::<Phase>()),
            (Kind::Reason, words::of::<Reason>()),
            (Kind::Doubt, words::of::<DoubtReason>()),
            (Kind::Wait, words::of::<WaitsFor>()),
            (Kind::Way, words::of::<HoldKind>()),
        ] {
            assert!(names.len() > 2, "{kind}");
            for (name, _) in names {
                assert!(explained(&name).contains(&kind), "{name}");
            }
        }
        for state in State::ALL {
            assert!(explained(state.word()).contains(&Kind::State), "{state:?}");
        }
        for premise in premise::ALL {
            assert!(
                explained(&format!("{premise:?}")).contains(&Kind::Premise),
                "{premise:?}"
            );
        }
        for ending in Ending::ALL {
            assert_eq!(explained(&format!("exit {}", ending.code())), [Kind::Exit]);
        }
    }

    #[test]
    fn a_reason_names_the_faults_that_end_with_it() {
        let topics = topics();
        let lines = find(&topics, "TargetRejected").into_iter().flat_map(Topic::lines);
        let said: Vec<String> = lines.collect();
        assert!(
            said.iter()
                .any(|line| line.contains("no room for the pod") && line.contains("10 s")),
            "{said:#?}"
        );
    }

    #[test]
    fn nothing_is_explained_by_nothing_or_by_the_marks_of_a_document() {
        for topic in topics() {
            assert!(!topic.meaning.is_empty(), "{topic:?}");
            for line in topic.lines() {
                assert!(line.trim().len() > 5 && !line.contains("]("), "{line}");
            }
        }
    }

    #[test]
    fn an_unknown_word_gets_the_nearest_ones() {
        let topics = topics();
        assert!(find(&topics, "comit").is_empty());
        assert!(
            nearest(&topics, "comit")
                .iter()
                .any(|name| plain(name) == "commit")
        );
        assert!(
            nearest(&topics, "sh0004")
                .iter()
                .any(|name| name.starts_with("SH00"))
        );
        assert_eq!(
            nearest(&topics, "backlog").first().map(String::as_str),
            Some("backlog queue")
        );
    }
}
