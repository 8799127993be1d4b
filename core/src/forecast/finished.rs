//! A move that has finished, as far as it tells how long the next one will take.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;

use super::Way;
use crate::api::{MigrationStatus, OwnerKind, Phase, Plan, StatefulMigration, Step, StepRecord};

/// See the module.
#[derive(Clone, Debug, PartialEq)]
pub struct Finished {
    /// Its way.
    pub way: Way,
    /// What was moved ([`application`]).
    pub application: String,
    /// Size of the first archive, bytes.
    pub bytes: u64,
    /// Handoff, step, milliseconds; each step that was finished.
    pub(super) steps: Vec<(u8, Step, u64)>,
}

impl Finished {
    /// Of a migration that moved its pod.
    pub fn of(migration: &StatefulMigration) -> Option<Self> {
        let status = migration.status.as_ref()?;
        let plan = status.plan.as_ref()?;
        // One that took a second attempt tells of that, not of the next move.
        let straight = status.legs.len() == usize::from(Way::of(plan).route.handoffs());
        if status.phase != Phase::Completed || !straight {
            return None;
        }
        Some(Self {
            way: Way::of(plan),
            application: application(plan),
            bytes: status.legs.first()?.checkpoint.as_ref()?.bytes,
            steps: steps(status, Way::of(plan)),
        })
    }

    /// How long a step took, milliseconds.
    pub fn took(&self, handoff: u8, step: Step) -> Option<u64> {
        let found = self
            .steps
            .iter()
            .find(|(one, what, _)| (*one, *what) == (handoff, step));
        found.map(|(_, _, millis)| *millis)
    }
}

/// What is moved: the pods of one owner are alike; a pod without an owner is like itself alone.
pub fn application(plan: &Plan) -> String {
    let namespace = &plan.source.namespace;
    match &plan.owner {
        Some(owner) => {
            let kind = match owner.kind {
                OwnerKind::StatefulSet => "statefulset",
                OwnerKind::ReplicaSet => "replicaset",
            };
            format!("{namespace}/{kind}/{}/{}", owner.name, plan.container)
        }
        None => format!("{namespace}/pod/{}/{}", plan.source.name, plan.container),
    }
}

pub(super) fn steps(status: &MigrationStatus, way: Way) -> Vec<(u8, Step, u64)> {
    let timed = status.steps.iter().filter_map(|one| {
        let millis = between(&one.started, one.finished.as_ref()?)?;
        Some((one.leg, counted_as(one, way), millis))
    });
    let mut steps: Vec<(u8, Step, u64)> = Vec::new();
    for (leg, step, millis) in timed {
        let known = steps
            .iter_mut()
            .find(|(one, what, _)| (*one, *what) == (leg, Step::Hold));
        match known.filter(|_| step == Step::Hold) {
            Some((_, _, sum)) => *sum += millis,
            None => steps.push((leg, step, millis)),
        }
    }
    steps
}

/// A fence that helped an application to wait is a part of its hold: it was asked to wait before.
fn counted_as(record: &StepRecord, way: Way) -> Step {
    if record.step == Step::Fence && !way.route.is_live(way.hold, record.leg) {
        Step::Hold
    } else {
        record.step
    }
}

fn between(from: &MicroTime, to: &MicroTime) -> Option<u64> {
    u64::try_from(to.0.as_millisecond() - from.0.as_millisecond()).ok()
}
