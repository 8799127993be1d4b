//! The way of the messages, as it is at the moment that is shown.

use ratatui::layout::Rect;
use ratatui::text::Line;

use super::pane::line;
use super::text::{middle, seconds, wrapped};
use super::theme::{Theme, Tone};
use crate::view::model::Model;
use crate::view::model::flow::{self, Flow, Queue, Way};
use crate::view::model::list::Entry;
use crate::view::model::progress::Progress;
use crate::view::model::state::held_since;

/// All that matters, in one sentence.
pub(super) fn sentence(model: &Model, theme: &Theme, entry: &Entry<'_>) -> Line<'static> {
    let Some(status) = entry.migration.status.as_ref() else {
        return line(theme, Tone::Dim, "The queue is not known yet.");
    };
    let Some(flow) = flow::of(status) else {
        let condition = status.conditions.iter().find(|c| c.reason == "Waiting");
        return line(
            theme,
            Tone::Plain,
            condition.map_or_else(|| "No plan yet.".to_owned(), |c| c.message.clone()),
        );
    };
    if let Some(stuck) = status
        .conditions
        .iter()
        .find(|c| c.type_ == "Stuck" && c.status == "True")
    {
        return line(theme, Tone::Bad, stuck.message.clone());
    }
    if let Some(rollback) = &status.rollback {
        return line(theme, Tone::Plain, rollback.message.clone());
    }
    let depth = model
        .progress(entry.id)
        .and_then(depth)
        .map(|depth| format!("{depth}; "))
        .unwrap_or_default();
    let held = held_since(status).map(|since| model.clock().duration_since(since).as_secs_f64().max(0.0));
    let text = match (held, &flow.reads) {
        (Some(held), None) => format!(
            "{}: {depth}no instance consumes for {}",
            flow.queue,
            seconds(held)
        ),
        (_, Some((pod, queue))) => format!("{}: {depth}{pod} reads {}", flow.queue, name(*queue)),
        (None, None) => format!("{}: {depth}it is held", flow.queue),
    };
    line(theme, Tone::Plain, text)
}

fn depth(progress: &Progress) -> Option<String> {
    let primary = progress.queues.primary.as_ref()?;
    let rate = progress.rates.as_ref().and_then(|rates| rates.r#in);
    let rate = rate.map(|rate| format!(", +{rate:.0}/s")).unwrap_or_default();
    Some(format!("{} wait{rate}", primary.ready))
}

fn name(queue: Queue) -> &'static str {
    match queue {
        Queue::Primary => "it",
        Queue::Backlog => "the backlog",
        Queue::Mirror => "the mirror",
    }
}

/// The picture.
pub(super) fn picture(model: &Model, theme: &Theme, entry: &Entry<'_>, area: Rect) -> Vec<Line<'static>> {
    let status = entry.migration.status.as_ref();
    let Some(flow) = status.and_then(flow::of) else {
        return vec![line(theme, Tone::Dim, "The queue is known once there is a plan.")];
    };
    let width = usize::from(area.width).saturating_sub(2);
    let progress = model.progress(entry.id);
    let mut shown = drawn(theme, &flow, progress, width);
    if let Some(why) = &flow.breached {
        let lines = wrapped(&format!("Not proven exact: {why}"), width);
        shown.extend(lines.into_iter().take(2).map(|text| line(theme, Tone::Bad, text)));
    }
    shown
}

fn drawn(theme: &Theme, flow: &Flow, progress: Option<&Progress>, width: usize) -> Vec<Line<'static>> {
    let rate = progress
        .and_then(|one| one.rates.as_ref())
        .and_then(|rates| rates.r#in);
    let rate = rate.map_or_else(|| "───".to_owned(), |rate| format!("{rate:.0}/s"));
    let primary = primary(flow, width.saturating_sub(15 + rate.len()));
    let plain = |text: String| line(theme, Tone::Plain, text);
    let held = |text: String| line(theme, Tone::Held, text);
    let reader = flow
        .reads
        .as_ref()
        .map(|(pod, _)| pod.as_str())
        .unwrap_or_default();
    let waiter = flow
        .waits
        .as_ref()
        .map(|(pod, _)| pod.as_str())
        .unwrap_or_default();
    let next = flow.next.as_ref().filter(|_| width >= 60);
    let next = next.map(|pod| format!(", next: {pod}")).unwrap_or_default();
    let mut lines = match flow.way {
        Way::Direct => vec![
            plain(format!("publishers ─{rate}─▶ {primary}")),
            plain(format!("            └─▶ {reader} reads it")),
        ],
        Way::Ported => vec![
            plain(format!("publishers ─{rate}─▶ port ─▶ {primary}")),
            plain(format!("            └─▶ {reader} reads it")),
        ],
        Way::Parking => vec![
            plain(format!("publishers ─{rate}─▶ {primary}")),
            plain(format!("            └─▶ {reader} works off what it has")),
        ],
        Way::Parked => vec![
            plain(format!("publishers ─{rate}─▶ {primary}")),
            held(format!("            ╳   delivers to no instance{next}")),
            plain(waiting(waiter, width)),
        ],
        Way::HeldByUs => vec![
            plain(format!("publishers ─{rate}─▶ {primary}")),
            held(format!(
                "            ╳   our consumer holds it, takes nothing{next}"
            )),
        ],
        Way::Fenced { mirror } => {
            let mut lines = fenced(flow, mirror, &rate, &primary);
            lines.extend(flow.waits.as_ref().map(|(pod, _)| waiting(pod, width)));
            lines.into_iter().map(plain).collect()
        }
    };
    if let (Way::Fenced { .. }, None) = (flow.way, &flow.reads) {
        lines.push(held(format!("            ╳   no instance reads{next}")));
    }
    lines
}

/// The name of the queue, and its kind if there is room for both.
fn primary(flow: &Flow, width: usize) -> String {
    let kind = if flow.quorum { " (quorum)" } else { " (classic)" };
    let kind = if flow.queue.len() + kind.len() <= width {
        kind
    } else {
        ""
    };
    format!("{}{kind}", middle(&flow.queue, width - kind.len()).trim_end())
}

fn fenced(flow: &Flow, mirror: bool, rate: &str, primary: &str) -> Vec<String> {
    let reads = |queue: Queue| match &flow.reads {
        Some((pod, of)) if *of == queue => format!(" ─▶ {pod} reads it"),
        Some(_) | None => String::new(),
    };
    let mut lines = vec![
        format!("publishers ─{rate}─▶ port ─▶ backlog{}", reads(Queue::Backlog)),
        format!("{primary}, fenced{}", reads(Queue::Primary)),
    ];
    if mirror {
        lines.insert(1, format!("                  └─▶ mirror{}", reads(Queue::Mirror)));
    }
    lines
}

/// Who waits, and where.
fn waiting(pod: &str, width: usize) -> String {
    let whole = format!("hold queue (empty) ─▶ {pod}, parked");
    if whole.chars().count() <= width {
        whole
    } else {
        format!("hold queue ─▶ {pod}")
    }
}
