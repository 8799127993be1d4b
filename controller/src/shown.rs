//! What the controller shows of itself: metrics, and what kubelet probes.
//!
//! Alive: each of its loops was heard of within its limit. Ready: it leads and has all migrations before it, or it waits for its
//! turn to lead; one that waits takes over within seconds, and a rollout ends the old one only when the new one is ready.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use k8s_openapi::jiff::Timestamp;
use shadow_core::tally;
use shadow_identity::Identity;
use shadow_telemetry::common::Certificate;
use shadow_telemetry::controller::Metrics;
use shadow_telemetry::pulse::Pulse;
use shadow_telemetry::serve::Shown;

use crate::context::Context;

/// Shared by all who have something to show. Clones share it.
#[derive(Clone)]
pub struct Part {
    /// Counted here.
    pub metrics: Arc<Metrics>,
    /// Loops are heard of here.
    pub pulse: Pulse,
    stage: Arc<Mutex<Stage>>,
}

/// How far this process is.
#[derive(Clone, Default)]
enum Stage {
    /// It looks for the API server.
    #[default]
    Connecting,
    /// It waits for its turn to lead.
    Waiting,
    /// It leads.
    Leading(Arc<Context>, Identity),
    /// It leads no more, and ends.
    Ending,
}

impl Default for Part {
    fn default() -> Self {
        Self {
            metrics: Arc::new(Metrics::new(env!("CARGO_PKG_VERSION"))),
            pulse: Pulse::default(),
            stage: Arc::default(),
        }
    }
}

impl Part {
    /// The API server was found.
    pub fn waits(&self) {
        self.enter(Stage::Waiting);
    }

    /// It leads now.
    pub fn leads(&self, ctx: &Arc<Context>, identity: Identity) {
        self.metrics.leads(true);
        self.enter(Stage::Leading(Arc::clone(ctx), identity));
    }

    /// It leads no more.
    pub fn ends(&self) {
        self.metrics.leads(false);
        self.enter(Stage::Ending);
    }

    fn enter(&self, stage: Stage) {
        *self.stage.lock().unwrap_or_else(PoisonError::into_inner) = stage;
    }

    fn stage(&self) -> Stage {
        self.stage.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Shown for Part {
    fn metrics(&self) -> String {
        if let Stage::Leading(ctx, identity) = self.stage() {
            let common = &self.metrics.common;
            common.expires(Certificate::Own, identity.expires_at());
            common.expires(Certificate::Authority, identity.trust_ends_at());
            let all = ctx.line.all();
            let present = tally::present(all.iter().map(|one| &**one), Timestamp::now());
            self.metrics.show(&present, &ctx.progress.waiting());
        }
        self.metrics.text()
    }

    fn alive(&self) -> Result<(), String> {
        self.pulse.alive(Instant::now())
    }

    fn ready(&self) -> Result<(), String> {
        match self.stage() {
            Stage::Connecting => Err("the API server was not reached yet".to_owned()),
            Stage::Waiting => Ok(()),
            Stage::Leading(ctx, _) if ctx.line.is_complete() => Ok(()),
            Stage::Leading(..) => Err("it leads, and does not know all migrations yet".to_owned()),
            Stage::Ending => Err("it ends".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn one_that_waits_for_its_turn_is_ready_and_one_that_ends_is_not() {
        let part = Part::default();
        assert!(part.ready().is_err());
        part.waits();
        assert_eq!(part.ready(), Ok(()));
        part.ends();
        assert!(part.ready().is_err());
    }

    #[test]
    fn one_whose_loop_stands_still_is_not_alive_and_says_which() {
        let part = Part::default();
        assert_eq!(part.alive(), Ok(()));
        part.pulse.beat("nodes", Duration::ZERO);
        let why = loop {
            if let Err(why) = part.alive() {
                break why;
            }
        };
        assert!(why.contains("nodes"), "{why}");
    }
}
