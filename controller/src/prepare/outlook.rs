//! What a plan without a move says beside the plan: the nodes, and how long the move is expected to take. Pure.

use shadow_core::api::{Candidate, ExpectedStep, ForecastBasis, Outlook, Plan, Step};
use shadow_core::forecast::{self, Basis, Finished, Way};

/// Of a plan, for processes with so many bytes of memory.
pub(super) fn of(plan: &Plan, candidates: Vec<Candidate>, memory: Option<u64>, past: &[Finished]) -> Outlook {
    let application = forecast::application(plan);
    let forecast = forecast::of(Way::of(plan), &application, memory.unwrap_or(0), past);
    let dump = forecast
        .steps
        .iter()
        .filter(|one| one.step == Step::Checkpoint)
        .map(|one| one.millis)
        .max();
    let still = plan.freeze.as_ref().map(|freeze| freeze.forecast_millis);
    let (basis, moves) = match forecast.basis {
        Basis::Application(moves) => (ForecastBasis::Application, moves),
        Basis::Cluster(moves) => (ForecastBasis::Cluster, moves),
        Basis::Measurements => (ForecastBasis::Measurements, 0),
    };
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
        moves: u32::try_from(moves).unwrap_or(u32::MAX),
        steps: steps.collect(),
        rehearsal: None,
    }
}
