//! All topics, from where their texts stand.

use schemars::JsonSchema;
use shadow_core::api::{Handoff, HoldKind, MigrationStrategy, Phase, RestoreBackend, Step, TransferMode};
use shadow_core::doubt::DoubtReason;
use shadow_core::premise;
use shadow_core::reason::Reason;
use shadow_core::waiting::WaitsFor;
use shadow_core::words;

use super::{Kind, Topic, faults, glossary};
use crate::check::codes;
use crate::ending::Ending;
use crate::view::model::state::State;

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
    let mut endings = Ending::ALL;
    endings.sort_by_key(|ending| ending.code());
    topics.extend(endings.iter().map(exit));
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
