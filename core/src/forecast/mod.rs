//! How long the coming steps of a move will take. Pure.
//!
//! The best that is known counts: finished moves of the same application; else finished moves of this cluster that went the same
//! way; else what was measured on one machine ([`measured`]), and then a forecast says so.
//!
//! Guarantee: a forecast names each step that the machine takes when nothing breaks, in its order.

pub mod basis;
mod finished;
mod measured;

pub use finished::{Finished, application};

use crate::api::{HoldKind, Plan, Step};
use crate::machine::Route;

/// As many finished moves of an application make its own forecast.
const ENOUGH: usize = 2;

/// What the coming steps will take.
#[derive(Clone, Debug, PartialEq)]
pub struct Forecast {
    /// In the order in which they are taken.
    pub steps: Vec<Expected>,
    /// On what it rests.
    pub basis: Basis,
}

/// One step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expected {
    /// From 1; 0 for what is before the first handoff.
    pub handoff: u8,
    /// The step.
    pub step: Step,
    /// How long it takes, milliseconds.
    pub millis: u64,
}

/// On what a forecast rests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    /// So many finished moves of the application.
    Application(usize),
    /// So many finished moves of other applications of this cluster.
    Cluster(usize),
    /// Measurements of another machine.
    Measurements,
}

/// The way of a move: what decides its steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Way {
    /// Its handoffs.
    pub route: Route,
    /// How deliveries are held.
    pub hold: HoldKind,
}

impl Way {
    /// Of a plan.
    pub fn of(plan: &Plan) -> Self {
        Self {
            route: Route::of(plan),
            hold: plan.queue.hold,
        }
    }

    /// Each step with its handoff, in order.
    pub fn steps(self) -> impl Iterator<Item = (u8, Step)> {
        let handoffs = (1..=self.route.handoffs()).flat_map(move |handoff| {
            let first = Some(Step::Stage);
            let next = move |step: &Step| self.route.after(self.hold, *step, handoff);
            std::iter::successors(first, next).map(move |step| (handoff, step))
        });
        let before = std::iter::once((0, Step::Prepare));
        let after = std::iter::once((self.route.handoffs(), Step::Clean));
        before.chain(handoffs).chain(after)
    }
}

/// The forecast of a move of `application` with so many bytes of memory, from moves that have finished.
pub fn of(way: Way, application: &str, bytes: u64, past: &[Finished]) -> Forecast {
    let alike: Vec<&Finished> = past.iter().filter(|one| one.way == way).collect();
    let own: Vec<&Finished> = alike
        .iter()
        .copied()
        .filter(|one| one.application == application)
        .collect();
    let (known, basis) = match (own.len(), alike.len()) {
        (ENOUGH.., _) => (own, Basis::Application(alike_count(past, way, application))),
        (_, 0) => (alike, Basis::Measurements),
        (_, all) => (alike, Basis::Cluster(all)),
    };
    let steps = way.steps().map(|(handoff, step)| Expected {
        handoff,
        step,
        millis: expected(way, handoff, step, bytes, &known),
    });
    Forecast {
        steps: steps.collect(),
        basis,
    }
}

fn alike_count(past: &[Finished], way: Way, application: &str) -> usize {
    past.iter()
        .filter(|one| one.way == way && one.application == application)
        .count()
}

/// The median of what is known; what grows with the memory is compared with what was measured for that much memory.
fn expected(way: Way, handoff: u8, step: Step, bytes: u64, known: &[&Finished]) -> u64 {
    let measured = measured::of(way, handoff, step);
    let base = measured.at(bytes);
    let took = known
        .iter()
        .filter_map(|one| Some((one.took(handoff, step)?, measured.at(one.bytes))));
    let scaled = took.map(|(took, then)| match then {
        0 => took,
        then => took.saturating_mul(base.max(1)) / then,
    });
    median(scaled.collect()).unwrap_or(base)
}

fn median(mut values: Vec<u64>) -> Option<u64> {
    values.sort_unstable();
    let upper = values.len() / 2;
    let lower = upper.checked_sub(usize::from(values.len().is_multiple_of(2)))?;
    Some(values.get(lower)?.midpoint(*values.get(upper)?))
}

impl Forecast {
    /// All of it, milliseconds.
    pub fn total(&self) -> u64 {
        self.steps.iter().map(|one| one.millis).sum()
    }

    /// What is left from this step on, the step included, milliseconds.
    pub fn from(&self, handoff: u8, step: Step) -> u64 {
        let rest = self
            .steps
            .iter()
            .skip_while(|one| (one.handoff, one.step) != (handoff, step));
        rest.map(|one| one.millis).sum()
    }

    /// How long a step is expected to take, milliseconds.
    pub fn step(&self, handoff: u8, step: Step) -> Option<u64> {
        let found = self
            .steps
            .iter()
            .find(|one| (one.handoff, one.step) == (handoff, step));
        found.map(|one| one.millis)
    }

    /// The longest time in which no instance consumes: from a hold to its release, milliseconds.
    pub fn pause(&self) -> u64 {
        let last = self.steps.iter().map(|one| one.handoff).max().unwrap_or(0);
        (1..=last)
            .map(|handoff| self.pause_of(handoff))
            .max()
            .unwrap_or(0)
    }

    /// The same of one handoff. A source that goes on after its dump leaves two: until it does, and after the commit.
    pub fn pause_of(&self, handoff: u8) -> u64 {
        match self.step(handoff, Step::Follow) {
            Some(_) => {
                let until_it_follows = self.between(handoff, Step::Hold, Step::Follow);
                until_it_follows.max(self.after_commit(handoff))
            }
            None => self.between(handoff, Step::Hold, Step::Release),
        }
    }

    /// What is left of a hold when its commit comes next, milliseconds.
    pub fn after_commit(&self, handoff: u8) -> u64 {
        self.between(handoff, Step::Commit, Step::Release)
    }

    /// From one step of a handoff to another one, both included.
    fn between(&self, handoff: u8, from: Step, to: Step) -> u64 {
        let of_this = self.steps.iter().filter(|one| one.handoff == handoff);
        let mut sum = 0;
        for one in of_this.skip_while(|one| one.step != from) {
            sum += one.millis;
            if one.step == to {
                break;
            }
        }
        sum
    }
}

#[cfg(test)]
mod tests;
