//! Waiting for a turn: for what, behind how many, since when, as data; the words for it in this file alone.

use std::fmt;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use k8s_openapi::jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// For what a migration waits before it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum WaitsFor {
    /// The cluster has as many moves under way as `--moves-per-cluster` allows.
    MovesPerCluster,
    /// A node has as many moves under way as `--moves-per-node` allows.
    MovesPerNode,
    /// As many moves are under way as a policy of the pod allows at once.
    PolicyLimit,
    /// Moves of a higher priority, which a ClusterMigrationPolicy gives.
    HigherPriority,
    /// Moves of its namespace that were ordered before it, for which there are not enough places.
    EarlierMoves,
    /// Moves of other namespaces, whose turn it is first.
    OtherNamespaces,
    /// As many moves are being prepared as the controller prepares at the same time.
    Preparation,
    /// Something that is needed for its preparation does not answer at the moment.
    Answer,
    /// Moves are paused (`kubectl shadow pause`).
    Pause,
    /// A disruption budget of the pod, which an eviction caused to move, is spent.
    Budget,
    /// No node can take the pod, which an eviction caused to move; one may be on its way.
    Node,
    /// As many plans without a move are being made as the controller makes at the same time.
    Plans,
}

/// The wait of a migration that has not begun.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Waiting {
    /// For what.
    pub r#for: WaitsFor,
    /// The pause, with who paused, since when and why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pause: Option<String>,
    /// The policies whose limit it waits for, or waited for last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// Its priority, where a ClusterMigrationPolicy gives one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<i32>,
    /// The node that has no place, or had none when it was last asked for one: other nodes than a named target are known only when a
    /// move is prepared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// Moves that are under way and count against that limit.
    #[serde(default)]
    pub under_way: u32,
    /// Moves of its namespace that wait and were ordered before it.
    #[serde(default)]
    pub before: u32,
    /// Since when it waits for its turn, whatever it waited for meanwhile.
    pub since: MicroTime,
}

/// What keeps a migration from beginning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// See [`WaitsFor::MovesPerCluster`].
    Cluster {
        /// As many are under way.
        under_way: usize,
    },
    /// See [`WaitsFor::MovesPerNode`].
    Node {
        /// The node.
        node: String,
        /// As many are under way.
        under_way: usize,
    },
    /// See [`WaitsFor::PolicyLimit`].
    Policy {
        /// Which limit.
        limit: PolicyLimit,
        /// As many are under way.
        under_way: usize,
        /// The policies with this limit.
        by: String,
    },
    /// See [`WaitsFor::HigherPriority`].
    Priority,
    /// See [`WaitsFor::EarlierMoves`].
    Earlier,
    /// See [`WaitsFor::OtherNamespaces`].
    Others,
    /// See [`WaitsFor::Preparation`].
    Preparation,
    /// See [`WaitsFor::Pause`].
    Pause {
        /// Its words.
        words: String,
    },
    /// See [`WaitsFor::Budget`].
    Budget {
        /// What it allows, as a sentence.
        words: String,
    },
    /// See [`WaitsFor::Node`].
    NoNode {
        /// What speaks against the nodes.
        words: String,
    },
    /// See [`WaitsFor::Plans`].
    Plans,
    /// See [`WaitsFor::Answer`].
    Answer {
        /// What it is, as a sentence.
        what: String,
    },
}

/// What a policy limits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PolicyLimit {
    /// Moves in the namespace.
    Namespace,
    /// Moves from or to this node.
    Node(String),
    /// Moves in the cluster.
    Cluster,
}

/// A place in line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InLine {
    /// What keeps it from beginning.
    pub obstacle: Obstacle,
    /// Moves of its namespace that wait and were ordered before it.
    pub before: usize,
}

impl InLine {
    /// For the status. One that waits already goes on waiting.
    pub fn waiting(&self, already: Option<&Waiting>, now: Timestamp) -> Waiting {
        let known = already.and_then(|already| already.node.clone());
        let (r#for, node, under_way) = match &self.obstacle {
            Obstacle::Cluster { under_way } => (WaitsFor::MovesPerCluster, known, *under_way),
            Obstacle::Node { node, under_way } => (WaitsFor::MovesPerNode, Some(node.clone()), *under_way),
            Obstacle::Policy { limit, under_way, .. } => {
                let node = match limit {
                    PolicyLimit::Node(node) => Some(node.clone()),
                    PolicyLimit::Namespace | PolicyLimit::Cluster => known,
                };
                (WaitsFor::PolicyLimit, node, *under_way)
            }
            Obstacle::Priority => (WaitsFor::HigherPriority, known, 0),
            Obstacle::Earlier => (WaitsFor::EarlierMoves, known, 0),
            Obstacle::Others => (WaitsFor::OtherNamespaces, known, 0),
            Obstacle::Preparation => (WaitsFor::Preparation, known, 0),
            Obstacle::Pause { .. } => (WaitsFor::Pause, known, 0),
            Obstacle::Budget { .. } => (WaitsFor::Budget, known, 0),
            Obstacle::NoNode { .. } => (WaitsFor::Node, known, 0),
            Obstacle::Plans => (WaitsFor::Plans, known, 0),
            Obstacle::Answer { .. } => (WaitsFor::Answer, known, 0),
        };
        let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let pause = match &self.obstacle {
            Obstacle::Pause { words } => Some(words.clone()),
            Obstacle::Cluster { .. }
            | Obstacle::Node { .. }
            | Obstacle::Policy { .. }
            | Obstacle::Priority
            | Obstacle::Earlier
            | Obstacle::Others
            | Obstacle::Preparation
            | Obstacle::Budget { .. }
            | Obstacle::NoNode { .. }
            | Obstacle::Plans
            | Obstacle::Answer { .. } => None,
        };
        let policy = if let Obstacle::Policy { by, .. } = &self.obstacle {
            Some(by.clone())
        } else {
            None
        };
        Waiting {
            r#for,
            pause,
            policy: policy.or_else(|| already.and_then(|already| already.policy.clone())),
            priority: already.and_then(|already| already.priority),
            node,
            under_way: number(under_way),
            before: number(self.before),
            since: already.map_or(MicroTime(now), |already| already.since.clone()),
        }
    }
}

