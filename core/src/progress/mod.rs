//! Makes what people watch out of a status and of what the machine saw. Pure.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use k8s_openapi::jiff::Timestamp;

use crate::api::progress::{Depth, MigrationProgressSpec, SAMPLES, Sample};
use crate::api::{MigrationStatus, Step};
use crate::machine::{Observed, QueueSeen};

mod asked;

pub use asked::{Holder, Queues, Told, flow, holders, is_long, queues, told};

/// Looks come every few milliseconds; a sample is taken this often, ms.
const APART: i64 = 250;
/// Bytes of the sentence that says what is waited for.
const LONGEST: usize = 300;

/// What a migration does, as far as its status and a look tell.
pub fn of(status: &MigrationStatus, now: Timestamp) -> MigrationProgressSpec {
    MigrationProgressSpec {
        now: MicroTime(now),
        step: status.intent.as_ref().map(|intent| intent.step),
        handoff: status.intent.as_ref().map_or(0, |intent| intent.leg),
        since: status.intent.as_ref().map(|intent| intent.since.clone()),
        waits: None,
        line: status.waiting.clone().filter(|_| status.plan.is_none()),
        frozen_since: stands_since(status),
        archive: None,
        rates: None,
        samples: Vec::new(),
    }
}

/// Since when the source stands still, on a route on which it does so until its end. Elsewhere it does for its dump only, and its
/// agent tells.
pub fn stands_since(status: &MigrationStatus) -> Option<MicroTime> {
    let leg = status.legs.last()?;
    let stands = match status.intent.as_ref()?.step {
        Step::Checkpoint | Step::Transfer | Step::Commit | Step::Exclude | Step::Retire | Step::Abandon => {
            leg.thawed.is_none() && leg.ended.is_none()
        }
        // There it has not been dumped yet, or is gone.
        Step::Prepare
        | Step::Stage
        | Step::Fence
        | Step::Hold
        | Step::Follow
        | Step::Restore
        | Step::Release
        | Step::Switch
        | Step::Clean => false,
    };
    leg.frozen.clone().filter(|_| stands)
}

/// The sentence, cut to what is worth writing each second.
pub fn waits(reason: &str) -> String {
    match reason.len() > LONGEST {
        true => format!("{}…", &reason[..reason.floor_char_boundary(LONGEST)]),
        false => reason.to_owned(),
    }
}

/// Adds a look at the broker, unless it showed nothing or the last one is too new.
pub fn sample(samples: &mut Vec<Sample>, seen: &Observed, now: Timestamp) {
    let due = samples
        .last()
        .is_none_or(|last| now.as_millisecond().saturating_sub(last.at.0.as_millisecond()) >= APART);
    let found = Sample {
        at: MicroTime(now),
        primary: depth(seen.primary),
        hold: depth(seen.hold),
        backlog: depth(seen.backlog),
        mirror: depth(seen.mirror),
    };
    let queues = [found.primary, found.hold, found.backlog, found.mirror];
    if !due || queues.iter().all(Option::is_none) {
        return;
    }
    samples.push(found);
    let old = samples.len().saturating_sub(SAMPLES);
    samples.drain(..old);
}

/// Messages that wait for the next consumer, by a look: in the application's own queue and in the backlog.
pub fn waiting(seen: &Observed) -> Option<u64> {
    sum(seen.primary.ready(), seen.backlog.ready())
}

/// The same by a sample.
pub fn ready(sample: &Sample) -> Option<u64> {
    let ready = |depth: Option<Depth>| depth.map(|depth| depth.ready);
    sum(ready(sample.primary), ready(sample.backlog))
}

/// `None`: neither was seen.
fn sum(primary: Option<u64>, backlog: Option<u64>) -> Option<u64> {
    let seen = primary.is_some() || backlog.is_some();
    seen.then(|| {
        primary
            .unwrap_or_default()
            .saturating_add(backlog.unwrap_or_default())
    })
}

fn depth(seen: QueueSeen) -> Option<Depth> {
    match seen {
        QueueSeen::Unseen | QueueSeen::Absent => None,
        QueueSeen::Present {
            ready,
            consumers,
            unacked,
        } => Some(Depth {
            ready,
            unacked,
            consumers,
        }),
    }
}

