//! What it means that somebody who is asked before a move does not answer.

use shadow_core::api::StatefulMigration;
use shadow_core::waiting::WaitsFor;

use super::{Prepared, refused};
use crate::error::ControllerError;

/// A broker or an agent that cannot be reached is an answer, too: nothing was touched, and the user waits.
pub(super) fn answer(
    migration: &StatefulMigration,
    error: ControllerError,
) -> Result<Prepared, ControllerError> {
    if is_of_the_cluster(&error) || passes(migration, &error) {
        return Err(error);
    }
    Ok(refused(error.reason(), error.to_string()))
}

/// Whether a migration that waits in line for others to end goes on waiting: it was well before, and its broker or an agent
/// does not answer at this moment.
pub(crate) fn passes(migration: &StatefulMigration, error: &ControllerError) -> bool {
    let waiting = migration
        .status
        .as_ref()
        .and_then(|status| status.waiting.as_ref());
    // One that only waited to be prepared was never well, and a plan is asked for to be answered.
    let in_line =
        waiting.is_some_and(|waiting| !matches!(waiting.r#for, WaitsFor::Preparation | WaitsFor::Plans));
    in_line && !is_of_the_cluster(error) && error.is_transient()
}

fn is_of_the_cluster(error: &ControllerError) -> bool {
    matches!(error, ControllerError::Api(_))
}

#[cfg(test)]
mod tests {
    use k8s_openapi::jiff::Timestamp;
    use shadow_core::api::{MigrationStatus, StatefulMigrationSpec};
    use shadow_core::reason::Reason;
    use shadow_core::waiting::{InLine, Obstacle};

    use super::*;

    fn migration(in_line: bool) -> StatefulMigration {
        let mut migration = StatefulMigration::new("move", StatefulMigrationSpec::default());
        let mut status = MigrationStatus::default();
        if in_line {
            let place = InLine {
                obstacle: Obstacle::Cluster { under_way: 2 },
                before: 0,
            };
            status.waiting = Some(place.waiting(None, Timestamp::UNIX_EPOCH));
        }
        migration.status = Some(status);
        migration
    }

    fn silent() -> ControllerError {
        ControllerError::AgentUnreachable {
            node: "node-a".into(),
            cause: "timed out".into(),
        }
    }

    #[test]
    fn who_waits_in_line_waits_on_and_who_has_just_come_is_answered() {
        assert!(answer(&migration(true), silent()).is_err());
        let told = answer(&migration(false), silent()).unwrap();
        assert!(
            matches!(told, Prepared::Refused(refusal) if refusal.cause.reason == Reason::AgentUnreachable)
        );
        // That does not pass by waiting.
        let refused = answer(&migration(true), ControllerError::NoBroker).unwrap();
        assert!(matches!(refused, Prepared::Refused(_)));
    }
}