impl fmt::Display for InLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.obstacle {
            Obstacle::Cluster { under_way } => write!(
                f,
                "{} under way in the cluster, as many as the controller allows (--moves-per-cluster)",
                moves(*under_way)
            )?,
            Obstacle::Node { node, under_way } => write!(
                f,
                "{} under way from or to node {node}, as many as the controller allows (--moves-per-node)",
                moves(*under_way)
            )?,
            Obstacle::Policy { limit, under_way, by } => {
                let (place, key) = match limit {
                    PolicyLimit::Namespace => ("in the namespace".to_owned(), "movesPerNamespace"),
                    PolicyLimit::Node(node) => (format!("from or to node {node}"), "movesPerNode"),
                    PolicyLimit::Cluster => ("in the cluster".to_owned(), "movesPerCluster"),
                };
                write!(
                    f,
                    "{} under way {place}, and no more may be by {by} (limits.{key})",
                    moves(*under_way)
                )?;
            }
            Obstacle::Priority => {
                f.write_str(
                    "moves of a higher priority (ClusterMigrationPolicy) take the places that are free",
                )?;
            }
            Obstacle::Earlier => {
                f.write_str("moves that were ordered before it take the places that are free")?
            }
            Obstacle::Others => f.write_str("it is the turn of other namespaces; turns go round")?,
            Obstacle::Preparation => {
                f.write_str("as many moves are being prepared as the controller prepares at the same time")?;
            }
            Obstacle::Plans => {
                return f.write_str("as many plans are being made as the controller makes at the same time");
            }
            Obstacle::Answer { what } => f.write_str(what)?,
            Obstacle::Pause { words } | Obstacle::Budget { words } | Obstacle::NoNode { words } => {
                return f.write_str(words);
            }
        }
        match self.before {
            0 => f.write_str("; no move of its namespace waits before it"),
            1 => f.write_str("; 1 move of its namespace waits before it"),
            before => write!(f, "; {before} moves of its namespace wait before it"),
        }
    }
}

fn moves(count: usize) -> String {
    match count {
        1 => "1 move is".to_owned(),
        _ => format!("{count} moves are"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_in_line_is_said_and_counted_from_the_first_wait() {
        let full = InLine {
            obstacle: Obstacle::Node {
                node: "node-a".to_owned(),
                under_way: 2,
            },
            before: 1,
        };
        assert_eq!(
            full.to_string(),
            "2 moves are under way from or to node node-a, as many as the controller allows (--moves-per-node); 1 move of its \
             namespace waits before it"
        );
        let began = Timestamp::from_second(100).unwrap();
        let first = full.waiting(None, began);
        let next = InLine {
            obstacle: Obstacle::Earlier,
            before: 3,
        };
        let later = next.waiting(Some(&first), Timestamp::from_second(160).unwrap());
        assert_eq!((later.since.0, later.before), (began, 3));
        assert_eq!(
            (first.r#for, first.node.as_deref()),
            (WaitsFor::MovesPerNode, Some("node-a"))
        );
        assert_eq!(
            (later.r#for, later.node.as_deref()),
            (WaitsFor::EarlierMoves, Some("node-a")),
            "it needs a place there all the same"
        );
        let others = InLine {
            obstacle: Obstacle::Others,
            before: 0,
        };
        assert_eq!(
            others.to_string(),
            "it is the turn of other namespaces; turns go round; no move of its namespace waits before it"
        );
        let paused = InLine {
            obstacle: Obstacle::Pause {
                words: "moves are paused (x)".to_owned(),
            },
            before: 3,
        };
        let waits = paused.waiting(Some(&first), Timestamp::UNIX_EPOCH);
        assert_eq!((waits.r#for, waits.since.0), (WaitsFor::Pause, began));
        assert_eq!(waits.pause.as_deref(), Some("moves are paused (x)"));
        assert_eq!(paused.to_string(), "moves are paused (x)");
    }
}
