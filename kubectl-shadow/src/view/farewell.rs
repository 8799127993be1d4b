//! What stays in the scrollback when the view is left.

use shadow_core::names::GROUP;

use super::model::list::Entry;
use super::model::object::LinkState;
use super::model::state::State;
use super::model::{MIGRATIONS, Model};
use crate::drain;
use crate::problem::Problem;
use crate::render;

/// The lines: how each move ended that was watched, or what goes on.
pub(super) fn lines(model: &Model) -> Vec<String> {
    if model.is_drain() {
        return of_drain(model);
    }
    let watched: Vec<Entry<'_>> = model.watched().collect();
    let several = watched.len() > 1;
    watched
        .iter()
        .flat_map(|entry| of_one(model, entry, several))
        .collect()
}

/// Of one that is under way the command itself tells, when it has ended.
fn of_drain(model: &Model) -> Vec<String> {
    let Some(standing) = model.newest_standing().filter(|_| model.setting.file.is_some()) else {
        return Vec::new();
    };
    let rows = model.newest_rows();
    let mut lines = drain::table(&rows);
    lines.extend(drain::summary(&standing.node, &rows, standing.stopped));
    lines
}

fn of_one(model: &Model, entry: &Entry<'_>, several: bool) -> Vec<String> {
    let end = render::end_lines(entry.migration);
    let goes_on = !entry.state.is_over();
    let mut lines = if several && !end.is_empty() {
        end.into_iter()
            .map(|line| format!("{}: {line}", entry.id))
            .collect()
    } else {
        end
    };
    if entry.state == State::Gone {
        lines.push(deleted(entry));
    }
    if goes_on {
        if lines.is_empty() {
            lines.push(format!(
                "{}: {}",
                entry.id,
                render::life::present(Some(entry.migration), model.clock())
            ));
        }
        if model.setting.file.is_none() {
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

/// Of a migration that is gone.
pub(super) fn deleted(entry: &Entry<'_>) -> String {
    format!(
        "statefulmigration {} was deleted while this command followed it. This does not stop the pod",
        entry.id
    )
}

/// Why nothing will ever be seen; none while something may be. `begun`: the move was begun by this command.
pub(super) fn hopeless(model: &Model, begun: bool) -> Option<Problem> {
    let link = model.link(MIGRATIONS)?;
    let said = match link.state {
        LinkState::Seen | LinkState::Silent => return None,
        LinkState::Absent => return Some(Problem::NotInstalled),
        LinkState::Unknown => format!(
            "the API server does not accept your login ({}). Log in again",
            link.why
        ),
        LinkState::Forbidden => format!(
            "migrations cannot be seen ({}). You need the verbs get, list and watch on statefulmigrations.{GROUP}",
            link.why
        ),
    };
    Some(if begun {
        Problem::Unknown(format!("{said}. The migration goes on"))
    } else {
        Problem::Refused(said)
    })
}
