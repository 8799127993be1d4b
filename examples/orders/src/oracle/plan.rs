//! What can be said about a run, by flag or in code.

use std::time::Duration;

use clap::Args;
use url::Url;

use super::ProbeSettings;
use crate::duration;
use crate::load::LoadPlan;

/// What a run consists of.
#[derive(Debug, Clone, Args)]
pub struct RunPlan {
    /// The load.
    #[command(flatten)]
    pub load: LoadPlan,
    /// The pod, as `http://HOST:PORT`, through an address that leads to it before and after.
    #[arg(long)]
    pub pod_url: Url,
    /// The pod's primary queue [default: `orders.<routing key>`].
    #[arg(long)]
    pub queue: Option<String>,
    /// What to ask all the time, as a whole URL [default: nothing].
    #[arg(long)]
    pub probe_url: Option<Url>,
    /// Between two of these requests.
    #[arg(long, default_value = "5ms", value_parser = duration::parse)]
    pub probe_every: Duration,
    /// A request without an answer after this long has failed.
    #[arg(long, default_value = "200ms", value_parser = duration::parse)]
    pub probe_timeout: Duration,
    /// Answers slower than this are kept.
    #[arg(long, default_value = "100ms", value_parser = duration::parse)]
    pub probe_slow: Duration,
    /// How long to go on asking after the load has ended.
    #[arg(long, default_value = "60s", value_parser = duration::parse)]
    pub probe_tail: Duration,
    /// Give up waiting for the pod to work off its queue when it makes no progress for this long.
    #[arg(long, default_value = "20s", value_parser = duration::parse)]
    pub patience: Duration,
    /// Tell once a second on standard error how it goes.
    #[arg(long)]
    pub status: bool,
}

impl RunPlan {
    /// A plan with this load on the pod at `pod_url`, probes through `probe_url`, the rest as on the
    /// command line.
    #[must_use]
    pub fn new(load: LoadPlan, pod_url: Url, probe_url: Option<Url>) -> Self {
        let ProbeSettings { every, timeout, slow } = ProbeSettings::default();
        Self {
            load,
            pod_url,
            queue: None,
            probe_url,
            probe_every: every,
            probe_timeout: timeout,
            probe_slow: slow,
            probe_tail: Duration::from_secs(60),
            patience: Duration::from_secs(20),
            status: false,
        }
    }

    /// The pod's primary queue.
    pub(super) fn queue(&self) -> String {
        self.queue
            .clone()
            .unwrap_or_else(|| format!("orders.{}", self.load.routing_key))
    }
}
