//! What an eviction is answered. A pod that opted in is moved with its memory instead; an eviction with a UID is judged by it, one
//! without may mean a pod that has just arrived ([`Verdict::ArrivedAlready`]).
//!
//! Guarantee: while a move lasts, no pod of it is evicted. A pod that is not opted in, or cannot be moved, is evicted as ever, unless a
//! disruption budget of it is taken by moves.
//!
//! [`next`] says what the controller does with an Evacuation, [`budget`] when a move may begin, [`leaving`] when it is too late for
//! one, [`words`] what is told.

pub mod budget;
pub mod consent;
mod course;
pub mod deletion;
mod emptied;
pub mod leaving;
pub mod next;
pub mod words;

use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;

use self::consent::Consent;
pub use self::course::{Course, course, is_to_move, migration_of};
pub use self::emptied::is_emptied;

use crate::api::{Evacuation, MigrationPolicy, OnNotNow, StatefulMigration, StatefulMigrationSpec};
use crate::pause::{self, Paused};
use crate::settings;
use crate::validate::{self, Facts};

/// How long an eviction without a UID is taken for one of the pod that has left.
pub const ARRIVED_FOR: Duration = Duration::from_mins(10);
/// How long a pod that was moved and that no other node can take is not evicted.
pub const NO_NODE_FOR: Duration = Duration::from_mins(10);
/// An Evacuation that no controller has looked at for so long holds no eviction up.
pub const UNHEARD_FOR: Duration = Duration::from_mins(1);

/// What the API server asks.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// Name of the pod.
    pub pod: &'a str,
    /// UID that the pod must have.
    pub uid: Option<&'a str>,
    /// When.
    pub now: Timestamp,
}

/// What is known of the namespace, looked up live.
#[derive(Clone, Debug, Default)]
pub struct World {
    /// The namespace of the pod.
    pub namespace: String,
    /// The namespace has the label that opts in.
    pub opted_in: bool,
    /// Pod, owner, nodes and migrations, as a migration's admission looks them up.
    pub facts: Facts,
    /// Policies of the namespace.
    pub policies: Vec<MigrationPolicy>,
    /// Evacuations of the namespace.
    pub evacuations: Vec<Evacuation>,
    /// Disruption budgets of the namespace.
    pub budgets: Vec<PodDisruptionBudget>,
    /// One pod of each move that has begun and that an eviction caused ([`budget::begun`], [`budget::counted`]).
    pub moving: Vec<Pod>,
    /// The pause of all moves, if there is one.
    pub paused: Option<Paused>,
}

/// What an eviction is answered.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// As if we were not there.
    LetThrough(Why),
    /// It causes a move of this pod, which runs on this node.
    Move {
        /// UID of the pod.
        uid: String,
        /// Its node.
        node: String,
        /// That node takes no new pods.
        node_emptied: bool,
        /// What becomes of the eviction if the move does not get its turn.
        not_now: OnNotNow,
        /// What speaks against all other nodes, if no other can take the pod now: one may be on its way.
        lacks_node: Option<String>,
    },
    /// A move of this pod waits or is under way.
    UnderWay {
        /// The migration, once it is known.
        migration: Option<String>,
        /// An eviction caused it.
        evicted: bool,
        /// For what it waits.
        why: Option<String>,
    },
    /// The pod holds the only copy of the memory that is being moved.
    HoldsTheMemory {
        /// The migration.
        migration: String,
        /// An eviction caused it.
        evicted: bool,
    },
    /// The pod that the eviction means has left its node; this one is its copy.
    ArrivedAlready {
        /// The migration.
        migration: String,
        /// Node that it left.
        from: String,
        /// Node that it is on.
        node: String,
    },
    /// It is evicted as ever, but moves take what its disruption budget allows.
    BudgetTaken {
        /// Which budget, and how many.
        why: String,
    },
    /// It could be moved, and no move begins now.
    Paused {
        /// Who paused, since when, why, and what to type.
        why: String,
    },
    /// The pod was moved a moment ago, and no node can take it now.
    WaitsForNode {
        /// What speaks against the nodes.
        why: String,
        /// Until when it is not evicted.
        until: Timestamp,
    },
}

