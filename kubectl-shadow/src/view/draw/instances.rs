//! Both instances of the handoff that is under way, side by side or one below the other.

use ratatui::layout::Rect;
use ratatui::text::Line;
use serde_json::Value;
use shadow_core::api::{Instance, Leg, MigrationStatus};

use super::archive;
use super::pane::line;
use super::text::{fit, seconds};
use super::theme::{Theme, Tone};
use crate::amount;
use crate::view::event::Kind;
use crate::view::model::list::Entry;
use crate::view::model::object::Object;
use crate::view::model::{Missing, Model, PODS};

/// The instance that holds the stream, or held it.
pub(super) fn source(model: &Model, theme: &Theme, entry: &Entry<'_>, area: Rect) -> Vec<Line<'static>> {
    let Some(status) = entry.migration.status.as_ref() else {
        return vec![line(
            theme,
            Tone::Plain,
            format!("{}, node not known yet", entry.migration.spec.source_pod),
        )];
    };
    let Some(leg) = status.legs.last() else {
        let node = status
            .source_node
            .as_deref()
            .unwrap_or("a node that is not known yet");
        return vec![line(
            theme,
            Tone::Plain,
            format!("{} on {node}", entry.migration.spec.source_pod),
        )];
    };
    let mut facts = vec![instance(&leg.from)];
    facts.extend(pod(model, entry, &leg.from));
    facts.push(doing(model, entry, status, leg));
    facts.push(match &leg.witness {
        Some(witness) => format!(
            "connection {}",
            witness.application.as_deref().unwrap_or("not told by the broker")
        ),
        None => String::new(),
    });
    if leg.from.restarts > 0 {
        facts.push(format!("restarted {} times before", leg.from.restarts));
    }
    told(theme, facts, area)
}

/// Its copy.
pub(super) fn copy(model: &Model, theme: &Theme, entry: &Entry<'_>, area: Rect) -> Vec<Line<'static>> {
    let status = entry.migration.status.as_ref();
    let Some(leg) = status.and_then(|status| status.legs.last()) else {
        return vec![line(theme, Tone::Dim, "There is none yet.")];
    };
    let mut facts = vec![instance(&leg.to)];
    facts.extend(pod(model, entry, &leg.to));
    facts.push(becoming(leg).to_owned());
    facts.push(memory(model, entry, leg));
    if let Some(micros) = leg.restore_micros {
        facts.push(format!("the runtime restored it in {:.2} s", micros as f64 / 1e6));
    }
    if leg.restores_failed > 0 {
        facts.push(format!(
            "{} restores failed and were tried again",
            leg.restores_failed
        ));
    }
    told(theme, facts, area)
}

fn told(theme: &Theme, facts: Vec<String>, area: Rect) -> Vec<Line<'static>> {
    let width = usize::from(area.width).saturating_sub(1);
    let facts = facts.into_iter().filter(|fact| !fact.is_empty());
    facts
        .map(|fact| line(theme, Tone::Plain, fit(&fact, width)))
        .collect()
}

fn instance(instance: &Instance) -> String {
    let uid = instance.uid.as_deref().and_then(|uid| uid.get(..8));
    let uid = uid.map(|uid| format!("   uid {uid}")).unwrap_or_default();
    format!("{} on {}{uid}", instance.pod, instance.node)
}

/// What Kubernetes says of its pod, if it is looked at.
fn pod(model: &Model, entry: &Entry<'_>, instance: &Instance) -> Option<String> {
    let namespace = entry.id.split('/').next().unwrap_or_default();
    let id = format!("{namespace}/{}", instance.pod);
    let Some((object, gone)) = model.history.object(Kind::Pod, &id, model.head.count) else {
        let denied = matches!(model.missing(PODS), Missing::Right(_));
        return denied.then(|| "pod: NO RIGHT: list and watch pods".to_owned());
    };
    let Object::Pod(pod) = object else {
        return None;
    };
    if gone {
        return Some("pod: gone".to_owned());
    }
    let phase = pod
        .pointer("/status/phase")
        .and_then(Value::as_str)
        .unwrap_or("?");
    let conditions = pod.pointer("/status/conditions").and_then(Value::as_array);
    let is_ready = |c: &&Value| c.get("type").and_then(Value::as_str) == Some("Ready");
    let ready = conditions
        .into_iter()
        .flatten()
        .find(is_ready)
        .and_then(|c| c.get("status"))
        .and_then(Value::as_str);
    let leaving = if pod.pointer("/metadata/deletionTimestamp").is_some() {
        ", being deleted"
    } else {
        ""
    };
    let ready = if ready == Some("True") {
        "Ready"
    } else {
        "not Ready"
    };
    Some(format!("pod: {phase}, {ready}{leaving}"))
}

fn doing(model: &Model, entry: &Entry<'_>, status: &MigrationStatus, leg: &Leg) -> String {
    if let Some(frozen) = frozen(model, entry) {
        return match &leg.checkpoint {
            Some(_) => format!("stands still since its dump, {frozen}"),
            None => format!("stands still for its dump, {frozen}"),
        };
    }
    let text = if leg.ended.is_some() {
        "ended: no process of it is left"
    } else if leg.resumed.is_some() {
        "goes on, as before the move"
    } else if leg.committed.is_some() {
        "no longer the truth: it goes"
    } else if leg.followed.is_some() {
        "goes on with the mirror; that work counts for nothing"
    } else if leg.parked.is_some() {
        "held: everything that was delivered is applied"
    } else if leg.park_sent.is_some() {
        "was asked to wait; works off what it has"
    } else if status.phase.is_terminal() {
        "runs"
    } else {
        "runs and consumes"
    };
    text.to_owned()
}

/// For how long it has stood still.
fn frozen(model: &Model, entry: &Entry<'_>) -> Option<String> {
    let since = model.frozen_since(entry)?;
    Some(seconds(
        model.clock().duration_since(since).as_secs_f64().max(0.0),
    ))
}

fn becoming(leg: &Leg) -> &'static str {
    if leg.released.is_some() {
        "consumes the queue"
    } else if leg.committed.is_some() {
        "the truth since the commit"
    } else if leg.connected.is_some() {
        "runs, connected to the broker, waits"
    } else if leg.runs.is_some() {
        "runs, not connected to the broker yet"
    } else if leg.transfer.is_some() {
        "its memory is there; it is being restored"
    } else if leg.checkpoint.is_some() {
        "its memory is on the way"
    } else {
        "waits for its memory"
    }
}

fn memory(model: &Model, entry: &Entry<'_>, leg: &Leg) -> String {
    let Some(dump) = &leg.checkpoint else {
        return String::new();
    };
    let all = amount::bytes(dump.bytes);
    match (&leg.transfer, model.archive(entry)) {
        (Some(done), _) if done.wire_bytes == 0 => format!("memory {all}, on the same node"),
        (Some(done), _) => {
            let seconds = done.total_micros as f64 / 1e6;
            format!(
                "memory {all}, verified, {} on the wire in {seconds:.2} s",
                amount::bytes(done.wire_bytes)
            )
        }
        (None, Some((running, speed))) => format!("memory {}", archive::short(&running, speed)),
        (None, None) => format!("memory {all}"),
    }
}
