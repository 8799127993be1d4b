//! Whether a text names a way out.

/// What a person is told to do, as it stands at the beginning of a clause.
const DO: [&str; 58] = [
    "add", "allow", "ask", "bind", "bring", "cancel", "change", "check", "choose", "consume", "correct",
    "create", "declare", "delete", "detach", "drain", "enable", "find", "free", "give", "have", "install",
    "keep", "label", "leave", "let", "load", "look", "make", "move", "name", "push", "put", "raise", "read",
    "remove", "repair", "restart", "run", "scale", "see", "set", "shorten", "start", "stop", "take",
    "tolerate", "try", "turn", "uncordon", "unset", "update", "upgrade", "use", "wait", "watch", "widen",
    "write",
];
/// Programs that are typed.
const COMMANDS: [&str; 4] = [
    "kubectl ",
    "rabbitmqctl ",
    "rabbitmq-queues ",
    "rabbitmq-diagnostics ",
];
/// What is put in by these names is a way out.
const PUT_IN: [&str; 3] = ["{way_out}", "{INSTALL}", "{CURE}"];
/// Nothing is to be done, and the text says so.
const BY_ITSELF: [&str; 4] = ["by itself", "tried again", "Nothing is to be done", "as asked"];

/// Whether one of these texts of a refusal names it, or ends with something that is put in and looked at where it is made.
pub(super) fn is_named(texts: &[String]) -> bool {
    is_in(&texts.join(" ")) || texts.iter().any(|text| ends_with_another(text))
}

/// `…: {reason}`, `…; {}`.
fn ends_with_another(text: &str) -> bool {
    let put_in = text.trim_end().strip_suffix('}');
    let before = put_in
        .and_then(|rest| rest.rsplit_once('{'))
        .map(|(before, _)| before);
    before.is_some_and(|before| {
        let before = before.trim_end();
        before.ends_with([':', ';'])
            || (before.ends_with('.') && !before.is_empty())
            || ends_with_another(before)
    })
}

fn is_in(text: &str) -> bool {
    let holds = |parts: &[&str]| parts.iter().any(|part| text.contains(part));
    holds(&COMMANDS) || holds(&PUT_IN) || holds(&BY_ITSELF) || has_flag(text) || is_told_to_do(text)
}

fn has_flag(text: &str) -> bool {
    let is_flag = |word: &str| {
        let name = word.trim_start_matches(['(', '"', '`']).strip_prefix("--");
        name.is_some_and(|name| name.starts_with(|c: char| c.is_ascii_lowercase()))
    };
    text.split_whitespace().any(is_flag)
}

/// A verb of ours at the beginning of a clause: of the text, behind a mark, or behind a word that begins one.
fn is_told_to_do(text: &str) -> bool {
    let mut begins = true;
    for word in text.split_whitespace() {
        let bare = word.trim_matches(|c: char| !c.is_alphanumeric());
        if begins && DO.contains(&bare.to_lowercase().as_str()) {
            return true;
        }
        let joins = ["or", "and", "either", "then"].contains(&bare.to_lowercase().as_str());
        begins = joins || word.ends_with(['.', ';', ':', ',', ')']);
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_a_flag_or_something_to_do_is_a_way_out() {
        for text in [
            "pod x does not exist. To see the pods, type: kubectl get pods",
            "the pod lacks it; give --force",
            "volume x is a hostPath; use another volume",
            "Wait for its end, or name another",
            "no node fits: {}. {way_out}",
            "queue {queue:?} cannot be handed over: {reason}",
            "it is on the node; {capital}{}",
            "the broker is away: it is tried again",
        ] {
            assert!(is_named(&[text.to_owned()]), "{text}");
        }
    }

    #[test]
    fn a_field_a_fact_or_a_verb_in_the_middle_is_none() {
        for text in [
            "spec.sourcePod: the pod is gone",
            "volume {name:?} refers to claim {claim:?}, which cannot be found",
            "the queue was deleted within {} s{}",
            "the copy would have to wait for its archive",
        ] {
            assert!(!is_named(&[text.to_owned()]), "{text}");
        }
    }
}
