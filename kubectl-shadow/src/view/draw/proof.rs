//! On what the verdict rests, as far as it is known.

use ratatui::layout::Rect;
use ratatui::text::Line;
use shadow_core::api::MigrationStatus;
use shadow_core::premise::{Class, Outcome, Told};

use super::pane::line;
use super::text::{fit, wrapped};
use super::theme::{Theme, Tone};
use crate::view::model::list::Entry;
use crate::view::model::state::way_back;

/// What fits: the hold, what weakens it, and whether there is a way back.
pub(super) fn lines(theme: &Theme, entry: &Entry<'_>, area: Rect) -> Vec<Line<'static>> {
    let Some(status) = entry.migration.status.as_ref() else {
        return vec![line(theme, Tone::Dim, "Nothing is touched yet.")];
    };
    let width = usize::from(area.width).saturating_sub(1);
    let mut shown = Vec::new();
    match &status.verdict {
        Some(verdict) if verdict.exact => shown.extend(told(theme, Tone::Good, &format!("Exact: {}", verdict.because), width)),
        Some(verdict) => {
            shown.extend(told(theme, Tone::Bad, &format!("NOT PROVEN EXACT: {}", verdict.because), width));
        }
        None => shown.push(line(theme, Tone::Plain, so_far(status))),
    }
    if status.verdict.is_none() {
        shown.push(line(theme, Tone::Plain, "nothing weakens the verdict"));
    }
    if !status.phase.is_terminal() {
        shown.push(line(theme, Tone::Strong, way_back(status)));
    }
    shown.extend(premises(status).map(|told| premise(theme, told, width)));
    shown
}

fn told(theme: &Theme, tone: Tone, text: &str, width: usize) -> Vec<Line<'static>> {
    wrapped(text, width).into_iter().map(|text| line(theme, tone, text)).collect()
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
    let found = [of_verdict, of_plan].into_iter().flatten().find(|told| !told.is_empty());
    found.into_iter().flatten()
}

/// One premise.
pub(super) fn premise(theme: &Theme, told: &Told, width: usize) -> Line<'static> {
    let (tone, word) = match (told.premise.class(), told.outcome) {
        (Class::Told, Outcome::Seen | Outcome::Contradicted) => (Tone::Plain, "note"),
        (_, Outcome::Seen) => (Tone::Plain, "seen"),
        (_, Outcome::Contradicted) => (Tone::Bad, "NOT SO"),
        (_, Outcome::NotKnown) => (Tone::Held, "NOT KNOWN"),
    };
    line(theme, tone, fit(&format!("{word:<9} {}: {} ({})", told.premise, told.what, told.source), width))
}
