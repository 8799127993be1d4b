//! Keys of a drain: no new moves, stop, leave.
//!
//! Guarantee: no key of them destroys anything. What `p` calls off has not begun, and another `p` orders it again; to stop takes the
//! name of the node.

use crate::drain::{Order, Stage};
use crate::view::effect::Effect;
use crate::view::model::{Model, Over, Screen};

/// The first word of a drain: from now on its screen is where everything begins.
pub(super) fn seen(model: &mut Model) {
    model.drained = true;
    if model.screen == Screen::Overview {
        model.screen = Screen::Drain;
    }
}

/// Whether a person is asked before the view is left: the drain ends with it. Whoever says it twice means it.
pub(super) fn is_asked(model: &Model) -> bool {
    let goes_on = model.is_drain() && model.setting.file.is_none() && !model.drain_is_over();
    goes_on && model.over != Some(Over::Leave)
}

/// No new moves, or new ones again.
pub(super) fn pause(model: &mut Model) -> Vec<Effect> {
    match stage(model) {
        None => Vec::new(),
        Some(Ok(Stage::Running)) => vec![Effect::Drain(Order::Pause)],
        Some(Ok(Stage::Paused)) => vec![Effect::Drain(Order::GoOn)],
        Some(Ok(Stage::Stopping)) => refuse(model, &["The drain is being stopped already."]),
        Some(Ok(Stage::Over)) => refuse(model, &["The drain is over. No more moves begin."]),
        Some(Err(())) => refuse(model, &RECORDING),
    }
}

/// Asks for the name of the node, or says why there is nothing to stop.
pub(super) fn ask_stop(model: &mut Model) {
    match stage(model) {
        None => {}
        Some(Ok(Stage::Running | Stage::Paused)) => model.over = Some(Over::Stop(String::new())),
        Some(Ok(Stage::Stopping)) => drop(refuse(model, &["The drain is being stopped already."])),
        Some(Ok(Stage::Over)) => drop(refuse(model, &["The drain is over already."])),
        Some(Err(())) => drop(refuse(model, &RECORDING)),
    }
}

/// The line is typed: stops, if it is the name of the node. Of a filter nothing more comes.
pub(super) fn stop(model: &mut Model) -> Vec<Effect> {
    let Some(Over::Stop(name)) = model.over.take() else {
        return Vec::new();
    };
    let node = model.newest_standing().map(|standing| standing.node.clone());
    if node.is_some_and(|node| node == name.trim()) {
        return vec![Effect::Drain(Order::Stop)];
    }
    refuse(
        model,
        &[
            "That is not the name of the node.",
            "Nothing was stopped: the drain goes on.",
        ],
    )
}

const RECORDING: [&str; 2] = [
    "This is a recording.",
    "What it shows is past, and nothing can be changed from here.",
];

/// What the drain does now, whatever moment is shown. None without a drain; an error of one that is past.
fn stage(model: &Model) -> Option<Result<Stage, ()>> {
    if !model.is_drain() {
        return None;
    }
    if model.setting.file.is_some() {
        return Some(Err(()));
    }
    model.newest_standing().map(|standing| Ok(standing.stage))
}

fn refuse(model: &mut Model, lines: &[&str]) -> Vec<Effect> {
    let lines = lines.iter().map(|&line| line.to_owned()).collect();
    model.over = Some(Over::Refusal(lines));
    Vec::new()
}
