//! What the evicting program is told.

use super::{Verdict, Why};

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
        Verdict::Move { .. } => again(match created {
            Some(migration) => format!(
                "{TRIGGERED} of {whose}: StatefulMigration {migration} moves it with its memory. {}",
                watch(migration)
            ),
            None => format!("{TRIGGERED} of {whose}, if this were no dry run; nothing was done"),
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
            crate::names::SYSTEM_NAMESPACE
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
        | Verdict::Paused { .. }
        | Verdict::WaitsForNode { .. } => None,
    }
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
