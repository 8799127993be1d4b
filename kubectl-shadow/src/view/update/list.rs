//! The cursor of the list and of the panels.

use crate::view::intent::Turn;
use crate::view::model::{Model, Over, Panel, Screen};

/// The cursor goes so many rows, or a text is scrolled.
pub(super) fn step(model: &mut Model, rows: isize) {
    let is_text = matches!(model.over, Some(Over::Text(..)));
    if is_text || matches!(model.screen, Screen::Migration(_)) {
        // How long the text is, only drawing knows; it is held in its bounds there.
        model.scroll = model.scroll.saturating_add_signed(rows).min(10_000);
        return;
    }
    if model.screen == Screen::Drain {
        step_rows(model, rows);
        return;
    }
    let ids: Vec<String> = model.entries().iter().map(|entry| entry.id.to_owned()).collect();
    let here = ids
        .iter()
        .position(|id| Some(id) == model.list.selected.as_ref())
        .unwrap_or(0);
    let last = ids.len().saturating_sub(1);
    model.list.selected = ids.get(here.saturating_add_signed(rows).min(last)).cloned();
}

/// The same in the pods of a drain.
fn step_rows(model: &mut Model, rows: isize) {
    let pods = model.pods();
    let Some((here, _)) = model.chosen_pod(&pods) else {
        return;
    };
    let last = pods.len().saturating_sub(1);
    let next = pods.get(here.saturating_add_signed(rows).min(last));
    model.row = next.map(|pod| pod.row.uid.clone());
}

/// The panel behind or before this one.
pub(super) fn next_panel(panel: Panel, turn: Turn) -> Panel {
    let all = Panel::ALL;
    let here = all.iter().position(|one| *one == panel).unwrap_or(0);
    let next = match turn {
        Turn::Forward => here + 1,
        Turn::Back => here + all.len() - 1,
    };
    all.get(next % all.len()).copied().unwrap_or(panel)
}
