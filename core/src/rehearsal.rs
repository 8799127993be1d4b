//! Whether a plan may dump the process once for real and throw the dump away (`spec.rehearse`). Pure.
//!
//! A rehearsal tells whether CRIU can dump the process, and for how long it stands still. It must not cost more than it tells: it is
//! refused where the node may run out of memory, where the process would stand still for long, and beside a move of the same pod.

use std::fmt;
use std::time::Duration;

use crate::api::{Outlook, RehearsalCost, RehearsalFailure, StatefulMigration, Step};
use crate::names;
use crate::reason::Reason;
use crate::wire::{PodRef, Rehearsed};

/// A process may be expected to stand still for so long.
pub const FREEZE_MILLIS: u64 = 2_000;
/// The helper gives a dump up after so long. What CRIU then gets to let the process go ([`GONE_WITHIN`]) is not counted: a process
/// whose dump is broken off may not survive it.
pub const DUMP_WITHIN: Duration = Duration::from_secs(20);
/// So long after it was ordered nothing of a dump is left on its node, whatever becomes of the controller.
pub const GONE_WITHIN: Duration = Duration::from_secs(30);

/// What is known before a rehearsal.
#[derive(Clone, Copy, Debug)]
pub struct Circumstances<'a> {
    /// Pod whose process is to be dumped.
    pub pod: &'a str,
    /// Its node.
    pub node: &'a str,
    /// A move of the same pod, by namespace and name.
    pub moved_by: Option<&'a str>,
    /// Memory of the processes, bytes; `None` where the node does not say it.
    pub memory: Option<u64>,
    /// The same of the writable layer.
    pub layer: Option<u64>,
    /// The same of what an archive may take on the node.
    pub room: Option<u64>,
    /// How long the dump is expected to take, milliseconds.
    pub freeze_millis: u64,
}

/// Why nothing is dumped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// A move of the same pod is under way, or waits.
    Moving {
        /// Namespace and name of the move.
        by: String,
    },
    /// The node does not say what a dump takes there.
    NotSaid {
        /// The node.
        node: String,
        /// What it does not say.
        what: &'static str,
    },
    /// The archive may not have room.
    NoRoom {
        /// The pod.
        pod: String,
        /// Its node.
        node: String,
        /// Memory of the processes, bytes.
        memory: u64,
        /// Writable layer, bytes.
        layer: u64,
        /// What an archive may take, bytes.
        room: u64,
    },
    /// The process would stand still for long.
    TooLong {
        /// The pod.
        pod: String,
        /// For how long, as expected, milliseconds.
        freeze_millis: u64,
    },
    /// Another process of the controller ordered the dump, and its figures are not known any more.
    Forgotten {
        /// The node.
        node: String,
    },
}

/// Whether the process may be dumped.
pub fn judge(now: &Circumstances<'_>) -> Result<(), Refusal> {
    if let Some(by) = now.moved_by {
        return Err(Refusal::Moving { by: by.to_owned() });
    }
    let said = |amount: Option<u64>, what| {
        amount.ok_or_else(|| Refusal::NotSaid {
            node: now.node.to_owned(),
            what,
        })
    };
    let memory = said(now.memory, "how much memory the processes have")?;
    let layer = said(now.layer, "how much the container has written")?;
    let room = said(now.room, "how much room it has")?;
    if memory.saturating_add(layer) > room {
        return Err(Refusal::NoRoom {
            pod: now.pod.to_owned(),
            node: now.node.to_owned(),
            memory,
            layer,
            room,
        });
    }
    if now.freeze_millis > FREEZE_MILLIS {
        return Err(Refusal::TooLong {
            pod: now.pod.to_owned(),
            freeze_millis: now.freeze_millis,
        });
    }
    Ok(())
}

/// How long the dump is expected to take, milliseconds. A sequential move's process stands still for longer, for its transfer and its
/// commit, which a rehearsal has not.
pub fn freeze_millis(outlook: &Outlook) -> u64 {
    let dumps = outlook.steps.iter().filter(|one| one.step == Step::Checkpoint);
    let longest = dumps.map(|one| one.millis).max();
    longest.unwrap_or(outlook.freeze_millis)
}

