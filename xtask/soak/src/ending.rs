//! A migration from its order to its end, by name: objects may be deleted, and the API server may not answer for a while.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::fault::Moment;
use super::row::{Outcome, Told};
use xtask_lab::cluster::Cluster;
use xtask_lab::stage::{self, capture};

/// Between two looks.
const AGAIN: Duration = Duration::from_millis(100);

/// What is there of a migration.
enum Look {
    There(Value),
    Gone,
    /// Nobody could be asked.
    Unseen,
}

/// One migration.
pub(crate) struct Followed<'a> {
    cluster: &'a Cluster,
    name: &'a str,
    ordered: Instant,
    /// As it was seen last.
    pub(crate) last: Value,
}

impl<'a> Followed<'a> {
    pub(crate) fn new(cluster: &'a Cluster, name: &'a str, ordered: Instant) -> Self {
        Self {
            cluster,
            name,
            ordered,
            last: Value::Null,
        }
    }

    fn look(&mut self) -> Look {
        let mut kubectl = self.cluster.kubectl(["get", "statefulmigration", self.name]);
        kubectl.args(["--output=json", "--ignore-not-found"]);
        let Ok(printed) = capture(kubectl) else {
            return Look::Unseen;
        };
        if printed.trim().is_empty() {
            return Look::Gone;
        }
        match serde_json::from_str::<Value>(&printed) {
            Ok(object) => {
                self.last = object.clone();
                Look::There(object)
            }
            Err(_) => Look::Unseen,
        }
    }

    /// Waits for a moment in the life of the move; whether it came before its end.
    pub(crate) fn comes_to(&mut self, moment: Moment, limit: Duration) -> bool {
        loop {
            let now = self.look();
            let over = match &now {
                Look::There(object) => is_over(object),
                Look::Gone => true,
                Look::Unseen => false,
            };
            if over || self.ordered.elapsed() > limit {
                return false;
            }
            match (moment, &now) {
                (Moment::After(millis), _) => {
                    let left = Duration::from_millis(millis).saturating_sub(self.ordered.elapsed());
                    if left.is_zero() {
                        return true;
                    }
                    // A moment in the life of the move, not the wait for an event.
                    thread::sleep(left);
                    continue;
                }
                (Moment::Step(step, leg), Look::There(object)) if has_begun(object, step, leg) => {
                    return true;
                }
                (Moment::Step(..), Look::There(_) | Look::Gone | Look::Unseen) => {}
            }
            thread::sleep(AGAIN);
        }
    }

    /// Waits for the end, at most so long after the order.
    pub(crate) fn ends(&mut self, limit: Duration) -> Outcome {
        loop {
            match self.look() {
                // One that is being deleted goes when it has ended.
                Look::There(object) if object["metadata"]["deletionTimestamp"].is_null() => {
                    if let Some(outcome) = outcome(&object) {
                        return outcome;
                    }
                }
                Look::Gone => return Outcome::Deleted,
                Look::There(_) | Look::Unseen => {}
            }
            if self.ordered.elapsed() > limit {
                return if is_stuck(&self.last) {
                    Outcome::Stuck
                } else {
                    Outcome::Unended
                };
            }
            thread::sleep(AGAIN);
        }
    }
}

fn is_over(object: &Value) -> bool {
    outcome(object).is_some()
}

fn outcome(object: &Value) -> Option<Outcome> {
    match object["status"]["phase"].as_str()? {
        "Completed" => Some(Outcome::Completed),
        "Failed" => Some(Outcome::Failed),
        "Cancelled" => Some(Outcome::Cancelled),
        _ => None,
    }
}

fn has_begun(object: &Value, step: &str, leg: u8) -> bool {
    let steps = object["status"]["steps"].as_array().into_iter().flatten();
    steps
        .into_iter()
        .any(|one| one["step"] == step && one["leg"] == leg)
}

fn is_stuck(object: &Value) -> bool {
    let conditions = object["status"]["conditions"].as_array().into_iter().flatten();
    conditions
        .into_iter()
        .any(|one| one["type"] == "Stuck" && one["status"] == "True")
}

/// What a migration says of the messages.
pub(crate) fn told(object: &Value) -> Told {
    match object["status"]["verdict"]["exact"].as_bool() {
        Some(true) => Told::Exact,
        Some(false) => Told::NotExact,
        None => Told::Nothing,
    }
}

/// Longest time between the request to wait and the release, of all handoffs that came so far.
pub(crate) fn pause(object: &Value) -> Option<i64> {
    let legs = object["status"]["legs"].as_array().into_iter().flatten();
    legs.filter_map(|leg| stage::span(&leg["parkSent"], &leg["released"]))
        .max()
}

/// Whether a time lies within a hold that was still to be proven: losing a connection then weakens the verdict.
pub(crate) fn in_a_hold(object: &Value, from: jiff::Timestamp, until: jiff::Timestamp) -> bool {
    let at = |time: &Value| time.as_str()?.parse::<jiff::Timestamp>().ok();
    let mut legs = object["status"]["legs"].as_array().into_iter().flatten();
    legs.any(|leg| {
        let hold = at(&leg["parkSent"]).zip(at(&leg["parked"]));
        hold.is_some_and(|(begun, proven)| begun <= from && until <= proven)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_end_is_told_by_its_phase() {
        let phase = |phase: &str| json!({"status": {"phase": phase}});
        assert_eq!(outcome(&phase("Completed")), Some(Outcome::Completed));
        assert_eq!(outcome(&phase("Failed")), Some(Outcome::Failed));
        assert_eq!(outcome(&phase("Restoring")), None);
        assert_eq!(outcome(&json!({})), None);
    }

    #[test]
    fn a_step_is_one_of_its_handoff() {
        let object = json!({"status": {"steps": [{"step": "Hold", "leg": 1}]}});
        assert!(has_begun(&object, "Hold", 1));
        assert!(!has_begun(&object, "Hold", 2) && !has_begun(&object, "Commit", 1));
    }

    #[test]
    fn who_waits_for_a_person_says_so() {
        let stuck = |status: &str| json!({"status": {"conditions": [{"type": "Stuck", "status": status}]}});
        assert!(is_stuck(&stuck("True")));
        assert!(!is_stuck(&stuck("False")) && !is_stuck(&Value::Null));
    }

    #[test]
    fn a_fault_is_in_a_hold_if_all_of_it_is() {
        let leg = json!({"parkSent": "2026-11-30T10:00:01Z", "parked": "2026-11-30T10:00:03Z"});
        let object = json!({"status": {"legs": [leg, {"parkSent": "2026-11-30T10:00:09Z"}]}});
        let at = |second: i64| -> jiff::Timestamp { format!("2026-11-30T10:00:0{second}Z").parse().unwrap() };
        assert!(in_a_hold(&object, at(1), at(2)));
        assert!(!in_a_hold(&object, at(0), at(2)));
        assert!(!in_a_hold(&object, at(2), at(4)));
    }

    #[test]
    fn a_pause_is_the_longest_of_the_handoffs() {
        let leg = |from: u8, to: u8| json!({"parkSent": format!("2026-11-30T10:00:0{from}Z"), "released": format!("2026-11-30T10:00:0{to}Z")});
        let object = json!({"status": {"legs": [leg(1, 2), leg(3, 6), {"parkSent": null}]}});
        assert_eq!(pause(&object), Some(3_000));
        assert_eq!(pause(&Value::Null), None);
    }
}
