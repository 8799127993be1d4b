//! How long each hold may last (`spec.maxPause`), held against what is expected of it.

use shadow_core::api::{Plan, StatefulMigrationSpec};
use shadow_core::forecast::Finished;
use shadow_core::machine::Cause;
use shadow_core::max_pause;
use shadow_core::reason::Reason;

use super::{Refusal, outlook};

/// Puts the limit into the plan, and beside it what to know before the move; or says why the move is refused. `past` is asked only
/// where there is a limit.
pub(super) fn bound(
    spec: &StatefulMigrationSpec,
    plan: &mut Plan,
    memory: Option<u64>,
    past: impl FnOnce() -> Vec<Finished>,
) -> Result<(), Refusal> {
    let Some(text) = &spec.max_pause else {
        return Ok(());
    };
    let limit = max_pause::parse(text).map_err(|why| refused(plan, Reason::Refused, &why.to_string()))?;
    let (way, forecast) = outlook::forecast(plan, memory, &past());
    let bounded = max_pause::plan(limit, way, &forecast)
        .map_err(|why| refused(plan, Reason::PauseTooLong, &why.to_string()))?;
    if let Some(warning) = max_pause::warning(&bounded) {
        plan.because = format!("{}; {warning}", plan.because);
    }
    plan.max_pause = Some(bounded);
    Ok(())
}

fn refused(plan: &Plan, reason: Reason, why: &str) -> Refusal {
    Refusal {
        cause: Cause::new(reason, format!("spec.maxPause: {why}")),
        premises: plan.premises.clone(),
        lacks_node: false,
    }
}
