//! What is asked for people who watch alone: the agents for an archive under way, the broker for its rates. Whom, and what becomes of
//! an answer. Nothing of it is believed further than it can be shown.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use k8s_openapi::jiff::{SignedDuration, Timestamp};

use crate::api::progress::{Doing, Passage, Rate};
use crate::api::{MigrationStatus, RestoreBackend, Step, TransferMode};
use crate::names::{self, Key};
use crate::wire::Work;

/// A step that has just begun is not asked about: most are over before an answer would be shown.
const SHORT: SignedDuration = SignedDuration::from_millis(250);
/// A container that has stood still for longer does so no more, or its node's clock is wrong.
const LONGEST_FREEZE: SignedDuration = SignedDuration::from_hours(1);

/// An agent that may know how far an archive is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// What it would do with the archive.
    pub doing: Doing,
    /// Its node.
    pub node: String,
    /// The archive.
    pub key: Key,
}

/// Whether a step that began then is asked about.
pub fn is_long(since: Timestamp, now: Timestamp) -> bool {
    now.duration_since(since) >= SHORT
}

/// Who is asked in the present step; the first that works on the archive is believed.
pub fn holders(status: &MigrationStatus) -> Vec<Holder> {
    let (Some(plan), Some(leg), Some(intent)) = (&status.plan, status.legs.last(), &status.intent) else {
        return Vec::new();
    };
    let holder = |doing, node: &String| Holder {
        doing,
        node: node.clone(),
        key: leg.key.clone(),
    };
    match (intent.step, plan.restore, plan.transfer) {
        (Step::Checkpoint, _, _) => vec![holder(Doing::Dump, &leg.from.node)],
        (Step::Transfer, RestoreBackend::Image, _) => vec![holder(Doing::Send, &leg.from.node)],
        (Step::Transfer, RestoreBackend::RuntimeClass, TransferMode::Direct) => {
            vec![holder(Doing::Receive, &leg.to.node)]
        }
        (Step::Transfer, RestoreBackend::RuntimeClass, TransferMode::Registry) => vec![
            holder(Doing::Receive, &leg.to.node),
            holder(Doing::Send, &leg.from.node),
        ],
        (
            Step::Prepare
            | Step::Stage
            | Step::Fence
            | Step::Hold
            | Step::Follow
            | Step::Restore
            | Step::Commit
            | Step::Exclude
            | Step::Release
            | Step::Switch
            | Step::Retire
            | Step::Clean
            | Step::Abandon,
            _,
            _,
        ) => Vec::new(),
    }
}

/// What an agent's answer tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// The archive.
    pub archive: Option<Passage>,
    /// The source has stood still since then.
    pub frozen_since: Option<MicroTime>,
}

/// From what an agent answered at this moment. Only its time span is believed, not its clock.
pub fn told(doing: Doing, work: &Work, now: Timestamp) -> Told {
    let frozen = work.frozen_millis.and_then(|millis| i64::try_from(millis).ok());
    let frozen = frozen
        .map(SignedDuration::from_millis)
        .filter(|frozen| doing == Doing::Dump && *frozen < LONGEST_FREEZE);
    Told {
        archive: Some(Passage {
            at: MicroTime(now),
            doing,
            bytes: whole(work.bytes).min(work.of.unwrap_or(u64::MAX)),
            of: work.of.filter(|of| *of > 0).map(whole),
        }),
        frozen_since: frozen.and_then(|frozen| Some(MicroTime(now.checked_sub(frozen).ok()?))),
    }
}

/// The API server takes no larger one for a whole number.
fn whole(bytes: u64) -> u64 {
    bytes.min(i64::MAX.unsigned_abs())
}

/// The queues whose rates are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queues {
    /// The queue that is moved.
    pub primary: String,
    /// Backlog and mirror, where there is a fence.
    pub beside: Option<[String; 2]>,
}

/// None before there is a plan, and after the end.
pub fn queues(status: &MigrationStatus) -> Option<Queues> {
    let plan = status.plan.as_ref().filter(|_| super::is_lively(status))?;
    let fence = status.fence.as_ref();
    Some(Queues {
        primary: plan.queue.queue.clone(),
        beside: fence.map(|fence| [names::backlog_queue(&fence.key), names::mirror_queue(&fence.key)]),
    })
}

