//! What the evicting program is told.

use super::next::NODE_FOR;
use super::{Verdict, Why};
use crate::api::{EvacuationWait, EvacuationWaitsFor, MigrationStatus};
use crate::names;

/// By these words the descheduler knows that a pod leaves without being evicted.
pub const TRIGGERED: &str = "Eviction triggered evacuation";

/// An answer to an eviction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It goes through, with this warning.
    Allowed(Option<String>),
    /// It is denied.
    Denied {
        /// HTTP status.
        code: u16,
        /// As Kubernetes names it.
        reason: &'static str,
        /// For people.
        message: String,
    },
}

/// The answer of a verdict about `pod` of `namespace`; `created` is the migration of [`Verdict::Move`], absent at a dry run.
pub fn answer(verdict: &Verdict, namespace: &str, pod: &str, created: Option<&str>) -> Answer {
    let whose = format!("pod {namespace}/{pod}");
    let watch =
        |migration: &str| format!("To see it, type: kubectl shadow status {migration} -n {namespace}");
    match verdict {
        Verdict::LetThrough(why) => Answer::Allowed(warning(why, &whose)),
        Verdict::Move { lacks_node, .. } => again(match (created, lacks_node) {
            (Some(migration), None) => format!(
                "{TRIGGERED} of {whose}: StatefulMigration {migration} moves it with its memory. {}",
                watch(migration)
            ),
            (Some(migration), Some(why)) => format!(
                "{TRIGGERED} of {whose}: no node can take it now ({why}). StatefulMigration {migration} moves it if one can within {} s; \
                 then it is evicted as ever. To see how it stands, type: kubectl -n {namespace} get evacuations",
                NODE_FOR.as_secs()
            ),
            (None, _) => format!("{TRIGGERED} of {whose}, if this were no dry run; nothing was done"),
        }),
        Verdict::UnderWay {
            migration,
            evicted,
            why,
        } => {
            let migration = migration.as_deref().unwrap_or_default();
            let waits = why
                .as_ref()
                .map(|why| format!("It waits: {why}. "))
                .unwrap_or_default();
            again(format!(
                "{} StatefulMigration {migration} moves it. {waits}{}",
                moved(*evicted, &whose),
                watch(migration)
            ))
        }
        Verdict::HoldsTheMemory { migration, evicted } => again(format!(
            "{} StatefulMigration {migration} moves it, and this pod holds the only copy of its memory now. {}",
            moved(*evicted, &whose),
            watch(migration)
        )),
        Verdict::ArrivedAlready {
            migration,
            from,
            node,
        } => Answer::Denied {
            code: 404,
            reason: "NotFound",
            message: format!(
                "{whose} has left node {from}: StatefulMigration {migration} has moved it to {node}. To evict it from there within ten \
                 minutes, name its UID, or cordon {node}"
            ),
        },
        Verdict::BudgetTaken { why } => again(format!(
            "{whose} is not evicted now: {why}. To see these moves, type: kubectl shadow list -n {namespace}"
        )),
        Verdict::Paused { why } => again(format!(
            "{whose} is not evicted now, since it would be moved: {why}"
        )),
        Verdict::WaitsForNode { why, until } => again(format!(
            "{whose} was moved a moment ago, and no other node can take it now ({why}). From {until} on it is evicted as ever"
        )),
    }
}

fn moved(evicted: bool, whose: &str) -> String {
    if evicted {
        format!("{TRIGGERED} of {whose} before:")
    } else {
        format!("{whose} is not evicted during its move:")
    }
}

/// The API server gives no time after which to try again: clients have their own.
fn again(message: String) -> Answer {
    Answer::Denied {
        code: 429,
        reason: "TooManyRequests",
        message,
    }
}

fn warning(why: &Why, whose: &str) -> Option<String> {
    match why {
        Why::NotThere | Why::NotOptedIn | Why::Ends | Why::NoConsumer => None,
        Why::CannotMove(why) => Some(format!(
            "{whose} is evicted without its memory, since it cannot be moved: {why}"
        )),
        Why::NotMoved(why) => Some(format!(
            "{whose} is evicted without its memory, since its move came to nothing: {why}"
        )),
        Why::Paused(why) => Some(format!("{whose} is evicted without its memory: {why}")),
        Why::Unheard => Some(format!(
            "{whose} is evicted without its memory: no controller took its move up. To see why, type: kubectl -n {} get pods",
            names::SYSTEM_NAMESPACE
        )),
    }
}

/// The reason why a pod is not moved, where an Event should tell it.
pub fn to_be_told(verdict: &Verdict) -> Option<&str> {
    match verdict {
        Verdict::LetThrough(Why::CannotMove(why) | Why::Paused(why)) => Some(why),
        Verdict::LetThrough(
            Why::NotThere | Why::NotOptedIn | Why::Ends | Why::NoConsumer | Why::NotMoved(_) | Why::Unheard,
        )
        | Verdict::Move { .. }
        | Verdict::UnderWay { .. }
        | Verdict::HoldsTheMemory { .. }
        | Verdict::ArrivedAlready { .. }
        | Verdict::BudgetTaken { .. }
        | Verdict::Paused { .. }
        | Verdict::WaitsForNode { .. } => None,
    }
}

/// Why a pod is not moved whose move has waited for too long.
pub(super) fn waited(wait: &EvacuationWait, why: &str) -> String {
    match wait.r#for {
        EvacuationWaitsFor::Node => format!(
            "no node could take it within {} s: {why}. Add a node, or uncordon one, before you evict",
            NODE_FOR.as_secs()
        ),
        EvacuationWaitsFor::Turn => format!(
            "its move did not begin within {} s: {why}. To let evictions wait instead, set the label {}={} in the template of the workload, \
             or evictionsNotNow: Wait in its MigrationPolicy",
            super::next::TURN_FOR.as_secs(),
            names::EVICTIONS_NOT_NOW,
            names::WAIT
        ),
        EvacuationWaitsFor::Budget | EvacuationWaitsFor::Pause | EvacuationWaitsFor::AnotherMove => {
            why.to_owned()
        }
    }
}

/// For what a migration in line waits, as it says itself.
pub(super) fn in_line(status: &MigrationStatus) -> String {
    let mut conditions = status.conditions.iter();
    let condition = conditions.find(|one| one.type_ == "Progressing" && one.reason == "Waiting");
    let told = condition.map(|condition| condition.message.clone());
    told.unwrap_or_else(|| "it waits for its turn".to_owned())
}

/// Reason and note of the Event on a pod that is not moved.
pub fn not_moved(why: &str) -> (&'static str, String) {
    (
        "EvictedWithoutMove",
        format!(
            "an eviction of this pod is not answered by a move, so it goes through as ever, without the memory: {why}"
        ),
    )
}
