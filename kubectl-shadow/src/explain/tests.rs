//! Every word that a person meets is explained.

use std::sync::LazyLock;

use shadow_core::api::{HoldKind, Phase, Step};
use shadow_core::doubt::DoubtReason;
use shadow_core::premise;
use shadow_core::reason::Reason;
use shadow_core::waiting::WaitsFor;
use shadow_core::words;

use super::*;
use crate::check::codes;
use crate::ending::Ending;
use crate::view::model::state::State;

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
