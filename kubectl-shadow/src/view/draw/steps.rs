//! The steps of a move: a strip for the overview, a list, and bars along the time.

use jiff::Timestamp;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use shadow_core::api::{MigrationStatus, Step};

use super::archive;
use super::pane::{line, span};
use super::text::{fit, right, seconds, wrapped};
use super::theme::{Theme, Tone};
use crate::render::life::present;
use crate::view::model::Model;
use crate::view::model::list::Entry;
use crate::view::model::pipeline::{Row, Stage, rows};
use crate::view::model::progress::Bytes;

/// Columns of name, time, expectation and freeze.
const NAMED: usize = 13;
const NUMBER: usize = 7;

/// All in one line, with the one that is under way in view.
pub(super) fn strip(model: &Model, theme: &Theme, entry: &Entry<'_>, width: usize) -> Line<'static> {
    let Some(status) = entry.migration.status.as_ref() else {
        return line(theme, Tone::Dim, "no step yet: the controller has not seen it");
    };
    let now = model.clock();
    let mut rows = rows(status, model.progress(entry.id), None);
    // The handoff that is under way; what is before and after it is counted in the list.
    let leg = status.legs.last().map_or(0, |leg| leg.number);
    rows.retain(|row| row.leg == leg || row.leg == 0);
    let share = model.archive(entry).and_then(|(archive, _)| archive.share());
    let words: Vec<(Stage, String)> = rows
        .iter()
        .map(|row| (row.stage, word(row, now, share)))
        .collect();
    let length = |words: &[(Stage, String)]| {
        words
            .iter()
            .map(|(_, word)| word.chars().count() + 1)
            .sum::<usize>()
    };
    let here = words
        .iter()
        .rposition(|(stage, _)| *stage != Stage::Coming)
        .unwrap_or(0);
    let mut first = 0;
    while first < here && length(words.get(first..=here).unwrap_or_default()) + 12 > width {
        first += 1;
    }
    let shown = words.into_iter().skip(first).map(|(stage, word)| {
        let tone = match stage {
            Stage::Over => Tone::Plain,
            Stage::Now => Tone::Strong,
            Stage::Coming => Tone::Dim,
        };
        span(theme, tone, format!("{word} "))
    });
    Line::from(shown.collect::<Vec<_>>())
}

fn word(row: &Row, now: Timestamp, share: Option<f64>) -> String {
    let share = share
        .map(|share| format!(" {:.0}%", share * 100.0))
        .unwrap_or_default();
    match (row.stage, row.took(now)) {
        (Stage::Over, _) => format!("={}", row.step),
        (Stage::Now, Some(took)) => format!("[{} {}{share}]", row.step, seconds(took)),
        (Stage::Now, None) => format!("[{}]", row.step),
        (Stage::Coming, _) => row.step.to_string(),
    }
}

/// One line each, in an area: with bars if it is wide.
pub(super) fn list(model: &Model, theme: &Theme, entry: &Entry<'_>, area: Rect) -> Vec<Line<'static>> {
    let Some(status) = entry.migration.status.as_ref() else {
        return vec![
            line(theme, Tone::Dim, "No step yet."),
            line(theme, Tone::Dim, "The controller has not seen it."),
        ];
    };
    let forecast = model.forecast(status);
    let rows = rows(status, model.progress(entry.id), forecast.as_ref());
    if rows.is_empty() {
        let present = present(Some(entry.migration), model.clock());
        let lines = wrapped(&present, usize::from(area.width).saturating_sub(1));
        return lines
            .into_iter()
            .map(|text| line(theme, Tone::Plain, text))
            .collect();
    }
    let mut view = View::of(status, &rows, model.clock(), area);
    view.archive = model.archive(entry);
    view.frozen = model
        .frozen_since(entry)
        .zip(status.legs.last().map(|leg| leg.number));
    let mut lines = vec![view.head(theme)];
    let whole = rows.len() + usize::from(rows.last().map_or(0, |row| row.leg)) + 3;
    let here = status.legs.last().map_or(1, |leg| leg.number.max(1));
    let tight = whole > usize::from(area.height);
    let mut leg = 0;
    for (index, row) in rows.iter().enumerate() {
        let folded = tight && row.leg != 0 && row.leg != here;
        if row.leg != leg && row.leg != 0 {
            lines.push(view.heading(theme, status, row.leg));
            if folded {
                lines.push(view.folded(theme, rows.get(index..).unwrap_or_default(), row.leg));
            }
        }
        leg = row.leg;
        if !folded {
            lines.push(view.row(theme, row));
        }
    }
    lines
}

/// What all lines have in common.
struct View {
    now: Timestamp,
    start: Timestamp,
    /// Seconds from the start to the right end of the bars.
    span: f64,
    /// Columns of the bars; 0 without.
    bars: usize,
    /// Columns of the notes.
    notes: usize,
    /// Of the step that goes on, with its bytes a second.
    archive: Option<(Bytes, Option<f64>)>,
    /// Since when the source of a handoff stands still.
    frozen: Option<(Timestamp, u8)>,
}

impl View {
    fn of(status: &MigrationStatus, rows: &[Row], now: Timestamp, area: Rect) -> Self {
        let first = rows.iter().find_map(|row| row.began);
        let start = status
            .start_time
            .as_ref()
            .map(|time| time.0)
            .or(first)
            .unwrap_or(now);
        let end = status.completion_time.as_ref().map_or(now, |time| time.0);
        let width = usize::from(area.width).saturating_sub(NAMED + 3 * NUMBER + 2);
        // Notes get a third, but enough to be read.
        let bars = if width < 50 { 0 } else { width * 3 / 5 };
        Self {
            now,
            start,
            span: end.duration_since(start).as_secs_f64().max(0.5),
            bars,
            notes: width.saturating_sub(bars),
            archive: None,
            frozen: None,
        }
    }

    fn head(&self, theme: &Theme) -> Line<'static> {
        let mut text = fit("  step", NAMED);
        for word in ["took", "expect", "frozen"] {
            text += &right(word, NUMBER);
        }
        if self.bars > 0 {
            text += &format!("  {}", self.axis());
        }
        line(theme, Tone::Dim, text)
    }

    /// Times along the bars.
    fn axis(&self) -> String {
        let marks = 5;
        let part = self.bars / marks;
        (0..marks)
            .map(|index| fit(&seconds(self.span * index as f64 / marks as f64), part))
            .collect()
    }

    fn heading(&self, theme: &Theme, status: &MigrationStatus, number: u8) -> Line<'static> {
        let leg = status.legs.iter().rfind(|leg| leg.number == number);
        let text = match leg {
            Some(leg) if self.bars > 0 => format!(
                "handoff {number}: {} ({}) > {} ({})",
                leg.from.pod, leg.from.node, leg.to.pod, leg.to.node
            ),
            Some(leg) => format!("handoff {number}: {} > {}", leg.from.pod, leg.to.pod),
            None => format!("handoff {number}"),
        };
        line(theme, Tone::Plain, text)
    }

    /// A handoff in one line.
    fn folded(&self, theme: &Theme, rows: &[Row], leg: u8) -> Line<'static> {
        let rows: Vec<&Row> = rows.iter().take_while(|row| row.leg == leg).collect();
        let took: f64 = rows.iter().filter_map(|row| row.took(self.now)).sum();
        let over = rows.iter().all(|row| row.stage == Stage::Over);
        let took = if took > 0.0 {
            number(Some(took))
        } else {
            number(None)
        };
        let mark = if over { "=" } else { "·" };
        let text = format!("{}{took}", fit(&format!("{mark} {} steps", rows.len()), NAMED));
        line(theme, if over { Tone::Plain } else { Tone::Dim }, text)
    }

    fn row(&self, theme: &Theme, row: &Row) -> Line<'static> {
        let (mark, tone) = match row.stage {
            Stage::Over => ("=", Tone::Plain),
            Stage::Now => (">", Tone::Strong),
            Stage::Coming => ("·", Tone::Dim),
        };
        let frozen = self.frozen(row);
        let text = format!(
            "{}{}{}{}",
            fit(&format!("{mark} {}", row.step), NAMED),
            number(row.took(self.now)),
            number(row.expected),
            right(&frozen, NUMBER)
        );
        let mut spans = vec![span(theme, tone, text)];
        if self.bars > 0 {
            spans.push(Span::raw(format!("  {}  ", self.bar(row))));
            let note = row.note.clone().or(self.so_far(row)).unwrap_or_default();
            spans.push(span(theme, tone, fit(&note, self.notes.saturating_sub(3))));
        }
        Line::from(spans)
    }

    /// For how long its dump froze the process; of one that receives an archive, how much of it is there.
    fn frozen(&self, row: &Row) -> String {
        let stands = self
            .frozen
            .filter(|(_, leg)| row.step == Step::Checkpoint && row.leg == *leg);
        if let Some((since, _)) = stands {
            return seconds(self.now.duration_since(since).as_secs_f64().max(0.0));
        }
        let share = self
            .archive
            .filter(|_| row.stage == Stage::Now)
            .and_then(|(archive, _)| archive.share());
        match (row.frozen, share) {
            (Some(millis), _) => format!("{millis:.0} ms"),
            (None, Some(share)) => archive::bar(share, NUMBER - 1),
            (None, None) => String::new(),
        }
    }

    /// In the place of a note, which comes with the end of a step.
    fn so_far(&self, row: &Row) -> Option<String> {
        let (archive, speed) = self.archive.filter(|_| row.stage == Stage::Now)?;
        Some(archive::short(&archive, speed))
    }

    /// From its recorded times, never from the moment at which it was seen.
    fn bar(&self, row: &Row) -> String {
        let Some(began) = row.began else {
            return " ".repeat(self.bars);
        };
        let column = |at: Timestamp| {
            let share = at.duration_since(self.start).as_secs_f64() / self.span;
            (share.clamp(0.0, 1.0) * self.bars as f64).round() as usize
        };
        let from = column(began).min(self.bars.saturating_sub(1));
        let to = column(row.ended.unwrap_or(self.now)).max(from + 1).min(self.bars);
        format!(
            "{}{}{}",
            " ".repeat(from),
            "█".repeat(to - from),
            " ".repeat(self.bars - to)
        )
    }
}

fn number(seconds: Option<f64>) -> String {
    let text = seconds.map_or_else(|| "–".to_owned(), |seconds| format!("{seconds:.2}"));
    right(&text, NUMBER)
}
