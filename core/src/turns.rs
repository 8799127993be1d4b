//! Which migrations may be under way at the same time. Pure.
//!
//! Guarantee: never two for one pod or one queue; never more for one node, or for all of them, than the limits say. Who
//! is over a limit waits; who wants what is being moved already is refused. Whose turn it is: [`round`]. What policies say of one
//! move's turn: [`Standing`].

use std::cmp::Reverse;
use std::collections::HashMap;

use k8s_openapi::jiff::Timestamp;

use crate::api::{MigrationStatus, StatefulMigration};
use crate::waiting::{InLine, Obstacle, WaitsFor};

pub mod round;
#[cfg(test)]
mod rounds_tests;
mod standing;
#[cfg(test)]
mod tests;

pub use standing::{Bound, Standing};

/// How many moves at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// From or to one node.
    pub per_node: usize,
    /// In the whole cluster.
    pub per_cluster: usize,
}

/// What a migration is about to occupy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wish<'a> {
    /// UID of the migration.
    pub uid: &'a str,
    /// Namespace of both.
    pub namespace: &'a str,
    /// UID of the pod.
    pub pod: &'a str,
    /// Broker, virtual host and queue as one text.
    pub stream: &'a str,
    /// Node it moves from.
    pub from: &'a str,
    /// Node it moves to.
    pub to: &'a str,
}

/// Whether it may begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Now.
    Begin,
    /// Later; what it waits for.
    Wait(InLine),
    /// Never; somebody else moves the same thing.
    Refuse(String),
}

/// Decides, given all migrations of the cluster.
pub fn turn(limits: Limits, standing: &Standing, wish: &Wish<'_>, all: &[StatefulMigration]) -> Turn {
    let others: Vec<&StatefulMigration> = all.iter().filter(|other| is_under_way(other, wish)).collect();
    for other in &others {
        if let Some(same) = same_thing(other, wish) {
            return Turn::Refuse(format!(
                "StatefulMigration {} is moving {same} already",
                name(other)
            ));
        }
    }
    let nodes = [wish.from, wish.to];
    let full = full(limits, &nodes, others.iter().copied())
        .or_else(|| standing.over(wish.namespace, &nodes, &counted(others.into_iter())));
    match full {
        Some(obstacle) => {
            let me = all
                .iter()
                .find(|one| one.metadata.uid.as_deref() == Some(wish.uid));
            let before = me.map_or(0, |me| before(me, all.iter()));
            Turn::Wait(InLine { obstacle, before })
        }
        None => Turn::Begin,
    }
}

/// What a migration waits for before anybody is asked anything for it: a place among those under way, and those that go before
/// it: those of a higher priority, of its namespace by arrival, of others in turns. `None`: it may be prepared. `had` says when a
/// namespace had its last turn, where that shows in no migration.
///
/// Decided by what is known of the objects alone: hundreds that wait must cost those under way nothing.
pub fn line<'a>(
    limits: Limits,
    standing: &Standing,
    me: &'a StatefulMigration,
    all: impl Iterator<Item = &'a StatefulMigration> + Clone,
    had: impl Fn(&str) -> Option<Timestamp>,
) -> Option<InLine> {
    let others = || all.clone().filter(|other| other.metadata.uid != me.metadata.uid);
    let under_way = || others().filter(|other| has_begun(other));
    let before = before(me, all.clone());
    let nodes: Vec<&str> = wanted_nodes(me).collect();
    let namespace = me.metadata.namespace.as_deref().unwrap_or_default();
    let counted = counted(under_way());
    let full = full(limits, &nodes, under_way())
        .or_else(|| standing.over(namespace, &nodes, &counted))
        .or_else(|| {
            let same = |other: &&StatefulMigration| came_before(other, me) && standing.is_shared_with(other);
            let first = others().filter(same).filter(|other| is_in_line(other)).count();
            (first >= standing.room(namespace, &nodes, &counted)).then_some(Obstacle::Earlier)
        });
    let busy = moves_by_node(under_way().filter(|other| counts(other)));
    let free_at = |node: &str| {
        limits
            .per_node
            .saturating_sub(busy.get(node).copied().unwrap_or_default())
    };
    let could = |other: &StatefulMigration| {
        let can = is_in_line(other) && !standing::is_kept(other);
        can && wanted_nodes(other).all(|node| free_at(node) > 0)
    };
    let first = |of_those: &dyn Fn(&StatefulMigration) -> bool, free: usize| {
        let could = |other: &StatefulMigration| could(other) && of_those(other);
        let higher = others().filter(|other| standing::of(other) > standing.priority);
        let higher = higher.filter(|other| could(other)).count();
        if higher > 0 && higher >= free {
            return Some(Obstacle::Priority);
        }
        let equal = |other: &StatefulMigration| standing::of(other) == standing.priority && could(other);
        round::ahead(me, all.clone(), equal, |other| came_before(other, me), &had).obstacle(free - higher)
    };
    let free = limits
        .per_cluster
        .saturating_sub(under_way().filter(|other| counts(other)).count());
    let at = |node: &&str| {
        first(
            &|other| wanted_nodes(other).any(|wanted| wanted == *node),
            free_at(node),
        )
    };
    let obstacle = full
        .or_else(|| first(&|_| true, free))
        .or_else(|| nodes.iter().find_map(at))?;
    Some(InLine { obstacle, before })
}

