//! What the disruption budgets have to do with moves that evictions caused: when such a move may begin, and that it counts against them
//! from its begin to its end, as an eviction would until another pod is ready.
//!
//! Guarantee: of the pods of one budget, never more leave at the same time than it allows, by such moves and by evictions together. The
//! budget itself knows nothing of a move: source, stand-in and copy are ready pods to it.

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::ResourceExt;
use kube::core::{Selector, SelectorExt};

use super::course::{self, migration_of};
use crate::api::{Evacuation, StatefulMigration};

/// What the budgets of the pod's namespace say against a move of `pod`, while `moving` are moved because of evictions.
pub fn against(pod: &Pod, budgets: &[PodDisruptionBudget], moving: &[Pod]) -> Option<String> {
    let mut told = budgets.iter().filter_map(|budget| spent(pod, budget, moving));
    told.next()
}

/// What they say against an eviction of `pod` as ever, beyond what the API server itself says: the places that moves take.
pub fn taken(pod: &Pod, budgets: &[PodDisruptionBudget], moving: &[Pod]) -> Option<String> {
    // A pod that is not ready takes nothing from a budget.
    if !is_ready(pod) {
        return None;
    }
    let mut taken = budgets.iter().filter_map(|budget| {
        let selector = selector(budget)?.ok()?;
        let places = Places::of(pod, budget, &selector, moving)?;
        (places.taken > 0 && places.are_taken()).then(|| places.to_string())
    });
    taken.next()
}

fn spent(pod: &Pod, budget: &PodDisruptionBudget, moving: &[Pod]) -> Option<String> {
    let name = budget.name_any();
    let selector = match selector(budget)? {
        Ok(selector) => selector,
        Err(error) => {
            return Some(format!(
                "PodDisruptionBudget {name} cannot be read: {error}. Correct its selector"
            ));
        }
    };
    let places = Places::of(pod, budget, &selector, moving)?;
    let status = budget.status.as_ref();
    if status.and_then(|status| status.observed_generation) < budget.metadata.generation {
        return Some(format!(
            "PodDisruptionBudget {name} is new, and its state is not known yet"
        ));
    }
    places.are_taken().then(|| places.to_string())
}

/// Without a selector a budget is about no pod at all.
fn selector(budget: &PodDisruptionBudget) -> Option<Result<Selector, String>> {
    let selector = budget.spec.as_ref()?.selector.clone()?;
    Some(Selector::try_from(selector).map_err(|error| error.to_string()))
}

/// The disruptions that a budget allows, and those of them that moves take.
struct Places {
    budget: String,
    allowed: i32,
    taken: i32,
}

impl Places {
    /// `None`: the budget does not speak of `pod`.
    fn of(pod: &Pod, budget: &PodDisruptionBudget, selector: &Selector, moving: &[Pod]) -> Option<Self> {
        if !selector.matches(pod.labels()) {
            return None;
        }
        let status = budget.status.as_ref();
        let taken = moving
            .iter()
            .filter(|other| selector.matches(other.labels()))
            .count();
        Some(Self {
            budget: budget.name_any(),
            allowed: status.and_then(|status| status.disruptions_allowed).unwrap_or(0),
            taken: i32::try_from(taken).unwrap_or(i32::MAX),
        })
    }

    fn are_taken(&self) -> bool {
        self.allowed <= self.taken
    }
}

impl std::fmt::Display for Places {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            budget,
            allowed,
            taken,
        } = self;
        write!(
            f,
            "PodDisruptionBudget {budget} allows {allowed} disruptions now, and {taken} moves that evictions caused take them"
        )
    }
}

fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_ref());
    conditions
        .into_iter()
        .flatten()
        .any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

/// The migrations that evictions caused and that have not ended. One that is stuck waits for a person, and its budget with it no longer.
pub fn ordered<'a>(
    evacuations: &'a [Evacuation],
    migrations: &'a [StatefulMigration],
) -> impl Iterator<Item = &'a StatefulMigration> {
    let is_caused = move |migration: &&StatefulMigration| {
        let name = Some(migration.name_any());
        evacuations
            .iter()
            .any(|evacuation| migration_of(evacuation) == name)
    };
    let is_stuck = |migration: &StatefulMigration| {
        let status = migration.status.as_ref();
        status.is_some_and(crate::api::MigrationStatus::is_stuck)
    };
    let goes_on = move |migration: &&StatefulMigration| course::is_to_move(migration) && !is_stuck(migration);
    migrations.iter().filter(goes_on).filter(is_caused)
}

/// Those of them that have begun.
pub fn begun<'a>(
    evacuations: &'a [Evacuation],
    migrations: &'a [StatefulMigration],
) -> impl Iterator<Item = &'a StatefulMigration> {
    ordered(evacuations, migrations).filter(|migration| course::has_begun(migration))
}

/// Names of the pods by whose labels `migration` counts, those of source, stand-in and copy that are there; the first that is.
pub fn names(migration: &StatefulMigration) -> impl Iterator<Item = &str> {
    course::pods(migration)
}

/// That pod.
pub fn counted(migration: &StatefulMigration, pods: &[Pod]) -> Option<Pod> {
    names(migration).find_map(|name| pods.iter().find(|pod| pod.name_any() == name).cloned())
}
