//! What policies would have decided about a migration that is there already. Pure.

use k8s_openapi::api::core::v1::Node;
use kube::ResourceExt;

use super::judging::{closed, judge, judge_plan};
use super::merging::OnInexact;
use super::words::joined;
use super::{Filled, Selected, fill};
use crate::api::StatefulMigration;
use crate::validate::{DEADLINE_SECONDS, Refusal};

/// What would have become of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Would {
    /// Why it would have been refused; none: allowed.
    pub refusals: Vec<Refusal>,
    /// What would have been filled in.
    pub filled: Vec<Filled>,
}

/// What they would have decided when it was created, and when its plan was made. What is not known any more is not judged: a node that
/// is gone, and a choice that was never made.
pub fn would(selected: &Selected, migration: &StatefulMigration, nodes: &[Node]) -> Would {
    let mut spec = migration.spec.clone();
    // Whether its user wrote the ordinary default is not kept.
    spec.deadline_seconds = spec
        .deadline_seconds
        .filter(|seconds| *seconds != DEADLINE_SECONDS);
    let filled = fill(selected, &mut spec);
    let plan = migration.status.as_ref().and_then(|status| status.plan.as_ref());
    let created = migration.metadata.creation_timestamp.as_ref();
    let denials = judge(selected, &spec)
        .into_iter()
        .chain(plan.into_iter().flat_map(|plan| judge_plan(selected, plan)))
        .chain(
            created
                .filter(|_| !spec.plan_only)
                .and_then(|created| closed(selected, created.0)),
        );
    let mut refusals: Vec<Refusal> = Vec::new();
    for refusal in denials.map(Refusal::from) {
        if !refusals.contains(&refusal) {
            refusals.push(refusal);
        }
    }
    let target = plan.map(|plan| &plan.target_node).or(spec.target_node.as_ref());
    refusals.extend(target.and_then(|target| barred(selected, target, nodes)));
    let is_inexact = plan.is_some_and(|plan| plan.queue.inexact.is_some());
    if let (true, OnInexact::Refused(by)) = (is_inexact, selected.on_inexact()) {
        refusals.push(Refusal {
            field: "spec.sourcePod",
            message: format!(
                "the move was not known to be exact, which is not allowed by {} (inexactHandoff)",
                joined(&by)
            ),
        });
    }
    Would { refusals, filled }
}

fn barred(selected: &Selected, target: &str, nodes: &[Node]) -> Option<Refusal> {
    let node = nodes.iter().find(|node| node.name_any() == target)?;
    let by = selected.bar(node);
    (!by.is_empty()).then(|| Refusal {
        field: "spec.targetNode",
        message: format!(
            "node {target:?} is not allowed by {} (allowed.targetNodes)",
            joined(&by)
        ),
    })
}