/// The nodes of which is known that it needs a place there.
fn wanted_nodes(migration: &StatefulMigration) -> impl Iterator<Item = &str> {
    let status = migration.status.as_ref();
    let waited_for = status.and_then(|status| status.waiting.as_ref()?.node.as_deref());
    migration
        .spec
        .target_node
        .as_deref()
        .into_iter()
        .chain(waited_for)
}

fn moves_by_node<'a>(under_way: impl Iterator<Item = &'a StatefulMigration>) -> HashMap<&'a str, usize> {
    let mut busy = HashMap::new();
    for plan in under_way.filter_map(|one| one.status.as_ref()?.plan.as_ref()) {
        *busy.entry(plan.source_node.as_str()).or_default() += 1;
        if plan.target_node != plan.source_node {
            *busy.entry(plan.target_node.as_str()).or_default() += 1;
        }
    }
    busy
}

/// Moves of its namespace that wait for their turn and go before it. One whose broker does not answer cannot begin however many places
/// are free, so it is before no other; nor is one that waits for a person.
pub fn before<'a>(me: &StatefulMigration, all: impl Iterator<Item = &'a StatefulMigration>) -> usize {
    all.filter(|other| other.metadata.uid != me.metadata.uid && came_before(other, me))
        .filter(|other| is_in_line(other))
        .count()
}

fn is_in_line(migration: &StatefulMigration) -> bool {
    let is_stuck = migration.status.as_ref().is_some_and(MigrationStatus::is_stuck);
    waits(migration) && !is_held_up(migration) && !is_stuck
}

/// Whether it waits for something that no turn brings: an answer of its broker, its budget, a node that can take its pod.
pub fn is_held_up(migration: &StatefulMigration) -> bool {
    let status = migration.status.as_ref();
    let waiting = status.and_then(|status| status.waiting.as_ref());
    waiting.is_some_and(|waiting| match waiting.r#for {
        WaitsFor::Answer | WaitsFor::Budget | WaitsFor::Node => true,
        WaitsFor::MovesPerCluster
        | WaitsFor::MovesPerNode
        | WaitsFor::PolicyLimit
        | WaitsFor::HigherPriority
        | WaitsFor::EarlierMoves
        | WaitsFor::OtherNamespaces
        | WaitsFor::Preparation
        | WaitsFor::Pause
        | WaitsFor::Plans => false,
    })
}

/// A move that has not begun and was not called off.
fn waits(migration: &StatefulMigration) -> bool {
    let ended = migration
        .status
        .as_ref()
        .is_some_and(|status| status.phase.is_terminal());
    !migration.spec.plan_only
        && !has_begun(migration)
        && !ended
        && migration.metadata.deletion_timestamp.is_none()
        && !migration.spec.cancel
}

/// In the same namespace, by priority, then by time; by name where they came within the same second.
fn came_before(other: &StatefulMigration, me: &StatefulMigration) -> bool {
    let order = |one: &StatefulMigration| {
        let metadata = &one.metadata;
        (
            Reverse(standing::of(one)),
            metadata.creation_timestamp.as_ref().map(|time| time.0),
            metadata.name.clone(),
        )
    };
    other.metadata.namespace == me.metadata.namespace && order(other) < order(me)
}

/// Why there is no place among those under way, if there is none. One that waits for a person keeps what it has, and takes no
/// place from others.
fn full<'a>(
    limits: Limits,
    nodes: &[&str],
    under_way: impl Iterator<Item = &'a StatefulMigration>,
) -> Option<Obstacle> {
    let others = counted(under_way);
    if others.len() >= limits.per_cluster {
        return Some(Obstacle::Cluster {
            under_way: others.len(),
        });
    }
    nodes.iter().find_map(|node| {
        let under_way = others.iter().filter(|other| touches(other, node)).count();
        (under_way >= limits.per_node).then(|| Obstacle::Node {
            node: (*node).to_owned(),
            under_way,
        })
    })
}

fn counted<'a>(under_way: impl Iterator<Item = &'a StatefulMigration>) -> Vec<&'a StatefulMigration> {
    under_way.filter(|other| counts(other)).collect()
}

fn counts(migration: &StatefulMigration) -> bool {
    migration.status.as_ref().is_none_or(|status| !status.is_stuck())
}

/// Whether it has a plan and has not ended. Those that have not begun are nobody's rivals yet: if each gave way to
/// the others, none would begin. Which of them does is decided by [`turn`].
pub fn has_begun(migration: &StatefulMigration) -> bool {
    let status = migration.status.as_ref();
    status.is_some_and(|status| status.plan.is_some() && !status.phase.is_terminal())
}

fn is_under_way(other: &StatefulMigration, wish: &Wish<'_>) -> bool {
    has_begun(other) && other.metadata.uid.as_deref() != Some(wish.uid)
}

fn same_thing(other: &StatefulMigration, wish: &Wish<'_>) -> Option<&'static str> {
    let plan = other.status.as_ref()?.plan.as_ref()?;
    if plan.source.uid == wish.pod {
        return Some("this pod");
    }
    (plan.queue.stream == wish.stream).then_some("the consumer of the same queue")
}

fn touches(other: &StatefulMigration, node: &str) -> bool {
    let plan = other.status.as_ref().and_then(|status| status.plan.as_ref());
    plan.is_some_and(|plan| plan.source_node == node || plan.target_node == node)
}

fn name(migration: &StatefulMigration) -> String {
    let metadata = &migration.metadata;
    format!(
        "{}/{}",
        metadata.namespace.as_deref().unwrap_or_default(),
        metadata.name.as_deref().unwrap_or_default()
    )
}
