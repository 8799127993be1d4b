//! Pods of a drained node as rows of the list.

use jiff::Timestamp;
use ratatui::text::{Line, Span};

use super::pane::{line, span};
use super::rows;
use super::text::{fit, middle, right};
use super::theme::{Theme, Tone, mark, tone};
use crate::amount;
use crate::drain::{State, What};
use crate::view::model::drain::Pod;
use crate::view::model::state::State as Move;

/// The columns of the list.
pub(super) struct Columns {
    pod: usize,
    to: usize,
    /// Time and expected time of each move.
    times: bool,
    why: usize,
}

impl Columns {
    /// For so many columns of characters.
    pub(super) fn of(width: u16) -> Self {
        let width = usize::from(width);
        let times = width >= 110;
        let to = if times { 16 } else { 7 };
        // Cursor and mark, what, state, done, times; then gaps, and air at the right.
        let fixed = 4 + 6 + 10 + 6 + if times { 18 } else { 0 };
        let rest = width.saturating_sub(fixed + to + 5);
        let pod = (rest / 2).clamp(8, 44);
        Self {
            pod,
            to,
            times,
            why: rest.saturating_sub(pod),
        }
    }

    /// Their names.
    pub(super) fn head(&self, theme: &Theme) -> Line<'static> {
        let mut text = format!(
            "    WHAT  {} {} STATE     {}",
            fit("NAMESPACE/POD", self.pod),
            fit("TO", self.to),
            right("DONE", 6)
        );
        if self.times {
            text += &format!("{}{}", right("TIME", 8), right("EXPECTED", 10));
        }
        line(theme, Tone::Dim, format!("{text}  WHY"))
    }

    /// A pod.
    pub(super) fn row(&self, theme: &Theme, pod: &Pod<'_>, now: Timestamp, chosen: bool) -> Line<'static> {
        let cursor = if chosen { ">" } else { " " };
        let before = format!(
            "{} {} {} ",
            fit(pod.row.what.word(), 5),
            middle(&pod.row.id(), self.pod),
            middle(pod.row.to.as_deref().unwrap_or("–"), self.to)
        );
        let mut behind = right(&done(pod), 6);
        if self.times {
            let expected = pod.row.expected.map_or_else(|| "–".to_owned(), amount::millis);
            behind += &format!("{}{}", right(&time(pod, now), 8), right(&expected, 10));
        }
        let (mark, tone) = looks(pod.state);
        Line::from(vec![
            Span::raw(format!(" {cursor}")),
            span(theme, tone, format!("{mark} ")),
            Span::raw(before),
            span(theme, tone, fit(pod.state.word(), 10)),
            Span::raw(format!("{behind}  {}", fit(&why(pod), self.why))),
        ])
    }
}

/// Mark and tone of a state.
fn looks(state: State) -> (&'static str, Tone) {
    match state {
        State::Move(state) => (mark(state), tone(state)),
        State::Planning | State::Ready => ("·", Tone::Plain),
        State::Refused => ("x", Tone::Bad),
        State::Stays => ("-", Tone::Dim),
        State::Leaving => ("●", Tone::Strong),
        State::Blocked => ("!", Tone::Bad),
        State::Gone => ("=", Tone::Good),
        State::Stopped => ("o", Tone::Plain),
    }
}

fn done(pod: &Pod<'_>) -> String {
    match (&pod.entry, pod.state) {
        (Some(entry), State::Move(_)) => rows::done(entry),
        (_, State::Gone) => "all".to_owned(),
        (_, _) => "–".to_owned(),
    }
}

fn time(pod: &Pod<'_>, now: Timestamp) -> String {
    match &pod.entry {
        Some(entry) => rows::time(entry, now),
        None => "–".to_owned(),
    }
}

/// Short, where there is more to be seen below the list.
fn why(pod: &Pod<'_>) -> String {
    let status = pod.entry.and_then(|entry| entry.migration.status.as_ref());
    let paused = status.and_then(|status| status.pause.as_ref());
    match (pod.state, pod.entry.as_ref().zip(paused)) {
        (State::Move(Move::Exact), Some((entry, pause))) => {
            let whole = rows::time(entry, Timestamp::UNIX_EPOCH);
            format!("{whole}, pause {pause}")
        }
        (State::Move(Move::Held | Move::Moving), _) => {
            pod.entry.as_ref().map_or_else(String::new, rows::step)
        }
        (State::Ready, _) if pod.row.what == What::Evict && pod.row.why.is_empty() => {
            "after the moves".to_owned()
        }
        (_, _) => pod.row.why.clone(),
    }
}
