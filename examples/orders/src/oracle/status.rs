//! One line a second on how a run goes.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior};

use super::{Control, PodClient, Prober};
use crate::load::LoadProgress;

/// Whom to ask.
pub(super) struct StatusLine<'a> {
    pub(super) progress: Arc<LoadProgress>,
    pub(super) control: &'a Control,
    pub(super) pod: &'a PodClient,
    pub(super) prober: Option<&'a Prober>,
}

impl StatusLine<'_> {
    /// Tells for ever.
    pub(super) async fn tell(&self) -> Infallible {
        let begun = Instant::now();
        let mut tick = tokio::time::interval(Duration::from_secs(1));
        tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            tick.tick().await;
            let pod = match self.pod.brief().await {
                Ok(brief) => {
                    let queue = brief.standing.queue.unwrap_or_else(|| "no queue".to_owned());
                    format!("{} applied {} from {queue}", brief.standing.pod, brief.applied)
                }
                Err(_) => "pod does not answer".to_owned(),
            };
            let (published, confirmed) = (self.progress.published(), self.progress.confirmed());
            let requests = self.prober.map_or_else(String::new, |prober| {
                let (sent, failed, slowest) = prober.counts();
                format!(
                    "; requests {sent}, failed {failed}, slowest {} ms",
                    slowest / 1_000
                )
            });
            let (seconds, control) = (begun.elapsed().as_secs(), self.control.applied());
            eprintln!(
                "{seconds:>4}s published {published}, confirmed {confirmed}, control {control}; {pod}{requests}"
            );
        }
    }
}