/// Why an eviction goes through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// There is no such pod, or another one has its name: the API server says so.
    NotThere,
    /// The pod is not opted in.
    NotOptedIn,
    /// The pod ends, or has ended.
    Ends,
    /// It consumes no queue, and only a policy for many pods opted it in.
    NoConsumer,
    /// It cannot be moved, for these reasons.
    CannotMove(String),
    /// A move was tried, and this became of it.
    NotMoved(String),
    /// The move waits for a controller, and there is none.
    Unheard,
    /// Moves are paused, and the pause lets evictions through.
    Paused(String),
}

/// Judges an eviction.
pub fn judge(asked: Asked<'_>, world: &World) -> Verdict {
    if !world.opted_in {
        return Verdict::LetThrough(Why::NotOptedIn);
    }
    let verdict = by_move(asked, world);
    let goes = matches!(&verdict, Verdict::LetThrough(why) if why.takes_a_pod());
    let taken = |pod: &Pod| budget::taken(pod, &world.budgets, &world.moving);
    match world.facts.pod.as_ref().filter(|_| goes).and_then(taken) {
        Some(why) => Verdict::BudgetTaken { why },
        None => verdict,
    }
}

impl Why {
    /// Whether a pod ends by it that would go on otherwise.
    fn takes_a_pod(&self) -> bool {
        match self {
            Self::NotThere | Self::Ends => false,
            Self::NotOptedIn
            | Self::NoConsumer
            | Self::CannotMove(_)
            | Self::NotMoved(_)
            | Self::Unheard
            | Self::Paused(_) => true,
        }
    }
}

/// What becomes of it by moves alone.
fn by_move(asked: Asked<'_>, world: &World) -> Verdict {
    let pod = world.facts.pod.as_ref();
    let is_another = |uid: &str| pod.and_then(|pod| pod.metadata.uid.as_deref()) != Some(uid);
    if asked.uid.is_some_and(is_another) {
        return Verdict::LetThrough(Why::NotThere);
    }
    if let Some(verdict) = in_a_move(asked.pod, world) {
        return verdict;
    }
    let Some(pod) = pod else {
        return Verdict::LetThrough(Why::NotThere);
    };
    if has_ended(pod) {
        return Verdict::LetThrough(Why::Ends);
    }
    let consent = match consent::of(pod, &world.policies) {
        Ok(Consent::No) => return Verdict::LetThrough(Why::NotOptedIn),
        Ok(consent) => consent,
        Err(unreadable) => return Verdict::LetThrough(Why::CannotMove(unreadable.to_string())),
    };
    let verdict = caused(asked, pod, world)
        .or_else(|| arrived(asked, pod, world))
        .unwrap_or_else(|| movable(asked, pod, world, consent));
    pause::of_eviction(verdict, world.paused.as_ref())
}

/// The pod belongs to a move that has begun, ordered by any user.
fn in_a_move(name: &str, world: &World) -> Option<Verdict> {
    let uid = world
        .facts
        .pod
        .as_ref()
        .and_then(|pod| pod.metadata.uid.as_deref());
    let migration =
        world.facts.migrations.iter().find(|migration| {
            course::has_begun(migration) && course::pods(migration).any(|pod| pod == name)
        })?;
    let evicted = caused_by(migration, world).is_some();
    let holder = course::holder(migration)?;
    let same_uid = holder.uid.is_none_or(|holds| uid.is_none_or(|uid| uid == holds));
    Some(if holder.pod == name && same_uid {
        Verdict::HoldsTheMemory {
            migration: migration.name_any(),
            evicted,
        }
    } else {
        Verdict::UnderWay {
            migration: Some(migration.name_any()),
            evicted,
            why: None,
        }
    })
}

fn caused_by<'a>(migration: &StatefulMigration, world: &'a World) -> Option<&'a Evacuation> {
    let name = migration.name_any();
    let mut all = world.evacuations.iter();
    all.find(|evacuation| course::migration_of(evacuation).as_deref() == Some(name.as_str()))
}

