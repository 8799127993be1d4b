//! On what the verdict rests, as far as it is known.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use ratatui::layout::Rect;
use ratatui::text::Line;
use shadow_core::api::MigrationStatus;
use shadow_core::premise::{Class, Outcome, Told};

use super::pane::line;
use super::text::{fit, wrapped};
use super::theme::{Theme, Tone};
use crate::render::max_pause;
use crate::view::model::list::Entry;
use crate::view::model::state::{State, way_back};

/// What fits: the hold, what weakens it, and whether there is a way back.
pub(super) fn lines(theme: &Theme, entry: &Entry<'_>, area: Rect) -> Vec<Line<'static>> {
    let Some(status) = entry.migration.status.as_ref() else {
        return vec![line(theme, Tone::Dim, "Nothing is touched yet.")];
    };
    let width = usize::from(area.width).saturating_sub(1);
    let mut shown = why(theme, entry, status, width);
    match &status.verdict {
        Some(verdict) if verdict.exact => shown.extend(told(
            theme,
            Tone::Good,
            &format!("Exact: {}", verdict.because),
            width,
        )),
        Some(verdict) => {
            shown.extend(told(
                theme,
                Tone::Bad,
                &format!("NOT PROVEN EXACT: {}", verdict.because),
                width,
            ));
        }
        None => {
            shown.push(line(theme, Tone::Plain, so_far(status)));
            shown.push(line(theme, Tone::Plain, "nothing weakens the verdict"));
        }
    }
    for text in max_pause::long(status) {
        shown.extend(told(theme, Tone::Held, &text, width));
    }
    if !entry.state.is_over() {
        shown.push(line(theme, Tone::Strong, way_back(status)));
    }
    shown.extend(premises(status).map(|told| premise(theme, told, width)));
    shown
}

/// Why it is stuck or undone: then nothing else matters as much.
fn why(theme: &Theme, entry: &Entry<'_>, status: &MigrationStatus, width: usize) -> Vec<Line<'static>> {
    let is_stuck = |c: &&Condition| c.type_ == "Stuck" && c.status == "True";
    let stuck = status
        .conditions
        .iter()
        .find(is_stuck)
        .map(|condition| condition.message.as_str());
    let undone = status.rollback.as_ref().map(|rollback| rollback.message.as_str());
    let (word, text) = match (entry.state, stuck, undone) {
        (State::Stuck, Some(text), _) => ("Stuck", text),
        (_, _, Some(text)) => ("Undone", text),
        (_, _, None) => return Vec::new(),
    };
    told(theme, Tone::Bad, &format!("{word}: {text}"), width)
}

fn told(theme: &Theme, tone: Tone, text: &str, width: usize) -> Vec<Line<'static>> {
    wrapped(text, width)
        .into_iter()
        .map(|text| line(theme, tone, text))
        .collect()
}

fn so_far(status: &MigrationStatus) -> &'static str {
    match status.legs.last() {
        None => "nothing is touched yet",
        Some(leg) if leg.released.is_some() => "the copy was seen to take up the queue",
        Some(leg) if leg.parked.is_some() => "the hold is proven",
        Some(leg) if leg.park_sent.is_some() => "the hold is not proven yet",
        Some(_) => "nothing is held yet",
    }
}

/// What was weighed before the move.
pub(super) fn premises(status: &MigrationStatus) -> impl Iterator<Item = &Told> {
    let of_verdict = status.verdict.as_ref().map(|verdict| &verdict.premises);
    let of_plan = status.plan.as_ref().map(|plan| &plan.premises);
    let found = [of_verdict, of_plan]
        .into_iter()
        .flatten()
        .find(|told| !told.is_empty());
    found.into_iter().flatten()
}

/// One premise in one line.
fn premise(theme: &Theme, told: &Told, width: usize) -> Line<'static> {
    let (tone, text) = weighed(told);
    line(theme, tone, fit(&text, width))
}

/// How a premise was weighed, in full.
pub(super) fn weighed(told: &Told) -> (Tone, String) {
    let (tone, word) = match (told.premise.class(), told.outcome) {
        (Class::Told, Outcome::Seen) => (Tone::Plain, "note"),
        (Class::Told, Outcome::Contradicted) => (Tone::Held, "WARNING"),
        (_, Outcome::Seen) => (Tone::Plain, "seen"),
        (_, Outcome::Contradicted) => (Tone::Bad, "NOT SO"),
        (_, Outcome::NotKnown) => (Tone::Held, "NOT KNOWN"),
    };
    (
        tone,
        format!("{word:<9} {}: {} ({})", told.premise, told.what, told.source),
    )
}
