//! What reaches outside of the view. Guarantee: nothing changes the cluster by one key alone (but `p` of a drain, which another `p`
//! takes back), and nothing at all while a recording is played or with `--read-only`.

use shadow_core::machine::record::is_committed;

use crate::view::effect::Effect;
use crate::view::model::{Model, Over};

/// Asks whether a move is to be undone, or says why it cannot be.
pub(super) fn ask(model: &mut Model) {
    let Some(id) = model.chosen() else {
        return;
    };
    model.over = Some(match refusal(model, &id) {
        Some(lines) => Over::Refusal(lines),
        None => Over::Cancel(id),
    });
}

/// Why this move cannot be undone from here; none when it can.
fn refusal(model: &Model, id: &str) -> Option<Vec<String>> {
    let lines = |lines: &[&str]| Some(lines.iter().map(|&line| line.to_owned()).collect());
    if model.setting.file.is_some() {
        return lines(&[
            "This is a recording.",
            "What it shows is past, and nothing can be changed from here.",
        ]);
    }
    if model.setting.read_only {
        return lines(&[
            "This view was opened with --read-only.",
            "To undo a move, leave it and type:",
            &command(id, "cancel"),
        ]);
    }
    // What is true now counts, not the moment that is shown.
    let newest = model.history.newest();
    let entry = model.all_entries(newest).find(|entry| entry.id == id)?;
    let status = entry.migration.status.as_ref();
    if entry.state.is_over() {
        return lines(&["This move has ended already.", entry.state.meaning()]);
    }
    if status.is_some_and(is_committed) {
        return lines(&[
            "It is too late to undo this move.",
            "The copy has been the truth since the commit. From there it goes only forward.",
            "Nothing is lost: the messages wait in the queue, and the copy takes them up.",
        ]);
    }
    if entry.migration.spec.cancel || status.is_some_and(|status| status.rollback.is_some()) {
        return lines(&["This move is being undone already."]);
    }
    None
}

/// Yes: but what was true when the question came up may have passed meanwhile.
pub(super) fn confirm(model: &mut Model) -> Vec<Effect> {
    let Some(Over::Cancel(id)) = model.over.take() else {
        return Vec::new();
    };
    match refusal(model, &id) {
        Some(lines) => {
            model.over = Some(Over::Refusal(lines));
            Vec::new()
        }
        None => vec![Effect::Cancel(id)],
    }
}

/// Begins a recording, or ends it.
pub(super) fn record(model: &mut Model) -> Vec<Effect> {
    if model.setting.file.is_some() {
        model.over = Some(Over::Refusal(vec!["This is a recording already.".to_owned()]));
        return Vec::new();
    }
    vec![Effect::Record(model.recording.is_none())]
}

/// The command that shows what is chosen.
pub(super) fn copy(model: &mut Model) -> Vec<Effect> {
    let text = match (&model.setting.file, model.chosen()) {
        (Some(file), _) => format!("kubectl shadow watch --play {file}"),
        (None, Some(id)) => command(&id, "status"),
        (None, None) => match model.newest_standing().filter(|_| model.is_drain()) {
            Some(standing) => format!("kubectl shadow drain {} --dry-run", standing.node),
            None => return Vec::new(),
        },
    };
    vec![Effect::Copy(text)]
}

fn command(id: &str, verb: &str) -> String {
    match id.split_once('/') {
        Some((namespace, name)) => format!("kubectl shadow {verb} {name} -n {namespace}"),
        None => format!("kubectl shadow {verb} {id}"),
    }
}
