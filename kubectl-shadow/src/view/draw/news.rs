//! What was told, newest first, one line each.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use shadow_core::api::Phase;

use super::pane::span;
use super::text::{fit, middle, time};
use super::theme::{Theme, Tone};
use crate::view::model::Model;
use crate::view::model::list::Entry;
use crate::view::model::news::{News, What, newest};

/// Of all migrations: the time of the day, the pod, what.
pub(super) fn of_all(model: &Model, theme: &Theme, entries: &[Entry<'_>], area: Rect) -> Vec<Line<'static>> {
    let line = |news: &News<'_>| {
        let (tone, text) = in_full(news);
        let pod = middle(&news.of.migration.spec.source_pod, 12);
        Line::from(vec![
            span(theme, Tone::Dim, format!("{} ", time(news.at))),
            Span::raw(format!("{pod} ")),
            span(theme, tone, text),
        ])
    };
    let counts = |news: &News<'_>| !matches!(news.what, What::Began(_));
    newest(model, entries, usize::from(area.height), counts)
        .iter()
        .map(line)
        .collect()
}

/// Of one: the seconds since its beginning, the step, what.
pub(super) fn of_one(model: &Model, theme: &Theme, entry: &Entry<'_>, most: usize) -> Vec<Line<'static>> {
    let start = entry
        .migration
        .status
        .as_ref()
        .and_then(|status| status.start_time.as_ref());
    let line = |news: &News<'_>| {
        let (tone, text) = told(news);
        let since = start.map_or_else(
            || " ".repeat(8),
            |start| format!("{:>7.2} ", news.at.duration_since(start.0).as_secs_f64()),
        );
        Line::from(vec![
            span(theme, Tone::Dim, since),
            Span::raw(fit(&word(news), 12)),
            span(theme, tone, text),
        ])
    };
    newest(model, std::slice::from_ref(entry), most, |_| true)
        .iter()
        .map(line)
        .collect()
}

fn word(news: &News<'_>) -> String {
    match news.what {
        What::Began(record) | What::Over(record, _) => record.step.to_string(),
        What::Undo(_) => "undone".to_owned(),
        What::Stuck(_) => "stuck".to_owned(),
        What::End(..) => "end".to_owned(),
        What::Event(told) => told.reason.clone(),
    }
}

/// With the word before it.
fn in_full(news: &News<'_>) -> (Tone, String) {
    let (tone, text) = told(news);
    match news.what {
        What::Began(_) | What::Over(..) | What::Undo(_) | What::Stuck(_) | What::Event(_) => {
            (tone, format!("{}: {text}", word(news)))
        }
        What::End(..) => (tone, text),
    }
}

fn told(news: &News<'_>) -> (Tone, String) {
    match news.what {
        What::Began(_) => (Tone::Dim, "begins".to_owned()),
        What::Over(_, note) => (Tone::Plain, note.to_owned()),
        What::Undo(rollback) => (Tone::Bad, rollback.message.clone()),
        What::Stuck(condition) => (Tone::Bad, condition.message.clone()),
        What::End(phase, Some(verdict)) => {
            let tone = if verdict.exact && phase == Phase::Completed {
                Tone::Good
            } else {
                Tone::Plain
            };
            let word = if verdict.exact {
                "exact"
            } else {
                "NOT PROVEN EXACT"
            };
            (tone, format!("{phase:?}, {word}: {}", verdict.because))
        }
        What::End(phase, None) => (Tone::Plain, format!("{phase:?}")),
        What::Event(told) => (
            if told.warns { Tone::Bad } else { Tone::Plain },
            told.note.clone(),
        ),
    }
}
