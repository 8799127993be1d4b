//! What policies say of the turn of a move: its priority, and how many may be under way beside it. Pure.

use super::selecting::Selected;
use super::words::joined;
use crate::api::{PolicyLimits, PolicyRules};
use crate::turns::{Bound, Standing};

/// Whether a policy with these rules says anything of turns.
pub fn limits_turns(rules: &PolicyRules) -> bool {
    rules.limits.as_ref().is_some_and(|limits| {
        [
            limits.moves_per_namespace,
            limits.moves_per_node,
            limits.moves_per_cluster,
        ]
        .iter()
        .any(Option::is_some)
    })
}

impl Selected {
    /// Its standing among those that wait.
    pub fn standing(&self) -> Standing {
        let bound = |limit: fn(&PolicyLimits) -> Option<u32>| {
            let least = self.least(|policy| limit(&policy.limits))?;
            Some(Bound {
                most: usize::try_from(least.most).unwrap_or(usize::MAX),
                by: joined(&least.by),
            })
        };
        Standing {
            priority: self
                .foremost(|policy| policy.priority)
                .map_or(0, |foremost| foremost.value),
            per_namespace: bound(|limits| limits.moves_per_namespace),
            per_node: bound(|limits| limits.moves_per_node),
            per_cluster: bound(|limits| limits.moves_per_cluster),
        }
    }

    /// Policies that are as specific as the one that sets the priority, and set another one.
    pub fn other_priorities(&self) -> Option<String> {
        let foremost = self.foremost(|policy| policy.priority)?;
        (!foremost.passed_over.is_empty()).then(|| {
            format!(
                "priority {} is that of {}; another one is set by {}, which cover the pod as closely, so the first name counts",
                foremost.value,
                foremost.by,
                joined(&foremost.passed_over)
            )
        })
    }
}
