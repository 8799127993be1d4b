//! `MigrationProgress`: what the controller sees of a move while it goes on. An earlier server writes no such object, and the view
//! lives on the status alone then.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use shadow_core::api::Step;
use shadow_core::api::progress::{self, Depth, MigrationProgressSpec};

/// What the controller saw.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Progress {
    /// The controller's clock when it wrote this.
    pub now: Option<Timestamp>,
    /// The step that is under way, which the status may not name yet.
    pub step: Option<Step>,
    /// Its handoff.
    pub leg: Option<u8>,
    /// What the step waits for.
    pub waits: Option<String>,
    /// The queues of the move, as the last look saw them.
    pub queues: Queues,
    /// Messages a second.
    pub rates: Option<Rates>,
    /// The archive on its way; not told by a server of today.
    pub transfer: Option<Bytes>,
    /// What the last looks saw.
    pub samples: Vec<Sample>,
}

/// The queues of a move.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Queues {
    /// The application's own.
    pub primary: Option<Queue>,
    /// On which a held instance waits.
    pub hold: Option<Queue>,
    /// New messages while the primary one is fenced.
    pub backlog: Option<Queue>,
    /// The same once more.
    pub mirror: Option<Queue>,
}

/// One queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Queue {
    /// Messages that wait.
    pub ready: u64,
    /// Messages that were delivered and are not confirmed, where the broker tells it at once.
    pub unacked: Option<u64>,
    /// Consumers.
    pub consumers: u64,
}

/// Messages a second.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rates {
    /// That come.
    pub r#in: Option<f64>,
    /// That are delivered.
    pub out: Option<f64>,
}

/// Bytes of so many.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Bytes {
    /// Done.
    pub bytes: u64,
    /// In all, once known.
    pub of: Option<u64>,
    /// Bytes a second.
    pub per_second: Option<f64>,
}

/// One look.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// When.
    pub at: Timestamp,
    /// Messages that wait in the primary queue.
    pub ready: Option<u64>,
    /// Messages that were delivered and are not confirmed.
    pub unacked: Option<u64>,
    /// Messages a second that come.
    pub r#in: Option<f64>,
    /// Messages a second that are delivered.
    pub out: Option<f64>,
}

#[derive(Deserialize)]
struct Object {
    spec: MigrationProgressSpec,
}

impl Progress {
    /// Reads it from the object.
    pub fn read(object: Value) -> serde_json::Result<Self> {
        Ok(Self::told(&serde_json::from_value::<Object>(object)?.spec))
    }

    fn told(spec: &MigrationProgressSpec) -> Self {
        let before = std::iter::once(None).chain(spec.samples.iter().map(Some));
        let samples: Vec<Sample> = before
            .zip(&spec.samples)
            .map(|(before, sample)| look(before, sample))
            .collect();
        let last = spec.samples.last();
        Self {
            now: Some(spec.now.0),
            step: spec.step,
            leg: Some(spec.handoff),
            waits: spec.waits.clone(),
            queues: last.map(queues).unwrap_or_default(),
            rates: samples.last().map(|sample| Rates {
                r#in: sample.r#in,
                out: sample.out,
            }),
            transfer: None,
            samples,
        }
    }
}

/// While no instance consumes the queue, it grows by what comes; at other times its depth does not tell the rates.
fn look(before: Option<&progress::Sample>, sample: &progress::Sample) -> Sample {
    let held = |sample: &progress::Sample| sample.primary.filter(|queue| queue.consumers == 0);
    let growth = before.and_then(|before| {
        let (then, now) = (held(before)?, held(sample)?);
        let seconds = sample.at.0.duration_since(before.at.0).as_secs_f64();
        let came = now.ready.checked_sub(then.ready)?;
        (seconds > 0.0).then(|| came as f64 / seconds)
    });
    Sample {
        at: sample.at.0,
        ready: sample.primary.map(|queue| queue.ready),
        unacked: sample.primary.and_then(|queue| queue.unacked),
        r#in: growth,
        out: held(sample).map(|_| 0.0),
    }
}

fn queues(sample: &progress::Sample) -> Queues {
    let queue = |depth: Option<Depth>| {
        depth.map(|depth| Queue {
            ready: depth.ready,
            unacked: depth.unacked,
            consumers: depth.consumers,
        })
    };
    Queues {
        primary: queue(sample.primary),
        hold: queue(sample.hold),
        backlog: queue(sample.backlog),
        mirror: queue(sample.mirror),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_growth_of_a_held_queue_is_what_comes_and_nothing_goes_out() {
        let look = |at: &str, ready: u64, consumers: u64| json!({"at": format!("2026-11-28T14:03:{at}Z"), "primary": {"ready": ready, "consumers": consumers}});
        let samples = [
            look("06.000000", 3, 1),
            look("06.250000", 10, 0),
            look("06.750000", 60, 0),
            look("07.000000", 40, 1),
        ];
        let read = |samples: &[Value]| {
            let object =
                json!({"spec": {"now": "2026-11-28T14:03:07.000000Z", "step": "Hold", "samples": samples}});
            Progress::read(object).unwrap()
        };
        let held = read(&samples[..3]);
        let rates = held.rates.unwrap();
        assert_eq!((rates.r#in, rates.out), (Some(100.0), Some(0.0)));
        assert_eq!(held.samples[1].r#in, None);
        let served = read(&samples).rates.unwrap();
        assert_eq!((served.r#in, served.out), (None, None));
        assert!(Progress::read(json!({"metadata": {}})).is_err());
    }
}
