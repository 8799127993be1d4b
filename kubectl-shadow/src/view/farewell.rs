//! What stays in the scrollback when the view is left.

use super::model::list::Entry;
use super::model::{Model, Setting};
use crate::render;

/// The lines: how each move ended that was watched, or what goes on.
pub(super) fn lines(model: &Model) -> Vec<String> {
    let watched: Vec<Entry<'_>> = model.watched().collect();
    let several = watched.len() > 1;
    watched.iter().flat_map(|entry| of_one(&model.setting, entry, several)).collect()
}

fn of_one(setting: &Setting, entry: &Entry<'_>, several: bool) -> Vec<String> {
    let end = render::end_lines(entry.migration);
    let is_stuck = !entry.state.is_over();
    let mut lines = if several && !end.is_empty() {
        end.into_iter().map(|line| format!("{}: {line}", entry.id)).collect()
    } else {
        end
    };
    if is_stuck {
        if lines.is_empty() {
            lines.push(format!("{}: {}", entry.id, render::life::present(Some(entry.migration))));
        }
        if setting.file.is_none() {
            let (namespace, name) = entry.id.split_once('/').unwrap_or(("default", entry.id));
            lines.push(format!(
                "the migration goes on. To see it, type: kubectl shadow status {name} -n {namespace}. To undo it, type: kubectl \
                 shadow cancel {name} -n {namespace}"
            ));
        } else {
            lines.push("the recording ends here".to_owned());
        }
    }
    lines
}