/// Whether each second shows something new, so that it is written once a second: a move under way that no person is asked for.
pub fn is_lively(status: &MigrationStatus) -> bool {
    status.plan.is_some() && !status.phase.is_terminal() && !status.is_stuck()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::api::progress::{Doing, Passage, Rates};
    use crate::names::Key;

    fn seen(ready: u64) -> Observed {
        Observed {
            primary: QueueSeen::Present {
                ready,
                consumers: 1,
                unacked: None,
            },
            ..Observed::default()
        }
    }

    #[test]
    fn samples_are_apart_and_the_oldest_go() {
        let mut samples = Vec::new();
        for n in 0..40 {
            let now = Timestamp::from_millisecond(n * 125).unwrap();
            sample(&mut samples, &seen(n.unsigned_abs()), now);
        }
        assert_eq!(samples.len(), SAMPLES);
        let ready: Vec<u64> = samples.iter().map(|one| one.primary.unwrap().ready).collect();
        assert_eq!((ready.first(), ready.last()), (Some(&20), Some(&38)));
    }

    #[test]
    fn a_look_that_shows_no_queue_is_no_sample() {
        let mut samples = Vec::new();
        let absent = Observed {
            hold: QueueSeen::Absent,
            ..Observed::default()
        };
        sample(&mut samples, &absent, Timestamp::UNIX_EPOCH);
        assert!(samples.is_empty());
    }

    #[test]
    fn a_source_that_goes_first_stands_still_from_its_dump_to_its_end() {
        let time = "2026-01-02T03:04:05.000000Z";
        let key = Key::of("11111111-1111-1111-1111-111111111111", 1, 0).unwrap();
        let frozen = |step: &str, more: serde_json::Value| {
            let instance = json!({"pod": "p", "node": "a"});
            let mut leg = json!({"number": 1, "attempt": 0, "key": key, "from": instance, "to": instance, "frozen": time});
            for (field, value) in more.as_object().into_iter().flatten() {
                leg[field] = value.clone();
            }
            let status = json!({"intent": {"step": step, "leg": 1, "since": time}, "legs": [leg]});
            of(&serde_json::from_value(status).unwrap(), Timestamp::UNIX_EPOCH).frozen_since
        };
        let since = Some(MicroTime(time.parse().unwrap()));
        for step in ["Checkpoint", "Transfer", "Commit", "Exclude", "Retire", "Abandon"] {
            assert_eq!(frozen(step, json!({})), since, "{step}");
            assert_eq!(frozen(step, json!({"thawed": time})), None, "{step}");
            assert_eq!(frozen(step, json!({"ended": time})), None, "{step}");
            assert_eq!(frozen(step, json!({"frozen": null})), None, "{step}");
        }
        for step in ["Restore", "Release", "Clean"] {
            assert_eq!(frozen(step, json!({})), None, "{step}");
        }
    }

    #[test]
    fn an_object_has_at_most_three_kilobytes() {
        let most = |n: i64| Sample {
            at: MicroTime(Timestamp::from_microsecond(1_764_446_400_123_456 + n).unwrap()),
            primary: Some(Depth {
                ready: u64::MAX,
                unacked: Some(u64::from(u32::MAX)),
                consumers: 3,
            }),
            hold: Some(Depth {
                ready: 1,
                unacked: Some(65_535),
                consumers: 1,
            }),
            backlog: Some(Depth {
                ready: 10_000_000,
                unacked: None,
                consumers: 1,
            }),
            mirror: None,
        };
        let at = || MicroTime(Timestamp::from_microsecond(1_764_446_400_123_456).unwrap());
        let rate = flow([Some(123_456.7); 3]);
        let spec = MigrationProgressSpec {
            frozen_since: Some(at()),
            archive: Some(Passage {
                at: at(),
                doing: Doing::Receive,
                bytes: u64::MAX / 2,
                of: Some(u64::MAX / 2),
            }),
            rates: Some(Rates {
                at: at(),
                primary: rate,
                backlog: rate,
                mirror: rate,
            }),
            waits: Some(waits(&"ä".repeat(1_000))),
            samples: (0..).take(SAMPLES).map(most).collect(),
            ..of(&MigrationStatus::default(), Timestamp::UNIX_EPOCH)
        };
        let bytes = serde_json::to_vec(&spec).unwrap().len();
        assert!(bytes < 3_000, "{bytes}");
    }
}