/// A move of this pod that has not ended, also one that waits for its turn: it may begin at any moment.
pub fn moved_by(pod: &PodRef, all: &[StatefulMigration]) -> Option<String> {
    let moves_it = |one: &&StatefulMigration| {
        let status = one.status.as_ref();
        let plan = status.and_then(|status| status.plan.as_ref());
        let is_copy = status.is_some_and(|status| status.legs.iter().any(|leg| leg.to.pod == pod.name));
        let of_pod = is_copy
            || plan.map_or(one.spec.source_pod == pod.name, |plan| {
                plan.source.name == pod.name
            });
        let same_namespace = one.metadata.namespace.as_deref() == Some(pod.namespace.as_str());
        let ended = status.is_some_and(|status| status.phase.is_terminal());
        same_namespace && of_pod && !one.spec.plan_only && !ended
    };
    let found = all.iter().find(moves_it)?;
    let name = found.metadata.name.as_deref().unwrap_or_default();
    Some(format!("{}/{name}", pod.namespace))
}

impl From<Rehearsed> for RehearsalCost {
    fn from(made: Rehearsed) -> Self {
        Self {
            frozen_millis: made.frozen_micros.div_ceil(1_000),
            archive_bytes: made.bytes,
            total_millis: made.total_micros.div_ceil(1_000),
        }
    }
}

impl From<Refusal> for RehearsalFailure {
    fn from(refusal: Refusal) -> Self {
        Self {
            reason: refusal.reason(),
            message: refusal.to_string(),
        }
    }
}

impl Refusal {
    /// Short, for scripts.
    pub fn reason(&self) -> Reason {
        match self {
            Self::Moving { .. } => Reason::AlreadyMoving,
            Self::NotSaid { .. } | Self::Forgotten { .. } => Reason::NotKnown,
            Self::NoRoom { .. } => Reason::DiskFull,
            Self::TooLong { .. } => Reason::FreezeTooLong,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Moving { by } => write!(
                f,
                "StatefulMigration {by} moves this pod, or waits for its turn to do so, and no rehearsal comes between. Wait for its end"
            ),
            Self::NotSaid { node, what } => write!(
                f,
                "the agent on {node} does not say {what}, so it is not known whether the dump has room. It may be of an earlier version: \
                 install this one again (kubectl shadow install)"
            ),
            Self::NoRoom {
                pod,
                node,
                memory,
                layer,
                room,
            } => write!(
                f,
                "node {node} has room for {} in /run/shadow (memory on most nodes), and the dump of pod {pod} takes about {}: {} of memory \
                 and {} that the container has written. Make room there, or leave --rehearse (spec.rehearse) out",
                mega(*room),
                mega(memory.saturating_add(*layer)),
                mega(*memory),
                mega(*layer)
            ),
            Self::TooLong { pod, freeze_millis } => write!(
                f,
                "pod {pod} is expected to stand still for {:.1} s, and a rehearsal may take {:.1} s. Leave --rehearse (spec.rehearse) out: \
                 the plan says what a move would take",
                seconds(*freeze_millis),
                seconds(FREEZE_MILLIS)
            ),
            Self::Forgotten { node } => write!(
                f,
                "the controller was replaced during the dump, and the agent on {node} does not know its figures any more. The dump is \
                 gone, and the process is not dumped again. To rehearse once more, make another plan"
            ),
        }
    }
}