/// An eviction of this very pod has asked for a move before, or somebody else has ordered one that waits for its turn.
fn caused(asked: Asked<'_>, pod: &Pod, world: &World) -> Option<Verdict> {
    let uid = pod.metadata.uid.as_deref().unwrap_or_default();
    let its = |evacuation: &&Evacuation| evacuation.spec.uid == uid && evacuation.spec.let_go.is_none();
    let waits = |migration: &&StatefulMigration| {
        migration.spec.source_pod == asked.pod && course::is_to_move(migration)
    };
    let ordered = || {
        let ordered = world.facts.migrations.iter().find(waits)?;
        Some(Verdict::UnderWay {
            migration: Some(ordered.name_any()),
            evicted: false,
            why: None,
        })
    };
    if let Some(evacuation) = world.evacuations.iter().find(its) {
        return match course(evacuation, &world.facts.migrations) {
            Course::Waits { heard: false, .. } if since(evacuation.spec.at.0, asked.now) >= UNHEARD_FOR => {
                Some(Verdict::LetThrough(Why::Unheard))
            }
            Course::Waits { why, .. } => Some(Verdict::UnderWay {
                migration: course::migration_of(evacuation),
                evicted: true,
                why: why.map(str::to_owned),
            }),
            Course::Moves => Some(Verdict::UnderWay {
                migration: course::migration_of(evacuation),
                evicted: true,
                why: None,
            }),
            // A user may have ordered a move since.
            Course::LetGo { why } => {
                let let_go = || Verdict::LetThrough(Why::NotMoved(why.to_owned()));
                Some(ordered().unwrap_or_else(let_go))
            }
            Course::Arrived { .. } => None,
        };
    }
    ordered()
}

/// Evacuations of pods of this name that were moved within `within`, the last one first.
fn moved_within<'a>(
    asked: Asked<'_>,
    world: &'a World,
    within: Duration,
) -> Option<(&'a Evacuation, Timestamp)> {
    let moved =
        world
            .evacuations
            .iter()
            .filter_map(|evacuation| match course(evacuation, &world.facts.migrations) {
                Course::Arrived { at } if evacuation.spec.pod == asked.pod => Some((evacuation, at)),
                Course::Arrived { .. } | Course::Waits { .. } | Course::Moves | Course::LetGo { .. } => None,
            });
    moved
        .max_by_key(|(_, at)| *at)
        .filter(|(_, at)| since(*at, asked.now) < within)
}

/// The eviction names no UID, and a pod of this name has just left the node from which it was evicted.
fn arrived(asked: Asked<'_>, pod: &Pod, world: &World) -> Option<Verdict> {
    if asked.uid.is_some() {
        return None;
    }
    let (evacuation, _) = moved_within(asked, world, ARRIVED_FOR)?;
    let node = node_of(pod)?;
    let known = world.facts.nodes.iter().find(|known| known.name_any() == node)?;
    (!is_emptied(known)).then(|| Verdict::ArrivedAlready {
        migration: course::migration_of(evacuation).unwrap_or_default(),
        from: evacuation.spec.node.clone(),
        node: node.to_owned(),
    })
}

/// Whether a migration of this pod would be admitted, in the words of its admission.
fn movable(asked: Asked<'_>, pod: &Pod, world: &World, consent: Consent) -> Verdict {
    let spec = StatefulMigrationSpec {
        source_pod: asked.pod.to_owned(),
        ..StatefulMigrationSpec::default()
    };
    let settings = settings::resolve(&spec, pod, world.facts.owner.as_ref());
    if settings.queue.is_none() && consent == Consent::ByPolicy {
        return Verdict::LetThrough(Why::NoConsumer);
    }
    let report = validate::check("", &world.namespace, &spec, &world.facts);
    let (Some(uid), Some(node)) = (pod.uid(), node_of(pod)) else {
        return Verdict::LetThrough(Why::CannotMove("the pod is not on a node yet".to_owned()));
    };
    let lacks_node = report.lacks_only_a_node().then(|| report.reasons());
    match (moved_within(asked, world, NO_NODE_FOR), lacks_node) {
        (Some((_, at)), Some(why)) => Verdict::WaitsForNode {
            why,
            until: at + NO_NODE_FOR,
        },
        (_, None) if !report.is_ok() => Verdict::LetThrough(Why::CannotMove(report.reasons())),
        (_, lacks_node) => {
            let mut nodes = world.facts.nodes.iter();
            let node_emptied = nodes.any(|known| known.name_any() == node && is_emptied(known));
            Verdict::Move {
                uid,
                node: node.to_owned(),
                node_emptied,
                not_now: consent::not_now(pod, &world.policies),
                lacks_node,
            }
        }
    }
}

fn node_of(pod: &Pod) -> Option<&str> {
    pod.spec.as_ref()?.node_name.as_deref()
}

fn has_ended(pod: &Pod) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    pod.metadata.deletion_timestamp.is_some() || matches!(phase, Some("Succeeded" | "Failed"))
}

/// Clocks of two machines differ: what is to come has just been.
fn since(at: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(at)).unwrap_or_default()
}
