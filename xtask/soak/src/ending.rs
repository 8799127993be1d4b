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
    /// No part could be asked.
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
#[path = "ending_tests.rs"]
mod tests;
