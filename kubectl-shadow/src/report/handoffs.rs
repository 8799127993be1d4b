//! The handoffs: from which instance to which copy, at what cost, and when the stream was held and released.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use shadow_core::api::{self, Leg, MigrationStatus};

use super::story::{Handoff, Instance, Mark};
use super::times::{Clock, rounded};
use crate::view::model::state::pauses;

pub(super) fn of(status: &MigrationStatus, clock: &Clock, now: Timestamp) -> Vec<Handoff> {
    let pauses = pauses(status, now);
    let of_leg = |leg: &Leg| {
        // Of several attempts the last one counts; the pauses of a leg are told by its number.
        let is_last = status.legs.iter().rfind(|one| one.number == leg.number) == Some(leg);
        let pause = pauses
            .iter()
            .rev()
            .find(|(number, _, _)| *number == leg.number && is_last);
        handoff(leg, clock, pause.map(|(_, seconds, _)| rounded(*seconds)))
    };
    status.legs.iter().map(of_leg).collect()
}

fn handoff(leg: &Leg, clock: &Clock, pause: Option<f64>) -> Handoff {
    let micros = |micros: u64| rounded(micros as f64 / 1e6);
    Handoff {
        number: leg.number,
        attempt: leg.attempt,
        from: instance(&leg.from),
        to: instance(&leg.to),
        pause_seconds: pause,
        archive_bytes: leg.checkpoint.as_ref().map(|dump| dump.bytes),
        wire_bytes: leg.transfer.as_ref().map(|transfer| transfer.wire_bytes),
        frozen_seconds: leg.checkpoint.as_ref().map(|dump| micros(dump.frozen_micros)),
        restore_seconds: leg.restore_micros.map(micros),
        restores_failed: leg.restores_failed,
        marks: marks(leg, clock),
    }
}

fn instance(instance: &api::Instance) -> Instance {
    Instance {
        pod: instance.pod.clone(),
        node: instance.node.clone(),
        uid: instance.uid.clone(),
    }
}

/// What the record of a handoff tells of the stream, in the order of time.
fn marks(leg: &Leg, clock: &Clock) -> Vec<Mark> {
    let all: [(&Option<MicroTime>, &'static str); 15] = [
        (&leg.park_sent, "the hold is asked for"),
        (&leg.stopped, "everything that was delivered is applied"),
        (&leg.parked, "the hold is proven"),
        (&leg.frozen, "the source stands still from here on"),
        (&leg.promised, "its node promises to leave it so"),
        (&leg.thawed, "the source goes on: its archive is void"),
        (&leg.followed, "the source goes on with a copy of the stream"),
        (&leg.runs, "the copy's process runs"),
        (&leg.connected, "the copy is connected to the broker"),
        (&leg.committed, "commit: the copy is the truth"),
        (&leg.unpark_first_sent, "the copy is told to read the queue"),
        (&leg.released, "the copy reads the queue"),
        (&leg.ended, "no process of the old instance is left"),
        (&leg.resumed, "the source reads the queue again"),
        (&leg.image_withdrawn, "the checkpoint image is deleted"),
    ];
    let mut marks: Vec<Mark> = all
        .iter()
        .filter_map(|(time, what)| {
            let at = clock.at(time.as_ref()?.0);
            Some(Mark { at, what })
        })
        .collect();
    // A stable sort: what happened at the same moment keeps the order above.
    marks.sort_by(|one, other| one.at.total_cmp(&other.at));
    marks
}
