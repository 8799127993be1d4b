//! What happened to the stream: in each handoff, and as the controller saw the queues.

use shadow_core::api::progress::Depth;

use crate::amount::bytes;
use crate::report::story::{Handoff, Look, Messages};

pub(super) fn title(handoff: &Handoff) -> String {
    let attempt = match handoff.attempt {
        0 => String::new(),
        again => format!(", attempt {}", again + 1),
    };
    format!(
        "Handoff {}{attempt}: {} on {} > {} on {}",
        handoff.number, handoff.from.pod, handoff.from.node, handoff.to.pod, handoff.to.node
    )
}

pub(super) fn told(handoff: &Handoff) -> Vec<String> {
    let parts = [
        handoff
            .archive_bytes
            .map(|size| format!("archive {}", bytes(size))),
        handoff
            .wire_bytes
            .map(|size| format!("{} on the wire", bytes(size))),
        handoff.frozen_seconds.map(|time| format!("frozen {time:.3} s")),
        handoff
            .restore_seconds
            .map(|time| format!("restored in {time:.3} s")),
        handoff.pause_seconds.map(|time| format!("pause {time:.3} s")),
        (handoff.restores_failed > 0).then(|| format!("{} restores failed", handoff.restores_failed)),
    ];
    let costs: Vec<String> = parts.into_iter().flatten().collect();
    let costs = (!costs.is_empty()).then(|| costs.join(", "));
    let marks = handoff
        .marks
        .iter()
        .map(|mark| format!("{:>8.3}  {}", mark.at, mark.what));
    costs.into_iter().chain(marks).collect()
}

pub(super) fn messages(messages: &Messages) -> Vec<String> {
    let mut lines: Vec<String> = messages
        .pause
        .iter()
        .map(|pause| {
            let own = messages.reconnect.as_ref();
            let own = own
                .map(|own| format!(", of which the application took {own} to connect to the broker again"));
            format!("longest pause {pause}{}", own.unwrap_or_default())
        })
        .collect();
    if let Some(most) = messages.most_waiting {
        lines.push(format!("at most {most} messages were seen to wait in the queue"));
    }
    if messages.fenced {
        lines.push("new messages were kept in a backlog queue for a while".to_owned());
    }
    if !messages.looks.is_empty() {
        let columns = ["AT", "QUEUE", "READY", "UNACKED", "CONSUMERS"];
        lines.push(look(columns));
        lines.extend(messages.looks.iter().flat_map(looked));
    }
    lines
}

fn look(columns: [&str; 5]) -> String {
    let [at, queue, ready, unacked, consumers] = columns;
    format!("{at:>8}  {queue:<8}  {ready:>7}  {unacked:>7}  {consumers:>9}")
}

fn looked(one: &Look) -> Vec<String> {
    queues(one)
        .map(|(name, depth)| {
            let unacked = depth
                .unacked
                .map(|unacked| unacked.to_string())
                .unwrap_or_default();
            look([
                &format!("{:.3}", one.at),
                name,
                &depth.ready.to_string(),
                &unacked,
                &depth.consumers.to_string(),
            ])
        })
        .collect()
}

/// The queues of a look, each with its name.
pub(in crate::report) fn queues(look: &Look) -> impl Iterator<Item = (&'static str, Depth)> {
    let all = [
        ("primary", look.primary),
        ("hold", look.hold),
        ("backlog", look.backlog),
        ("mirror", look.mirror),
    ];
    all.into_iter().filter_map(|(name, depth)| Some((name, depth?)))
}
