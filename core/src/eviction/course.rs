//! What an Evacuation has come to, and which pods a migration is about. The migration is asked first: the Evacuation's status follows
//! it some moments later, and an eviction may come in between.

use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;

use crate::api::{Evacuation, EvacuationState, EvacuationStatus, Instance, Phase, StatefulMigration};
use crate::names;

/// What an Evacuation has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Course<'a> {
    /// There is no migration yet.
    Waits {
        /// For what.
        why: Option<&'a str>,
        /// A controller has looked at it.
        heard: bool,
    },
    /// There is a migration, and it has not ended.
    Moves,
    /// The pod was moved.
    Arrived {
        /// When.
        at: Timestamp,
    },
    /// The pod is not moved.
    LetGo {
        /// Why.
        why: &'a str,
    },
}

/// What `evacuation` has come to, by its status and the migrations of its namespace.
pub fn course<'a>(evacuation: &'a Evacuation, migrations: &[StatefulMigration]) -> Course<'a> {
    if let Some(why) = &evacuation.spec.let_go {
        return Course::LetGo { why };
    }
    let blank = EvacuationStatus::default();
    let status = evacuation.status.as_ref().unwrap_or(&blank);
    let reason = evacuation
        .status
        .as_ref()
        .and_then(|status| status.reason.as_deref());
    let name = migration_of(evacuation);
    let migration = migrations.iter().find(|one| Some(one.name_any()) == name);
    match status.state {
        EvacuationState::LetGo => Course::LetGo {
            why: reason.unwrap_or_default(),
        },
        EvacuationState::Moved => arrived(migration, status, evacuation),
        EvacuationState::Waiting if migration.is_none() => Course::Waits {
            why: reason,
            heard: evacuation.status.is_some(),
        },
        EvacuationState::Waiting | EvacuationState::Moving => match migration.and_then(phase) {
            Some(Phase::Completed) => arrived(migration, status, evacuation),
            Some(_) | None => Course::Moves,
        },
    }
}

fn arrived<'a>(
    migration: Option<&StatefulMigration>,
    status: &EvacuationStatus,
    evacuation: &Evacuation,
) -> Course<'a> {
    let completed = migration.and_then(|migration| migration.status.as_ref()?.completion_time.as_ref());
    let at = status
        .ended
        .as_ref()
        .or(completed)
        .unwrap_or(&evacuation.spec.at)
        .0;
    Course::Arrived { at }
}

fn phase(migration: &StatefulMigration) -> Option<Phase> {
    migration.status.as_ref().map(|status| status.phase)
}

/// Name of the migration that it causes or has caused; it follows from its UID.
pub fn migration_of(evacuation: &Evacuation) -> Option<String> {
    let written = evacuation
        .status
        .as_ref()
        .and_then(|status| status.migration.clone());
    written.or_else(|| {
        let uid = evacuation.metadata.uid.as_deref()?;
        Some(names::evacuating_migration(&evacuation.spec.pod, uid))
    })
}

/// Whether it will move something, and has not ended.
pub fn is_to_move(migration: &StatefulMigration) -> bool {
    !migration.spec.plan_only && phase(migration).is_none_or(|phase| !phase.is_terminal())
}

/// Whether it has begun to move its pod, and has not ended.
pub(super) fn has_begun(migration: &StatefulMigration) -> bool {
    let planned = migration
        .status
        .as_ref()
        .is_some_and(|status| status.plan.is_some());
    planned && is_to_move(migration)
}

/// Names of all its pods: source, stand-in, copy.
pub(super) fn pods(migration: &StatefulMigration) -> impl Iterator<Item = &str> {
    let legs = migration.status.iter().flat_map(|status| &status.legs);
    legs.flat_map(|leg| [leg.from.pod.as_str(), leg.to.pod.as_str()])
        .chain([migration.spec.source_pod.as_str()])
}

/// A pod, by UID where it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Holder<'a> {
    pub(super) pod: &'a str,
    pub(super) uid: Option<&'a str>,
}

/// The pod with the only copy of the memory that counts: before a commit the one that is left, after it the one that took over.
pub(super) fn holder(migration: &StatefulMigration) -> Option<Holder<'_>> {
    fn of(instance: &Instance) -> Holder<'_> {
        Holder {
            pod: &instance.pod,
            uid: instance.uid.as_deref(),
        }
    }
    let status = migration.status.as_ref()?;
    let Some(leg) = status.legs.last() else {
        let source = &status.plan.as_ref()?.source;
        return Some(Holder {
            pod: &source.name,
            uid: Some(&source.uid),
        });
    };
    Some(of(if leg.committed.is_some() {
        &leg.to
    } else {
        &leg.from
    }))
}
