//! `MigrationProgress`: what the controller sees of a move while it goes on. An earlier server writes no such object, and the view
//! lives on the status alone then.

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::Value;
use shadow_core::api::Step;
use shadow_core::api::progress::{self, Depth, Doing, MigrationProgressSpec, Rate};

/// Statistics of the broker are a mean over so long, and are renewed as often.
const MEAN: SignedDuration = SignedDuration::from_secs(5);

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
    /// Since when the source stands still.
    pub frozen_since: Option<Timestamp>,
    /// The archive that is written or on its way, where the agents tell.
    pub archive: Option<Bytes>,
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
    /// That are confirmed.
    pub ack: Option<f64>,
    /// That come to the backlog.
    pub backlog: Option<f64>,
    /// From where this is known.
    pub basis: Basis,
}

/// From where rates are known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Basis {
    /// They are not.
    #[default]
    None,
    /// From the depth of a queue without a reader: exact.
    Growth,
    /// From the statistics of the broker.
    Mean,
}

/// Bytes of so many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bytes {
    /// When the agent was asked.
    pub at: Timestamp,
    /// What is done with them.
    pub doing: Doing,
    /// Done.
    pub bytes: u64,
    /// In all, once known.
    pub of: Option<u64>,
}

impl Bytes {
    /// How much of all is done, from 0 to 1.
    pub fn share(&self) -> Option<f64> {
        let of = self.of.filter(|of| *of > 0)?;
        Some((self.bytes as f64 / of as f64).clamp(0.0, 1.0))
    }

    /// Bytes a second since an earlier look at the same.
    pub fn speed(&self, before: &Self) -> Option<f64> {
        let same = before.doing == self.doing && before.of == self.of;
        let more = self.bytes.checked_sub(before.bytes).filter(|_| same)?;
        let seconds = self.at.duration_since(before.at).as_secs_f64();
        (seconds > 0.0).then(|| more as f64 / seconds)
    }
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
    /// Messages a second that are confirmed.
    pub ack: Option<f64>,
    /// From where these are known.
    pub basis: Basis,
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
            .map(|(before, sample)| look(before, sample, told_at(spec, sample.at.0)))
            .collect();
        let last = spec.samples.last();
        let backlog = spec.rates.as_ref().and_then(|rates| rates.backlog?.publish);
        Self {
            now: Some(spec.now.0),
            step: spec.step,
            leg: Some(spec.handoff),
            waits: spec.waits.clone(),
            queues: last.map(queues).unwrap_or_default(),
            rates: samples.last().map(|sample| Rates {
                r#in: sample.r#in,
                out: sample.out,
                ack: sample.ack,
                backlog,
                basis: sample.basis,
            }),
            frozen_since: spec.frozen_since.as_ref().map(|since| since.0),
            archive: spec.archive.as_ref().map(|archive| Bytes {
                at: archive.at.0,
                doing: archive.doing,
                bytes: archive.bytes,
                of: archive.of,
            }),
            samples,
        }
    }
}

/// What the broker's statistics say of this time.
fn told_at(spec: &MigrationProgressSpec, at: Timestamp) -> Option<Rate> {
    let rates = spec.rates.as_ref()?;
    let apart = at.duration_since(rates.at.0).abs();
    rates.primary.filter(|_| apart <= MEAN)
}

/// While no instance consumes the queue, it grows by what comes; at other times its depth does not tell the rates, and the broker does.
fn look(before: Option<&progress::Sample>, sample: &progress::Sample, told: Option<Rate>) -> Sample {
    let held = |sample: &progress::Sample| sample.primary.filter(|queue| queue.consumers == 0);
    let growth = before.and_then(|before| {
        let (then, now) = (held(before)?, held(sample)?);
        let seconds = sample.at.0.duration_since(before.at.0).as_secs_f64();
        let came = now.ready.checked_sub(then.ready)?;
        (seconds > 0.0).then(|| came as f64 / seconds)
    });
    let told = told.unwrap_or_default();
    Sample {
        at: sample.at.0,
        ready: sample.primary.map(|queue| queue.ready),
        unacked: sample.primary.and_then(|queue| queue.unacked),
        r#in: growth.or(told.publish),
        out: held(sample).map(|_| 0.0).or(told.deliver),
        ack: told.ack,
        basis: match (growth, told.publish.or(told.deliver)) {
            (Some(_), _) => Basis::Growth,
            (None, Some(_)) => Basis::Mean,
            (None, None) => Basis::None,
        },
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
        assert_eq!((served.r#in, served.out, served.basis), (None, None, Basis::None));
        assert!(Progress::read(json!({"metadata": {}})).is_err());
    }

    #[test]
    fn where_an_instance_reads_the_broker_tells_the_rates_for_as_long_as_they_are_true() {
        let look = |at: &str, ready: u64, consumers: u64| json!({"at": format!("2026-11-28T14:03:{at}Z"), "primary": {"ready": ready, "consumers": consumers}});
        let samples = [
            look("01.000000", 0, 1),
            look("06.000000", 0, 1),
            look("06.250000", 0, 0),
            look("06.500000", 25, 0),
        ];
        let object = json!({"spec": {"now": "2026-11-28T14:03:07.000000Z", "samples": samples,
            "rates": {"at": "2026-11-28T14:03:06.500000Z", "primary": {"publish": 98.4, "deliver": 97.2, "ack": 97.0}}}});
        let read = Progress::read(object).unwrap();
        let rates: Vec<_> = read
            .samples
            .iter()
            .map(|one| (one.r#in, one.out, one.basis))
            .collect();
        assert_eq!(
            rates,
            [
                (None, None, Basis::None),
                (Some(98.4), Some(97.2), Basis::Mean),
                (Some(98.4), Some(0.0), Basis::Mean),
                (Some(100.0), Some(0.0), Basis::Growth),
            ]
        );
        assert_eq!(read.rates.unwrap().ack, Some(97.0));
    }

    #[test]
    fn an_archive_has_a_speed_once_it_was_seen_twice() {
        let archive = |at: &str, bytes: u64| Bytes {
            at: format!("2026-11-28T14:03:{at}Z").parse().unwrap(),
            doing: Doing::Receive,
            bytes,
            of: Some(500),
        };
        let (first, second) = (archive("06.0", 100), archive("06.5", 200));
        assert_eq!(second.speed(&first), Some(200.0));
        assert_eq!(first.speed(&second), None, "begun again");
        assert_eq!(first.speed(&first), None);
        assert_eq!(second.share(), Some(0.4));
        let unknown = Bytes { of: None, ..first };
        assert_eq!((unknown.share(), second.speed(&unknown)), (None, None));
    }
}
