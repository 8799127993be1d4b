//! Migrations as rows of the list.

use jiff::Timestamp;
use ratatui::text::{Line, Span};

use super::pane::{line, span};
use super::text::{fit, middle, right, seconds};
use super::theme::{Theme, Tone, mark, tone};
use crate::view::model::list::{Entry, nodes};
use crate::view::model::pipeline;
use crate::view::model::state::{State, pauses};

/// The columns of the list.
pub(super) struct Columns {
    wide: bool,
    /// The namespace stands before the pod, since it has no column of its own.
    named: bool,
    pod: usize,
}

impl Columns {
    /// For so many columns of characters.
    pub(super) fn of(width: u16, wide: bool, of_all: bool) -> Self {
        // Cursor, mark and state, nodes, step, done, pause and time.
        let fixed = 2 + 12 + 18 + 14 + 6 + 7 + 6 + if wide { 13 + 11 + 22 } else { 0 };
        Self {
            wide,
            named: of_all && !wide,
            pod: usize::from(width).saturating_sub(fixed).clamp(8, 40),
        }
    }

    /// Their names.
    pub(super) fn head(&self, theme: &Theme) -> Line<'static> {
        let mut text = "    STATE     ".to_owned();
        if self.wide {
            text += &fit("NAMESPACE", 13);
        }
        text += &fit("POD", self.pod);
        text += &format!(" {}{}", fit("FROM > TO", 17), fit(" STEP", 14));
        if self.wide {
            text += &format!("{}{}", fit("STRATEGY", 11), fit("QUEUE", 22));
        }
        text += &format!("{}{}{}", right("DONE", 6), right("PAUSE", 7), right("TIME", 6));
        line(theme, Tone::Dim, text)
    }

    /// A migration.
    pub(super) fn row(
        &self,
        theme: &Theme,
        entry: &Entry<'_>,
        now: Timestamp,
        chosen: bool,
    ) -> Line<'static> {
        let state = format!("{} {}", mark(entry.state), fit(entry.state.word(), 10));
        let mut text = String::new();
        if self.wide {
            text += &format!("{} ", middle(entry.id.split('/').next().unwrap_or_default(), 12));
        }
        let pod = &entry.migration.spec.source_pod;
        let named = self
            .named
            .then(|| format!("{}/{pod}", entry.id.split('/').next().unwrap_or_default()));
        text += &middle(named.as_ref().unwrap_or(pod), self.pod);
        text += &format!(" {}", places(entry));
        text += &format!(" {}", fit(&step(entry), 13));
        if self.wide {
            text += &plan(entry);
        }
        text += &format!(
            "{}{}{}",
            right(&done(entry), 6),
            right(&pause(entry, now), 7),
            right(&time(entry, now), 6)
        );
        let cursor = if chosen { ">" } else { " " };
        Line::from(vec![
            Span::raw(format!(" {cursor}")),
            span(theme, tone(entry.state), state),
            Span::raw(text),
        ])
    }
}

fn places(entry: &Entry<'_>) -> String {
    let (from, to) = nodes(entry.migration);
    match entry.state {
        State::Undone | State::Cancelled | State::Planned => {
            fit(&format!("stays on {}", middle(from, 8).trim_end()), 17)
        }
        State::Stuck
        | State::Held
        | State::Undoing
        | State::Moving
        | State::Waiting
        | State::Inexact
        | State::Exact
        | State::Gone => {
            let (from, to) = (middle(from, 7), middle(to, 7));
            fit(&format!("{} > {}", from.trim_end(), to.trim_end()), 17)
        }
    }
}

pub(super) fn step(entry: &Entry<'_>) -> String {
    let status = entry.migration.status.as_ref();
    match entry.state {
        State::Exact | State::Inexact => "done".to_owned(),
        State::Cancelled | State::Planned => "as asked".to_owned(),
        State::Gone => "deleted".to_owned(),
        State::Undone => {
            let rollback = status.and_then(|status| status.rollback.as_ref());
            rollback.map_or_else(|| "refused".to_owned(), |rollback| rollback.reason.to_string())
        }
        State::Waiting => match status.and_then(|status| status.waiting.as_ref()) {
            Some(waiting) => format!("{} before it", waiting.before),
            None => "not begun".to_owned(),
        },
        State::Stuck | State::Held | State::Undoing | State::Moving => {
            let last = status.and_then(|status| status.steps.last());
            let name = last.map_or_else(|| "Prepare".to_owned(), |record| record.step.to_string());
            let handoff = status
                .and_then(|status| status.handoff.clone())
                .unwrap_or_default();
            format!("{name} {handoff}").trim_end().to_owned()
        }
    }
}

/// Steps, not per cent: how much of the time is over is not known before it is.
pub(super) fn done(entry: &Entry<'_>) -> String {
    let (over, all) = entry.migration.status.as_ref().map_or((0, 0), pipeline::done);
    match entry.state {
        State::Exact | State::Inexact => "all".to_owned(),
        State::Waiting | State::Undone | State::Cancelled | State::Planned | State::Gone => "–".to_owned(),
        State::Stuck | State::Held | State::Undoing | State::Moving => format!("{over}/{all}"),
    }
}

fn pause(entry: &Entry<'_>, now: Timestamp) -> String {
    let Some(status) = entry.migration.status.as_ref() else {
        return "–".to_owned();
    };
    if let Some(told) = &status.pause {
        return told.clone();
    }
    let longest = pauses(status, now)
        .into_iter()
        .map(|(_, seconds, _)| seconds)
        .reduce(f64::max);
    longest.map_or_else(|| "–".to_owned(), seconds)
}

pub(super) fn time(entry: &Entry<'_>, now: Timestamp) -> String {
    let status = entry.migration.status.as_ref();
    let start = status
        .and_then(|status| status.start_time.as_ref())
        .map(|time| time.0);
    let created = entry
        .migration
        .metadata
        .creation_timestamp
        .as_ref()
        .map(|time| time.0);
    let end = status
        .and_then(|status| status.completion_time.as_ref())
        .map_or(now, |time| time.0);
    let begun = start.or(created);
    begun.map_or_else(
        || "–".to_owned(),
        |begun| seconds(end.duration_since(begun).as_secs_f64().max(0.0)),
    )
}

fn plan(entry: &Entry<'_>) -> String {
    let plan = entry
        .migration
        .status
        .as_ref()
        .and_then(|status| status.plan.as_ref());
    let strategy = plan.map_or_else(|| "–".to_owned(), |plan| format!("{:?}", plan.strategy));
    let queue = plan.map_or("–", |plan| plan.queue.queue.as_str());
    format!("{} {} ", fit(&strategy, 10), middle(queue, 21))
}