fn mega(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

fn seconds(millis: u64) -> f64 {
    millis as f64 / 1e3
}

/// The key of a plan's dump. A plan has no handoff, so no other key is like it.
pub fn key(uid: &str) -> Result<names::Key, names::BadKey> {
    names::Key::of(uid, 1, 0)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const GOOD: Circumstances<'static> = Circumstances {
        pod: "orders-0",
        node: "node-a",
        moved_by: None,
        memory: Some(60),
        layer: Some(40),
        room: Some(100),
        freeze_millis: 2_000,
    };

    #[test]
    fn a_dump_has_to_have_room_to_be_short_and_to_be_alone() {
        type Change = fn(&mut Circumstances<'static>);
        let with = |change: Change| {
            let mut now = GOOD;
            change(&mut now);
            judge(&now).map_err(|refusal| refusal.reason())
        };
        let table: [(Change, Result<(), Reason>); 9] = [
            (|_| {}, Ok(())),
            (|now| now.room = Some(99), Err(Reason::DiskFull)),
            (|now| now.memory = Some(61), Err(Reason::DiskFull)),
            (|now| now.layer = Some(u64::MAX), Err(Reason::DiskFull)),
            (|now| now.freeze_millis = 2_001, Err(Reason::FreezeTooLong)),
            (|now| now.memory = None, Err(Reason::NotKnown)),
            (|now| now.layer = None, Err(Reason::NotKnown)),
            (|now| now.room = None, Err(Reason::NotKnown)),
            (|now| now.moved_by = Some("shop/m"), Err(Reason::AlreadyMoving)),
        ];
        for (number, (change, wanted)) in table.into_iter().enumerate() {
            assert_eq!(with(change), wanted, "row {number}");
        }
    }

    #[test]
    fn a_refusal_names_figures_and_the_way_out() {
        let large = Circumstances {
            memory: Some(300_000_000),
            layer: Some(50_000_000),
            room: Some(200_000_000),
            ..GOOD
        };
        let told = judge(&large).unwrap_err().to_string();
        for part in [
            "node-a",
            "200.0 MB",
            "350.0 MB",
            "300.0 MB",
            "50.0 MB",
            "--rehearse",
        ] {
            assert!(told.contains(part), "{told}");
        }
        let long = Circumstances {
            freeze_millis: 3_400,
            ..GOOD
        };
        let told = judge(&long).unwrap_err().to_string();
        assert!(told.contains("3.4 s") && told.contains("2.0 s"), "{told}");
    }

    #[test]
    fn only_the_dump_counts_not_what_a_sequential_move_adds() {
        let outlook: Outlook = serde_json::from_value(json!({"totalMillis": 9_000, "pauseMillis": 6_000, "freezeMillis": 5_000,
            "basis": "Measurements", "steps": [{"handoff": 1, "step": "Checkpoint", "millis": 110},
            {"handoff": 2, "step": "Checkpoint", "millis": 130}, {"handoff": 1, "step": "Transfer", "millis": 4_000}]}))
        .unwrap();
        assert_eq!(freeze_millis(&outlook), 130);
        let without = Outlook {
            steps: Vec::new(),
            ..outlook
        };
        assert_eq!(freeze_millis(&without), 5_000);
    }

    fn migration(name: &str, spec: serde_json::Value, status: serde_json::Value) -> StatefulMigration {
        serde_json::from_value(
            json!({"apiVersion": "migration.ms2m.io/v1alpha1", "kind": "StatefulMigration",
            "metadata": {"name": name, "namespace": "shop"}, "spec": spec, "status": status}),
        )
        .unwrap()
    }

    #[test]
    fn a_move_that_waits_or_goes_on_keeps_a_rehearsal_away_and_a_plan_or_an_end_does_not() {
        let pod = PodRef {
            namespace: "shop".into(),
            name: "orders-0".into(),
            uid: "u".into(),
        };
        let of = |spec, status| moved_by(&pod, &[migration("m", spec, status)]);
        let moves = json!({"sourcePod": "orders-0"});
        for (spec, phase, found) in [
            (moves.clone(), "Pending", true),
            (moves.clone(), "Restoring", true),
            (moves.clone(), "Completed", false),
            (moves.clone(), "Planned", false),
            (
                json!({"sourcePod": "orders-0", "planOnly": true}),
                "Pending",
                false,
            ),
            (json!({"sourcePod": "orders-1"}), "Restoring", false),
        ] {
            let by = of(spec.clone(), json!({"phase": phase}));
            assert_eq!(by.as_deref(), found.then_some("shop/m"), "{spec} {phase}");
        }
        let mut elsewhere = migration("m", moves, json!({"phase": "Restoring"}));
        elsewhere.metadata.namespace = Some("bank".into());
        assert_eq!(moved_by(&pod, &[elsewhere]), None);
    }

    #[test]
    fn what_it_cost_is_never_told_as_less() {
        let cost = RehearsalCost::from(Rehearsed {
            bytes: 7,
            frozen_micros: 80_001,
            total_micros: 210_000,
        });
        let wanted = RehearsalCost {
            frozen_millis: 81,
            archive_bytes: 7,
            total_millis: 210,
        };
        assert_eq!(cost, wanted);
    }
}