/// Rates as a broker told them, to a tenth. What is no rate is not known.
pub fn flow([publish, deliver, ack]: [Option<f64>; 3]) -> Option<Rate> {
    let rate = |told: Option<f64>| {
        let told = told.filter(|rate| rate.is_finite() && (0.0..1e9).contains(rate))?;
        Some((told * 10.0).round() / 10.0)
    };
    let rate = Rate {
        publish: rate(publish),
        deliver: rate(deliver),
        ack: rate(ack),
    };
    (rate != Rate::default()).then_some(rate)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const TIME: &str = "2026-01-02T03:04:05.000000Z";

    fn status(step: &str, more: Value) -> MigrationStatus {
        let key = Key::of("11111111-1111-1111-1111-111111111111", 1, 0).unwrap();
        let mut plan = json!({"strategy": "ShadowPod", "because": "b", "container": "c", "sourceNode": "node-a",
            "targetNode": "node-b", "checkpointBackend": "Runtime", "queue": {"queue": "q", "quorum": false},
            "source": {"namespace": "n", "name": "p", "uid": "u"}});
        for (field, value) in more.as_object().into_iter().flatten() {
            plan[field] = value.clone();
        }
        let instance = |node: &str| json!({"pod": "p", "node": node});
        serde_json::from_value(json!({"phase": "Checkpointing", "plan": plan,
            "intent": {"step": step, "leg": 1, "since": TIME},
            "legs": [{"number": 1, "attempt": 0, "key": key, "from": instance("node-a"), "to": instance("node-b")}]}))
        .unwrap()
    }

    fn at(millis: i64) -> Timestamp {
        let begun: Timestamp = TIME.parse().unwrap();
        begun + SignedDuration::from_millis(millis)
    }

    fn asked(step: &str, more: Value) -> Vec<(Doing, String)> {
        let holders = holders(&status(step, more));
        holders.into_iter().map(|one| (one.doing, one.node)).collect()
    }

    #[test]
    fn who_works_on_the_archive_is_asked_and_nobody_else() {
        let at = |doing, node: &str| (doing, node.to_owned());
        assert_eq!(asked("Checkpoint", json!({})), [at(Doing::Dump, "node-a")]);
        assert_eq!(asked("Transfer", json!({})), [at(Doing::Receive, "node-b")]);
        assert_eq!(
            asked("Transfer", json!({"transfer": "Registry"})),
            [at(Doing::Receive, "node-b"), at(Doing::Send, "node-a")]
        );
        assert_eq!(
            asked("Transfer", json!({"transfer": "Registry", "restore": "Image"})),
            [at(Doing::Send, "node-a")]
        );
        for step in ["Hold", "Restore", "Commit", "Abandon"] {
            assert_eq!(asked(step, json!({})), []);
        }
    }

    #[test]
    fn a_short_step_costs_no_question() {
        assert!(!is_long(at(0), at(249)));
        assert!(is_long(at(0), at(250)));
        assert!(!is_long(at(0), at(-1)), "the clock was set back");
    }

    #[test]
    fn no_more_is_told_than_can_be() {
        let now = at(2_000);
        let work = Work {
            bytes: 12,
            of: Some(10),
            frozen_millis: Some(400),
        };
        let dump = told(Doing::Dump, &work, now);
        let archive = dump.archive.unwrap();
        assert_eq!((archive.bytes, archive.of), (10, Some(10)));
        assert_eq!(dump.frozen_since, Some(MicroTime(at(1_600))));
        let received = told(Doing::Receive, &work, now);
        assert_eq!(
            received.frozen_since, None,
            "only a dump needs a source that stands still"
        );
        for frozen_millis in [u64::MAX, 1 << 40] {
            let wrong = Work {
                bytes: u64::MAX,
                of: None,
                frozen_millis: Some(frozen_millis),
            };
            let told = told(Doing::Dump, &wrong, now);
            assert_eq!(told.frozen_since, None);
            assert_eq!(told.archive.unwrap().bytes, i64::MAX.unsigned_abs());
        }
    }

    #[test]
    fn what_is_no_rate_is_not_known_and_never_zero() {
        assert_eq!(flow([None; 3]), None);
        assert_eq!(flow([Some(f64::NAN), Some(-1.0), Some(f64::INFINITY)]), None);
        let told = flow([Some(99.96), Some(0.0), None]).unwrap();
        assert_eq!(
            (told.publish, told.deliver, told.ack),
            (Some(100.0), Some(0.0), None)
        );
    }

    #[test]
    fn rates_are_asked_of_a_move_that_goes_on() {
        let queues_of = |status: &MigrationStatus| queues(status).map(|queues| queues.primary);
        let mut status = status("Hold", json!({}));
        assert_eq!(queues_of(&status).as_deref(), Some("q"));
        status.phase = crate::api::Phase::Completed;
        assert_eq!(queues_of(&status), None);
        assert_eq!(queues_of(&MigrationStatus::default()), None);
    }
}
