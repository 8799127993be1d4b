//! A whole run: control, prober and load together, then the comparison.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::time::Instant;

use super::plan::RunPlan;
use super::rest::{Rest, RestError};
use super::status::StatusLine;
use super::{
    Comparison, Control, HttpGet, PodClient, PodError, ProbeReport, ProbeSettings, Prober, Report, Verdict,
    compare,
};
use crate::consumer::{ConsumerError, Report as PodReport};
use crate::load::{self, LoadError, LoadLedger, LoadPlan, LoadProgress};
use crate::stop::Stop;

/// A control that does not consume after this long will not.
const CONTROL_START: Duration = Duration::from_secs(15);
/// So long the pod may stay silent at the end before the run is given up.
const LAST_WORD: Duration = Duration::from_secs(30);

/// The run could not be judged.
#[derive(Debug, Error)]
pub enum OracleError {
    /// The control cannot start.
    #[error("the control consumer cannot start: {0}")]
    Control(#[from] ConsumerError),
    /// The control has no connection.
    #[error("the control consumer does not consume {queue} after {CONTROL_START:?}: {reason}")]
    ControlSilent {
        /// Its queue.
        queue: String,
        /// The last error.
        reason: String,
    },
    /// No load.
    #[error("the load cannot begin: {0}")]
    Load(#[from] LoadError),
    /// No pod.
    #[error(transparent)]
    Pod(#[from] PodError),
    /// No probes.
    #[error("--probe-url cannot be used: {0}")]
    Probe(#[from] io::Error),
    /// The queues cannot be looked at.
    #[error(transparent)]
    Rest(#[from] RestError),
}

/// Runs until the load is over or `stop`, waits until everything is worked off, and judges.
///
/// # Errors
/// When the run cannot begin, or its end cannot be seen. A bad end is no error but a verdict.
pub async fn run(plan: RunPlan, stop: Stop) -> Result<Report, OracleError> {
    let LoadPlan {
        amqp_uri,
        exchange,
        routing_key,
        ..
    } = &plan.load;
    let pod = PodClient::new(plan.pod_url.clone());
    pod.brief().await?;
    let control = Arc::new(Control::start(amqp_uri, exchange, routing_key)?);
    let judged = judge(&plan, &control, &pod, stop).await;
    // The control's queue must not be left behind, whatever the verdict.
    if let Ok(control) = Arc::try_unwrap(control).map_err(drop) {
        control.remove(amqp_uri).await;
    }
    judged
}

async fn judge(
    plan: &RunPlan,
    control: &Arc<Control>,
    pod: &PodClient,
    stop: Stop,
) -> Result<Report, OracleError> {
    wait_for_control(control).await?;
    let prober = start_prober(plan).await?;
    let progress = Arc::new(LoadProgress::default());
    let status = StatusLine {
        progress: Arc::clone(&progress),
        control,
        pod,
        prober: prober.as_ref(),
    };
    pod.reset_pauses().await?;
    let ledger = beside(plan.status, &status, load::run(plan.load.clone(), progress, stop)).await?;
    let load_ended = Instant::now();
    let rest = Rest {
        amqp_uri: &plan.load.amqp_uri,
        queue: &plan.queue(),
        patience: plan.patience,
    };
    let settled = beside(plan.status, &status, rest.wait(pod, control)).await?;
    let last_word = last_word(pod).await?;
    let comparison = compare(&last_word.state, &control.snapshot(), &ledger);
    if prober.is_some() {
        beside(
            plan.status,
            &status,
            tokio::time::sleep_until(load_ended + plan.probe_tail),
        )
        .await;
    }
    let probes = stopped(prober).await;
    Ok(report(comparison, ledger, last_word, probes, settled))
}

fn report(
    comparison: Comparison,
    ledger: LoadLedger,
    pod: PodReport,
    probes: Option<ProbeReport>,
    (caught_up, left_in_queue): (bool, u32),
) -> Report {
    let exact = comparison.is_exact() && caught_up && ledger.returned() == 0;
    let verdict = match (exact, probes.as_ref().is_none_or(|probes| probes.failed == 0)) {
        (true, true) => Verdict::Passed,
        (true, false) => Verdict::ProbesFailed,
        (false, _) => Verdict::NotExact,
    };
    Report {
        verdict,
        exact,
        comparison,
        ledger,
        left_in_queue,
        caught_up,
        pauses: pod.state.pauses,
        probes,
        pod: pod.standing.pod,
        redelivered: pod.state.redelivered,
    }
}

async fn wait_for_control(control: &Control) -> Result<(), OracleError> {
    let deadline = Instant::now() + CONTROL_START;
    while !control.is_consuming() {
        if Instant::now() >= deadline {
            let reason = control
                .last_loss()
                .unwrap_or_else(|| "no answer from the broker".to_owned());
            return Err(OracleError::ControlSilent {
                queue: control.queue().to_owned(),
                reason,
            });
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

async fn start_prober(plan: &RunPlan) -> Result<Option<Prober>, OracleError> {
    let Some(url) = &plan.probe_url else {
        return Ok(None);
    };
    let settings = ProbeSettings {
        every: plan.probe_every,
        timeout: plan.probe_timeout,
        slow: plan.probe_slow,
    };
    Ok(Some(Prober::start(HttpGet::prepare("GET", url).await?, settings)))
}

async fn stopped(prober: Option<Prober>) -> Option<ProbeReport> {
    match prober {
        Some(prober) => Some(prober.stop().await),
        None => None,
    }
}

/// The pod's state at the end. A pod that was just moved may be unreachable for a moment.
async fn last_word(pod: &PodClient) -> Result<PodReport, PodError> {
    let deadline = Instant::now() + LAST_WORD;
    loop {
        match pod.report().await {
            Ok(report) => return Ok(report),
            Err(error) if Instant::now() >= deadline => return Err(error),
            Err(error) => tracing::warn!(%error, "pod does not tell its state"),
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Waits for `work`, telling once a second how it goes if that is wanted.
async fn beside<T>(wanted: bool, status: &StatusLine<'_>, work: impl Future<Output = T>) -> T {
    if !wanted {
        return work.await;
    }
    tokio::select! {
        done = work => done,
        never = status.tell() => match never {},
    }
}
