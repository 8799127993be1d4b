//! On what a verdict rests: what was weighed before the move, one line each.

use shadow_core::api::MigrationStatus;
use shadow_core::premise::{Class, Outcome, Told};

/// The lines; none of a move that was not weighed yet, or was planned by an earlier version.
pub(super) fn premises(status: &MigrationStatus) -> Vec<String> {
    told(status).map(line).collect()
}

/// What was weighed: as the verdict has it, or else the plan.
pub(crate) fn told(status: &MigrationStatus) -> impl Iterator<Item = &Told> {
    let of_plan = status.plan.as_ref().map(|plan| &plan.premises);
    let of_verdict = status.verdict.as_ref().map(|verdict| &verdict.premises);
    let told = [of_verdict, of_plan]
        .into_iter()
        .flatten()
        .find(|told| !told.is_empty());
    told.into_iter().flatten()
}

fn line(told: &Told) -> String {
    let weighed = weighed(told);
    format!("{weighed:<9}  {}: {} ({})", told.premise, told.what, told.source)
}

/// How a premise was weighed, in a word.
pub(crate) fn weighed(told: &Told) -> &'static str {
    match (told.premise.class(), told.outcome) {
        (Class::Told, Outcome::Seen) => "note",
        (Class::Told, Outcome::Contradicted) => "WARNING",
        (_, Outcome::Seen) => "seen",
        (_, Outcome::Contradicted) => "NOT SO",
        (_, Outcome::NotKnown) => "NOT KNOWN",
    }
}
