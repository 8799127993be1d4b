//! Depths and rates over time, pauses and freezes, and why they are missing.

use ratatui::layout::Rect;
use ratatui::text::Line;
use shadow_core::api::{Leg, MigrationStatus};

use super::pane::line;
use super::text::{fit, seconds, spark};
use super::theme::{Theme, Tone};
use crate::view::model::list::Entry;
use crate::view::model::progress::{Basis, Progress, Sample};
use crate::view::model::state::{self, State};
use crate::view::model::{Missing, Model, PROGRESS};

/// Depths and rates over time, pauses and freezes, as far as they are known.
pub(super) fn lines(model: &Model, theme: &Theme, entry: &Entry<'_>, area: Rect) -> Vec<Line<'static>> {
    let width = usize::from(area.width).saturating_sub(2);
    match model.progress(entry.id) {
        Some(progress) => bars(theme, progress, &model.samples(entry.id), width),
        None if entry.state.is_over() || entry.state == State::Waiting => Vec::new(),
        None => unknown(model, theme),
    }
}

/// From where the newest rates are known.
pub(super) fn basis(model: &Model, entry: &Entry<'_>) -> &'static str {
    let rates = model.progress(entry.id).and_then(|progress| progress.rates);
    match rates.unwrap_or_default().basis {
        Basis::None => "",
        Basis::Growth => "in: growth of the queue",
        Basis::Mean => "rates of the broker: mean of 5 s",
    }
}

/// Pauses of the handoffs, and for how long their dumps froze the process.
pub(super) fn pauses(model: &Model, theme: &Theme, entry: &Entry<'_>) -> Vec<Line<'static>> {
    let Some(status) = entry.migration.status.as_ref() else {
        return Vec::new();
    };
    let pauses = state::pauses(status, model.clock())
        .into_iter()
        .map(|(leg, pause, goes_on)| {
            let tone = if goes_on { Tone::Held } else { Tone::Plain };
            let on = if goes_on { ", and goes on" } else { "" };
            line(
                theme,
                tone,
                format!("pause of handoff {leg}: {}{on}", seconds(pause)),
            )
        });
    pauses.chain(freezes(model, theme, entry, status)).collect()
}

fn freezes(model: &Model, theme: &Theme, entry: &Entry<'_>, status: &MigrationStatus) -> Vec<Line<'static>> {
    let since = model.frozen_since(entry);
    let here = status.legs.last().map(|leg| leg.number);
    let of_leg = |leg: &Leg| {
        let name = format!("freeze of handoff {}", leg.number);
        if let Some(since) = since.filter(|_| here == Some(leg.number)) {
            let frozen = model.clock().duration_since(since).as_secs_f64().max(0.0);
            let told = format!("{name}: {}, and goes on", seconds(frozen));
            return Some(line(theme, Tone::Held, told));
        }
        let millis = leg.checkpoint.as_ref()?.frozen_micros / 1000;
        Some(line(theme, Tone::Plain, format!("{name}: {millis} ms")))
    };
    status.legs.iter().filter_map(of_leg).collect()
}

/// Which numbers are missing, and why.
fn unknown(model: &Model, theme: &Theme) -> Vec<Line<'static>> {
    // The right comes first: 80 columns show no more of the line.
    let why = match model.missing(PROGRESS) {
        Missing::Right(_) => "NO RIGHT: get migrationprogresses",
        Missing::Absent => "depths, rates: this server does not tell them",
        Missing::NotYet => "depths, rates: none has come yet",
    };
    vec![line(theme, Tone::Dim, why.to_owned())]
}

fn bars(theme: &Theme, progress: &Progress, samples: &[&Sample], width: usize) -> Vec<Line<'static>> {
    let rates = progress.rates.unwrap_or_default();
    let primary = progress.queues.primary;
    let last = |rate: Option<f64>| rate.map_or_else(|| "–".to_owned(), |rate| format!("{rate:.0}/s"));
    let values =
        |of: fn(&Sample) -> Option<f64>| samples.iter().filter_map(|sample| of(sample)).collect::<Vec<_>>();
    let count = |count: Option<u64>| count.map_or_else(|| "–".to_owned(), |count| count.to_string());
    let rows = [
        (
            "wait",
            values(|s| s.ready.map(|n| n as f64)),
            count(primary.map(|q| q.ready)),
        ),
        (
            "unack",
            values(|s| s.unacked.map(|n| n as f64)),
            count(primary.and_then(|q| q.unacked)),
        ),
        ("in", values(|s| s.r#in), last(rates.r#in)),
        ("out", values(|s| s.out), last(rates.out)),
        ("ack", values(|s| s.ack), last(rates.ack)),
    ];
    // Only the broker tells what is confirmed.
    let is_told = |(name, values, _): &(&str, Vec<f64>, String)| *name != "ack" || !values.is_empty();
    let columns = width.saturating_sub(16);
    let shown = rows.into_iter().filter(is_told).map(|(name, values, now)| {
        line(
            theme,
            Tone::Plain,
            format!("{}{} {now}", fit(name, 6), spark(&values, columns)),
        )
    });
    let extra = [
        ("backlog", &progress.queues.backlog, rates.backlog),
        ("mirror", &progress.queues.mirror, None),
    ];
    let extra = extra.into_iter().filter_map(|(name, queue, rate)| {
        let queue = queue.as_ref()?;
        let rate = rate.map(|rate| format!(", +{rate:.0}/s")).unwrap_or_default();
        Some(line(
            theme,
            Tone::Plain,
            format!(
                "{name}: {} wait{rate}, {} unacked",
                queue.ready,
                count(queue.unacked)
            ),
        ))
    });
    extra.chain(shown).collect()
}
