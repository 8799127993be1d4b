//! What happened to the stream: in each handoff, and as the controller saw the queues.

use super::parts::{escaped, heading, number, table};
use crate::amount::bytes;
use crate::report::story::{Handoff, Story};
use crate::report::text::queues;

pub(super) fn handoff(handoff: &Handoff) -> String {
    let attempt = match handoff.attempt {
        0 => String::new(),
        again => format!(", attempt {}", again + 1),
    };
    let title = format!(
        "Handoff {}{attempt}: {} on {} → {} on {}",
        handoff.number, handoff.from.pod, handoff.from.node, handoff.to.pod, handoff.to.node
    );
    let size = |size: Option<u64>| size.map(bytes).unwrap_or_default();
    let costs = vec![
        size(handoff.archive_bytes),
        size(handoff.wire_bytes),
        number(handoff.frozen_seconds),
        number(handoff.restore_seconds),
        number(handoff.pause_seconds),
        handoff.restores_failed.to_string(),
    ];
    let columns = [
        "#archive",
        "#on the wire",
        "#frozen, s",
        "#restore, s",
        "#pause, s",
        "#restores failed",
    ];
    let marks = handoff
        .marks
        .iter()
        .map(|mark| vec![format!("{:.3}", mark.at), mark.what.to_owned()]);
    table(&title, &columns, vec![costs])
        + &table("", &["#at, s", "what happened to the stream"], marks.collect())
}

pub(super) fn messages(story: &Story) -> String {
    let messages = &story.messages;
    let mut out = String::new();
    let most = messages
        .most_waiting
        .map(|most| format!("At most {most} messages were seen to wait in the queue."));
    let fenced = messages
        .fenced
        .then(|| "New messages were kept in a backlog queue for a while.".to_owned());
    let pause = messages.pause.as_ref().map(|pause| match &messages.reconnect {
        Some(own) => {
            format!(
                "Longest pause {pause}, of which the application took {own} to connect to the broker again."
            )
        }
        None => format!("Longest pause {pause}."),
    });
    let sentences: Vec<String> = [pause, most, fenced].into_iter().flatten().collect();
    if !sentences.is_empty() {
        out.push_str(&heading("Messages"));
        out.push_str(&format!("<p>{}</p>\n", escaped(&sentences.join(" "))));
    }
    let row = |at: f64| {
        move |(queue, depth): (&str, shadow_core::api::progress::Depth)| {
            vec![
                format!("{at:.3}"),
                queue.to_owned(),
                depth.ready.to_string(),
                depth
                    .unacked
                    .map(|unacked| unacked.to_string())
                    .unwrap_or_default(),
                depth.consumers.to_string(),
            ]
        }
    };
    let rows = messages
        .looks
        .iter()
        .flat_map(|look| queues(look).map(row(look.at)).collect::<Vec<_>>());
    let columns = ["#at, s", "queue", "#ready", "#unacked", "#consumers"];
    out + &table("", &columns, rows.collect())
}
