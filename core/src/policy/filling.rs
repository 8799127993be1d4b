//! What policies fill in where a migration leaves it out. Pure.
//!
//! Guarantee: nothing that a user wrote is changed, and filled in once, a spec is not filled in again. What another policy does not
//! allow is not filled in, and a warning says so.

use k8s_openapi::jiff::SignedDuration;

use super::judging::owned;
use super::merging::{Foremost, Lists};
use super::pause;
use super::selecting::{Name, Selected};
use crate::api::StatefulMigrationSpec;
use crate::validate::DEADLINE_SECONDS;

/// Something that was filled in, or was not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filled {
    /// The field.
    pub field: &'static str,
    /// The value.
    pub value: String,
    /// The policies that it comes from.
    pub by: Vec<Name>,
    /// Policies that are as specific and have another value.
    pub passed_over: Vec<Name>,
    /// Policies that do not allow it, so that the field stays left out.
    pub barred_by: Vec<Name>,
}

/// Fills in what `spec` leaves out; says what and why.
pub fn fill(selected: &Selected, spec: &mut StatefulMigrationSpec) -> Vec<Filled> {
    let mut filled = Vec::new();
    ways(selected, spec, &mut filled);
    let others = [
        free(
            "spec.checkpointBackend",
            &mut spec.checkpoint_backend,
            selected.default_of(|d| d.checkpoint_backend),
        ),
        // The object of a plan goes soon anyway.
        free(
            "spec.ttlSecondsAfterFinished",
            &mut spec.ttl_seconds_after_finished,
            selected
                .default_of(|d| d.ttl_seconds_after_finished)
                .filter(|_| !spec.plan_only),
        ),
        free(
            "spec.checkpointImageRepository",
            &mut spec.checkpoint_image_repository,
            selected.default_of(|d| d.checkpoint_image_repository.clone()),
        ),
        free(
            "spec.checkpointImageSecretRef",
            &mut spec.checkpoint_image_secret_ref,
            selected.default_of(|d| d.checkpoint_image_secret_ref.clone()),
        ),
        deadline(selected, spec),
        max_pause(selected, spec),
    ];
    filled.extend(others.into_iter().flatten());
    filled
}

fn ways(selected: &Selected, spec: &mut StatefulMigrationSpec, filled: &mut Vec<Filled>) {
    let all = [
        listed(
            "spec.migrationStrategy",
            &mut spec.migration_strategy,
            selected.default_of(|d| d.migration_strategy),
            &selected.lists(|allowed| allowed.strategies.as_ref()),
        ),
        listed(
            "spec.handoff",
            &mut spec.handoff,
            selected.default_of(|d| d.handoff),
            &selected.lists(|allowed| allowed.handoffs.as_ref()),
        ),
        listed(
            "spec.transferMode",
            &mut spec.transfer_mode,
            selected.default_of(|d| d.transfer_mode),
            &selected.lists(|allowed| allowed.transfer_modes.as_ref()),
        ),
        listed(
            "spec.restoreBackend",
            &mut spec.restore_backend,
            selected.default_of(|d| d.restore_backend),
            &selected.lists(|allowed| allowed.restore_backends.as_ref()),
        ),
    ];
    filled.extend(all.into_iter().flatten());
}

/// A value that policies may list.
fn listed<T>(
    field: &'static str,
    slot: &mut Option<T>,
    default: Option<Foremost<'_, T>>,
    lists: &Lists<'_, T>,
) -> Option<Filled>
where
    T: PartialEq + Copy + std::fmt::Debug,
{
    let default = default.filter(|_| slot.is_none())?;
    let against = lists.against(default.value);
    if against.is_empty() {
        *slot = Some(default.value);
    }
    Some(Filled {
        barred_by: owned(&against),
        ..told(field, format!("{:?}", default.value), &default)
    })
}

/// A value that no policy lists.
fn free<T>(field: &'static str, slot: &mut Option<T>, default: Option<Foremost<'_, T>>) -> Option<Filled>
where
    T: PartialEq + Clone + serde::Serialize,
{
    let default = default.filter(|_| slot.is_none())?;
    let value = match serde_json::to_value(&default.value) {
        Ok(serde_json::Value::String(text)) => text,
        Ok(other) => other.to_string(),
        Err(_) => String::new(),
    };
    *slot = Some(default.value.clone());
    Some(told(field, value, &default))
}

fn told<T>(field: &'static str, value: String, default: &Foremost<'_, T>) -> Filled {
    Filled {
        field,
        value,
        by: vec![default.by.clone()],
        passed_over: owned(&default.passed_over),
        barred_by: Vec::new(),
    }
}

/// The default, or what the limit leaves of it. The ordinary default is filled in elsewhere, if it keeps the limit.
fn deadline(selected: &Selected, spec: &mut StatefulMigrationSpec) -> Option<Filled> {
    const FIELD: &str = "spec.deadlineSeconds";
    if spec.deadline_seconds.is_some() {
        return None;
    }
    let default = selected.default_of(|d| d.deadline_seconds);
    let limit = selected.least(|policy| policy.limits.deadline_seconds);
    let wanted = default.as_ref().map_or(DEADLINE_SECONDS, |default| default.value);
    let filled = match (default, limit) {
        (_, Some(limit)) if limit.most < wanted => Filled {
            field: FIELD,
            value: limit.most.to_string(),
            by: owned(&limit.by),
            passed_over: Vec::new(),
            barred_by: Vec::new(),
        },
        (Some(default), _) => told(FIELD, wanted.to_string(), &default),
        (None, _) => return None,
    };
    spec.deadline_seconds = filled.value.parse().ok();
    Some(filled)
}

/// The default, or what the limit leaves of it: without any, a pause would have no bound.
fn max_pause(selected: &Selected, spec: &mut StatefulMigrationSpec) -> Option<Filled> {
    const FIELD: &str = "spec.maxPause";
    if spec.max_pause.is_some() {
        return None;
    }
    let default = selected.default_of(|d| d.max_pause.clone());
    let limit = selected.least(|policy| policy.max_pause);
    let exceeds = |text: &str, most: SignedDuration| pause::read(text).is_ok_and(|time| time > most);
    let filled = match (default, limit) {
        (Some(default), Some(limit)) if exceeds(&default.value, limit.most) => limited(FIELD, &limit),
        (Some(default), _) => told(FIELD, default.value.clone(), &default),
        (None, Some(limit)) => limited(FIELD, &limit),
        (None, None) => return None,
    };
    spec.max_pause = Some(filled.value.clone());
    Some(filled)
}

fn limited(field: &'static str, limit: &super::merging::Least<'_, SignedDuration>) -> Filled {
    Filled {
        field,
        value: pause::told(limit.most),
        by: owned(&limit.by),
        passed_over: Vec::new(),
        barred_by: Vec::new(),
    }
}
