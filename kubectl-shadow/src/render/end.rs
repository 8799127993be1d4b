//! How a migration ended: the exit code and the last lines.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::ResourceExt;
use shadow_core::api::{MigrationStatus, Phase, StatefulMigration};

use super::max_pause;
use super::time::between;
use crate::ending::Ending;

/// How it ended; `None` while it goes on.
pub fn ending(status: &MigrationStatus) -> Option<Ending> {
    match status.phase {
        Phase::Completed => Some(moved(status)),
        Phase::Planned if rehearsal_failed(status) => Some(Ending::Refused),
        Phase::Planned => Some(Ending::Done),
        // Nothing was touched: the move was refused.
        Phase::Failed if status.plan.is_none() => Some(Ending::Refused),
        Phase::Failed => Some(Ending::Failed),
        Phase::Cancelled => Some(Ending::Cancelled),
        Phase::Pending
        | Phase::Checkpointing
        | Phase::Transferring
        | Phase::Restoring
        | Phase::Replaying
        | Phase::Finalizing
        | Phase::Undoing => stuck(status).map(|_| Ending::Unknown),
    }
}

/// Whether a dump was asked for, and there was none that could be used.
fn rehearsal_failed(status: &MigrationStatus) -> bool {
    status
        .rehearsal()
        .is_some_and(|rehearsal| rehearsal.failure.is_some())
}

/// What a script has to know of a pod that is on its target: whether it is the one that was moved.
fn moved(status: &MigrationStatus) -> Ending {
    match &status.verdict {
        Some(verdict) if verdict.exact => Ending::Done,
        Some(verdict) if verdict.doubts.iter().any(|told| told.reason.is_loss_of_memory()) => {
            Ending::MemoryLost
        }
        Some(_) | None => Ending::NotExact,
    }
}

/// The condition that says that nothing safe can be decided without a person.
fn stuck(status: &MigrationStatus) -> Option<&Condition> {
    let is_stuck = |c: &&Condition| c.type_ == "Stuck" && c.status == "True";
    status.conditions.iter().find(is_stuck)
}

/// The last lines; empty while it goes on.
pub fn end_lines(migration: &StatefulMigration) -> Vec<String> {
    let Some(status) = migration.status.as_ref() else {
        return Vec::new();
    };
    told(migration, status)
        .into_iter()
        .map(|line| line.trim_end().to_owned())
        .collect()
}

fn told(migration: &StatefulMigration, status: &MigrationStatus) -> Vec<String> {
    let pod = &migration.spec.source_pod;
    let mut lines = Vec::new();
    match status.phase {
        Phase::Completed => {
            let node = target(migration, status);
            let now = status.legs.last().map_or(pod, |leg| &leg.to.pod);
            let renamed = if now == pod {
                String::new()
            } else {
                format!(" as {now}")
            };
            // Whoever has the stream may have been sent away since; the verdict says so then.
            let exact = status.verdict.as_ref().is_some_and(|verdict| verdict.exact);
            let is = if exact { "runs on" } else { "was moved to" };
            lines.push(format!("{pod} {is} {node}{renamed}. {}", times(status)));
            lines.extend(verdict(status));
            lines.extend(max_pause::long(status));
        }
        Phase::Failed => {
            lines.push(format!(
                "{pod} was not moved{}. {}",
                remains(status),
                times(status)
            ));
            lines.push(format!("Why: {}", why(status)));
            lines.extend(verdict(status));
        }
        Phase::Planned => lines.push(planned(pod, &target(migration, status), status)),
        Phase::Cancelled => {
            lines.push(format!(
                "{pod} was not moved, as asked{}. {}",
                remains(status),
                times(status)
            ));
            lines.extend(verdict(status));
        }
        Phase::Pending
        | Phase::Checkpointing
        | Phase::Transferring
        | Phase::Restoring
        | Phase::Replaying
        | Phase::Finalizing
        | Phase::Undoing => {
            if let Some(condition) = stuck(status) {
                lines.push(format!(
                    "{} is stuck. Nothing is deleted until a person decides.",
                    migration.name_any()
                ));
                lines.push(format!("Why: {}", condition.message));
            }
        }
    }
    lines
}

/// A dump that failed in the rehearsal would fail in the move.
fn planned(pod: &str, node: &str, status: &MigrationStatus) -> String {
    let dump_failed = status
        .rehearsal()
        .is_some_and(|rehearsal| rehearsal.dump_failed().is_some());
    match (dump_failed, rehearsal_failed(status)) {
        (true, _) => format!(
            "{pod} fits on {node}, but the dump of its process failed in the rehearsal. Nothing was moved, as asked."
        ),
        (false, true) => {
            format!("{pod} can be moved to {node}, but it was not rehearsed. Nothing was moved, as asked.")
        }
        (false, false) => format!("{pod} can be moved to {node}. Nothing was moved, as asked."),
    }
}

fn target(migration: &StatefulMigration, status: &MigrationStatus) -> String {
    let went = status.legs.last().map(|leg| leg.to.node.clone());
    let planned = status.plan.as_ref().map(|plan| plan.target_node.clone());
    went.or(planned)
        .or_else(|| migration.spec.target_node.clone())
        .unwrap_or_else(|| "its target".to_owned())
}

/// What became of the source, as far as that is known: who sent it away meanwhile is told in the verdict.
fn remains(status: &MigrationStatus) -> String {
    match (&status.plan, &status.verdict, &status.source_node) {
        (None, _, _) => "; nothing was touched".to_owned(),
        (Some(_), Some(verdict), Some(node)) if verdict.exact => format!(" and still runs on {node}"),
        (Some(_), _, _) => String::new(),
    }
}

fn times(status: &MigrationStatus) -> String {
    let total = match (&status.start_time, &status.completion_time) {
        (Some(start), Some(end)) => Some(format!("Total {}", between(start, end))),
        _ => None,
    };
    let pause = pause(status).map(|pause| format!("longest pause {pause}"));
    let parts: Vec<String> = total.into_iter().chain(pause).collect();
    if parts.is_empty() {
        String::new()
    } else {
        format!("{}.", parts.join(", "))
    }
}

/// The longest pause, and what of it is the application's own.
pub(super) fn pause(status: &MigrationStatus) -> Option<String> {
    let pause = status.pause.as_ref()?;
    Some(match &status.reconnect {
        Some(own) => format!("{pause} (the application took {own} of it to connect to the broker again)"),
        None => pause.clone(),
    })
}

fn why(status: &MigrationStatus) -> String {
    if let Some(rollback) = &status.rollback {
        return rollback.message.clone();
    }
    let completed = status
        .conditions
        .iter()
        .find(|condition| condition.type_ == "Completed");
    completed.map_or_else(
        || "the status does not say".to_owned(),
        |condition| condition.message.clone(),
    )
}

fn verdict(status: &MigrationStatus) -> Option<String> {
    status.verdict.as_ref().map(|verdict| {
        let word = if verdict.exact {
            "Exact"
        } else {
            "NOT PROVEN EXACT"
        };
        format!("{word}: {}", verdict.because)
    })
}
