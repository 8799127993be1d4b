//! What policies say of the turn of one move: its priority among those that wait, and how many may be under way when it begins.
//!
//! Guarantee: such a limit is kept beside those of the controller, so the smaller one counts. All moves under way count, whatever
//! policy selects them. Of several moves of a namespace that met the same limit, the one that came first begins first.

use super::touches;
use crate::api::StatefulMigration;
use crate::waiting::{Obstacle, PolicyLimit, WaitsFor};

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Those of a higher one begin first.
    pub priority: i32,
    /// Moves at once in its namespace.
    pub per_namespace: Option<Bound>,
    /// Moves at once from or to one of its nodes.
    pub per_node: Option<Bound>,
    /// Moves at once in the cluster.
    pub per_cluster: Option<Bound>,
}

/// A limit of policies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bound {
    /// So many.
    pub most: usize,
    /// The policies with this limit.
    pub by: String,
}

impl Standing {
    /// The limit that leaves no place among these.
    pub(super) fn over(
        &self,
        namespace: &str,
        nodes: &[&str],
        under_way: &[&StatefulMigration],
    ) -> Option<Obstacle> {
        let of_namespace =
            |other: &&&StatefulMigration| other.metadata.namespace.as_deref() == Some(namespace);
        let here = under_way.iter().filter(of_namespace).count();
        let of_node = |node: &&str| {
            let there = under_way.iter().filter(|other| touches(other, node)).count();
            over(
                self.per_node.as_ref(),
                there,
                PolicyLimit::Node((*node).to_owned()),
            )
        };
        over(self.per_namespace.as_ref(), here, PolicyLimit::Namespace)
            .or_else(|| over(self.per_cluster.as_ref(), under_way.len(), PolicyLimit::Cluster))
            .or_else(|| nodes.iter().find_map(of_node))
    }
}

impl Standing {
    fn bounds(&self) -> impl Iterator<Item = &Bound> {
        let all = [&self.per_namespace, &self.per_node, &self.per_cluster];
        all.into_iter().flatten()
    }

    /// How many may begin by its limits; without any, as many as there are.
    pub(super) fn room(&self, namespace: &str, nodes: &[&str], under_way: &[&StatefulMigration]) -> usize {
        let left = |bound: &Option<Bound>, count: usize| {
            bound
                .as_ref()
                .map_or(usize::MAX, |bound| bound.most.saturating_sub(count))
        };
        let here = under_way
            .iter()
            .filter(|other| other.metadata.namespace.as_deref() == Some(namespace))
            .count();
        let at_nodes = nodes.iter().map(|node| {
            let there = under_way.iter().filter(|other| touches(other, node)).count();
            left(&self.per_node, there)
        });
        left(&self.per_namespace, here)
            .min(left(&self.per_cluster, under_way.len()))
            .min(at_nodes.min().unwrap_or(usize::MAX))
    }

    /// Whether another one that waits has met the same limit.
    pub(super) fn is_shared_with(&self, other: &StatefulMigration) -> bool {
        let waiting = other.status.as_ref().and_then(|status| status.waiting.as_ref());
        let met = waiting.and_then(|waiting| waiting.policy.as_deref());
        met.is_some_and(|met| self.bounds().any(|bound| bound.by == met))
    }
}

/// Whether a limit of a policy keeps it from beginning: then it is ahead of no other.
pub(super) fn is_kept(migration: &StatefulMigration) -> bool {
    let status = migration.status.as_ref();
    let waiting = status.and_then(|status| status.waiting.as_ref());
    waiting.is_some_and(|waiting| waiting.r#for == WaitsFor::PolicyLimit)
}

fn over(bound: Option<&Bound>, under_way: usize, limit: PolicyLimit) -> Option<Obstacle> {
    let bound = bound.filter(|bound| under_way >= bound.most)?;
    Some(Obstacle::Policy {
        limit,
        under_way,
        by: bound.by.clone(),
    })
}

/// The priority of one that waits, as it was found when it was looked at last.
pub(super) fn of(migration: &StatefulMigration) -> i32 {
    let status = migration.status.as_ref();
    let waiting = status.and_then(|status| status.waiting.as_ref());
    waiting.and_then(|waiting| waiting.priority).unwrap_or_default()
}
