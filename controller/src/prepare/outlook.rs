//! What a plan without a move says beside the plan: the nodes, and how long the move is expected to take. Pure.

use shadow_core::api::{Candidate, ExpectedStep, Outlook, Plan, Step};
use shadow_core::forecast::{self, Finished, Forecast, Way};

/// How long each step is expected to take, and in which way the move goes.
pub(super) fn forecast(plan: &Plan, memory: Option<u64>, past: &[Finished]) -> (Way, Forecast) {
    let (way, application) = (Way::of(plan), forecast::application(plan));
    (way, forecast::of(way, &application, memory.unwrap_or(0), past))
}

/// Of a plan, for processes with so many bytes of memory.
pub(super) fn of(plan: &Plan, candidates: Vec<Candidate>, memory: Option<u64>, past: &[Finished]) -> Outlook {
    let (_, forecast) = forecast(plan, memory, past);
    let dump = forecast
        .steps
        .iter()
        .filter(|one| one.step == Step::Checkpoint)
        .map(|one| one.millis)
        .max();
    let still = plan.freeze.as_ref().map(|freeze| freeze.forecast_millis);
    let (basis, moves) = forecast.basis.told();
    let steps = forecast.steps.iter().map(|one| ExpectedStep {
        handoff: one.handoff,
        step: one.step,
        millis: one.millis,
    });
    Outlook {
        candidates,
        memory_bytes: memory,
        total_millis: forecast.total(),
        pause_millis: forecast.pause(),
        freeze_millis: still.or(dump).unwrap_or(0),
        basis,
        moves,
        steps: steps.collect(),
        rehearsal: None,
    }
}
