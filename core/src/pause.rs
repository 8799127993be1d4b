//! What a pause of all moves means for one that is asked for, one that waits, and an eviction. Pure; its words stand here alone.
//!
//! Guarantee: while moves are paused none begins. Plans are made, and moves under way go on.

use std::fmt;

use k8s_openapi::jiff::Timestamp;

use crate::api::{Pause, StatefulMigrationSpec};
use crate::eviction::{Verdict, Why};
use crate::validate::{Refusal, Report};

/// How it ends.
pub const RESUME: &str = "kubectl shadow resume";

/// A pause that holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paused {
    /// Why.
    pub reason: String,
    /// Who paused, as they say.
    pub by: Option<String>,
    /// Since when, by the API server's clock.
    pub since: Option<Timestamp>,
    /// Evictions go through.
    pub let_evictions_through: bool,
}

impl From<Pause> for Paused {
    fn from(pause: Pause) -> Self {
        Self {
            reason: pause.spec.reason,
            by: pause.spec.by.filter(|by| !by.is_empty()),
            since: pause.metadata.creation_timestamp.map(|time| time.0),
            let_evictions_through: pause.spec.let_evictions_through,
        }
    }
}

/// Who, since when and why.
impl fmt::Display for Paused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("moves are paused")?;
        if let Some(by) = &self.by {
            write!(f, " by {by}")?;
        }
        if let Some(since) = self.since {
            write!(f, " since {since:.0}")?;
        }
        write!(f, " ({})", self.reason)
    }
}

/// A line for a person who looks at moves.
pub fn line(paused: &Paused) -> String {
    format!(
        "{paused}: no new move begins, and moves under way go on. To let moves begin again, type: {RESUME}"
    )
}

/// For what a move waits that was ordered before the pause.
pub fn wait(paused: &Paused) -> String {
    format!("{paused}. To let moves begin again, type: {RESUME}")
}

/// At the creation of a migration: a move is refused, a plan is warned.
pub fn admit(spec: &StatefulMigrationSpec, paused: Option<&Paused>, report: &mut Report) {
    let Some(paused) = paused else { return };
    if spec.plan_only {
        report.warnings.push(format!(
            "{paused}: the plan is made, and the move would be refused now"
        ));
        return;
    }
    // Before all other reasons: it is the one that passes by itself.
    let refusal = Refusal {
        field: "spec.planOnly",
        message: format!(
            "{paused}, so only plans are made (kubectl shadow plan). Nothing was started. To let moves begin again, type: {RESUME}"
        ),
    };
    report.refusals.insert(0, refusal);
}

/// What the verdict about an eviction becomes. It is that of a pod whose move has not begun, or of one that has left; a pod of a move
/// that is under way is judged before.
pub fn of_eviction(verdict: Verdict, paused: Option<&Paused>) -> Verdict {
    let Some(paused) = paused else { return verdict };
    match verdict {
        Verdict::Move { .. } | Verdict::UnderWay { .. } if paused.let_evictions_through => {
            Verdict::LetThrough(Why::Paused(paused.to_string()))
        }
        Verdict::Move { .. } => Verdict::Paused { why: wait(paused) },
        Verdict::UnderWay {
            migration, evicted, ..
        } => Verdict::UnderWay {
            migration,
            evicted,
            why: Some(paused.to_string()),
        },
        other @ (Verdict::LetThrough(_)
        | Verdict::Paused { .. }
        | Verdict::HoldsTheMemory { .. }
        | Verdict::BudgetTaken { .. }
        | Verdict::ArrivedAlready { .. }
        | Verdict::WaitsForNode { .. }) => other,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::api::OnNotNow;

    fn paused(let_evictions_through: bool) -> Paused {
        let pause: Pause = serde_json::from_value(json!({"apiVersion": "migration.ms2m.io/v1alpha1", "kind": "Pause",
            "metadata": {"name": "moves", "creationTimestamp": "2026-11-30T12:00:00Z"},
            "spec": {"reason": "the broker is updated", "by": "alice", "letEvictionsThrough": let_evictions_through}}))
        .unwrap();
        pause.into()
    }

    fn spec(plan_only: bool) -> StatefulMigrationSpec {
        StatefulMigrationSpec {
            plan_only,
            ..StatefulMigrationSpec::default()
        }
    }

    #[test]
    fn who_since_when_and_why_are_said_as_far_as_they_are_known() {
        let all = paused(false);
        assert_eq!(
            all.to_string(),
            "moves are paused by alice since 2026-11-30T12:00:00Z (the broker is updated)"
        );
        let bare = Paused {
            by: None,
            since: None,
            ..all
        };
        assert_eq!(bare.to_string(), "moves are paused (the broker is updated)");
    }

    #[test]
    fn a_move_is_refused_and_a_plan_is_warned() {
        for (is_paused, plan_only, refusals, warnings) in [
            (true, false, 1, 0),
            (true, true, 0, 1),
            (false, false, 0, 0),
            (false, true, 0, 0),
        ] {
            let (paused, mut report) = (is_paused.then(|| paused(false)), Report::default());
            admit(&spec(plan_only), paused.as_ref(), &mut report);
            let counted = (report.refusals.len(), report.warnings.len());
            assert_eq!(
                counted,
                (refusals, warnings),
                "paused {is_paused}, plan {plan_only}"
            );
            let said = format!("{} {}", report.reasons(), report.warnings.concat());
            assert_eq!(
                said.contains("by alice") && said.contains("broker is updated"),
                is_paused
            );
            let is_named = report.refusals.iter().any(|one| one.field == "spec.planOnly");
            assert_eq!(is_named, refusals > 0);
        }
    }

    #[test]
    fn the_refusal_says_what_to_type() {
        let mut report = Report::default();
        admit(&spec(false), Some(&paused(false)), &mut report);
        for typed in ["kubectl shadow plan", "kubectl shadow resume"] {
            assert!(report.reasons().contains(typed), "{}", report.reasons());
        }
    }

    #[test]
    fn evictions_wait_or_go_through_and_what_has_left_stays_left() {
        let moves = || Verdict::Move {
            uid: "u".to_owned(),
            node: "node-a".to_owned(),
            node_emptied: true,
            not_now: OnNotNow::Evict,
            lacks_node: None,
        };
        let waits = || Verdict::UnderWay {
            migration: Some("m".to_owned()),
            evicted: true,
            why: None,
        };
        let left = || Verdict::ArrivedAlready {
            migration: "m".to_owned(),
            from: "node-a".to_owned(),
            node: "node-b".to_owned(),
        };
        let cannot = || Verdict::LetThrough(Why::CannotMove("x".to_owned()));
        for verdict in [moves(), waits(), left(), cannot()] {
            assert_eq!(of_eviction(verdict.clone(), None), verdict, "not paused");
        }
        for through in [false, true] {
            let paused = paused(through);
            let judged = |verdict| of_eviction(verdict, Some(&paused));
            let let_go = Verdict::LetThrough(Why::Paused(paused.to_string()));
            let (of_move, of_wait) = (judged(moves()), judged(waits()));
            if through {
                assert_eq!((of_move, of_wait), (let_go.clone(), let_go));
            } else {
                assert!(matches!(of_move, Verdict::Paused { why } if why.contains("kubectl shadow resume")));
                assert!(
                    matches!(of_wait, Verdict::UnderWay { why: Some(why), .. } if why.contains("the broker is updated"))
                );
            }
            assert_eq!((judged(left()), judged(cannot())), (left(), cannot()));
        }
    }
}
