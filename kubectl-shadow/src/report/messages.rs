//! What is known of the messages: what the controller saw of the queues while it moved.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use shadow_core::api::MigrationStatus;
use shadow_core::api::progress::{MigrationProgressSpec, Sample};

use super::seen::Seen;
use super::story::{Look, Messages};
use super::times::Clock;
use crate::view::event::{Kind, What};

pub(super) fn of(seen: &Seen, id: &str, status: &MigrationStatus, clock: &Clock) -> Messages {
    let looks: Vec<Look> = samples(seen, id)
        .into_iter()
        .map(|sample| Look {
            at: clock.at(sample.at.0),
            primary: sample.primary,
            hold: sample.hold,
            backlog: sample.backlog,
            mirror: sample.mirror,
        })
        .collect();
    let waiting = looks.iter().filter_map(|look| look.primary);
    Messages {
        pause: status.pause.clone(),
        reconnect: status.reconnect.clone(),
        most_waiting: waiting.map(|depth| depth.ready).max(),
        fenced: status.fence.is_some(),
        looks,
    }
}

/// All looks, each once. The object keeps only the newest: the older ones stand in its earlier versions.
fn samples(seen: &Seen, id: &str) -> Vec<Sample> {
    let mut all: Vec<Sample> = Vec::new();
    for change in seen.of(Kind::Progress, id) {
        let What::Set(object) = &change.what else {
            continue;
        };
        let last: Option<Timestamp> = all.last().map(|sample| sample.at.0);
        let newer = |sample: &Sample| last.is_none_or(|last| sample.at.0 > last);
        all.extend(told(object).into_iter().filter(newer));
    }
    all
}

/// None of an object that a later version wrote, and this one cannot read.
fn told(object: &Value) -> Vec<Sample> {
    let spec = object.get("spec").map(MigrationProgressSpec::deserialize);
    match spec {
        Some(Ok(spec)) => spec.samples,
        Some(Err(_)) | None => Vec::new(),
    }
}
