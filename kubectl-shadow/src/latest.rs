//! Which migration a pod's name means. `creationTimestamp` counts whole seconds, and a move that is cancelled at once leaves
//! room for the next within the same second, so it alone cannot tell.

use jiff::Timestamp;
use shadow_core::api::StatefulMigration;

/// The greatest is the one meant: a move that has not ended before plans and those that have, then the later one. A move
/// without `status.startTime` has only been created, so it is later than each of its second that has one.
pub(crate) fn rank(migration: &StatefulMigration) -> (bool, Option<Timestamp>, Timestamp) {
    let status = migration.status.as_ref();
    let ended = status.is_some_and(|status| status.phase.is_terminal());
    let created = migration.metadata.creation_timestamp.as_ref();
    let begun = status.and_then(|status| status.start_time.as_ref());
    (
        !ended && !migration.spec.plan_only,
        created.map(|time| time.0),
        begun.map_or(Timestamp::MAX, |time| time.0),
    )
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use shadow_core::api::StatefulMigration;

    use super::rank;

    fn migration(created: u8, plan_only: bool, status: Value) -> StatefulMigration {
        serde_json::from_value(json!({
            "apiVersion": "migration.ms2m.io/v1alpha1", "kind": "StatefulMigration",
            "metadata": {"name": "one", "creationTimestamp": format!("2026-01-02T03:04:0{created}Z")},
            "spec": {"sourcePod": "orders-0", "planOnly": plan_only},
            "status": status
        }))
        .unwrap()
    }

    fn ended(created: u8, begun: &str) -> StatefulMigration {
        let status = json!({"phase": "Cancelled", "startTime": format!("2026-01-02T03:04:{begun}Z")});
        migration(created, false, status)
    }

    #[test]
    fn the_later_of_two_in_one_second_is_the_one_meant() {
        let first = ended(5, "05.100000");
        assert!(rank(&first) < rank(&ended(5, "05.900000")));
        assert!(rank(&first) < rank(&migration(5, false, json!(null))));
        assert!(rank(&ended(5, "05.900000")) < rank(&ended(6, "06.100000")));
    }

    #[test]
    fn a_move_under_way_comes_before_later_ones_that_ended_and_before_plans() {
        let moving = migration(
            5,
            false,
            json!({"phase": "Checkpointing", "startTime": "2026-01-02T03:04:05.000001Z"}),
        );
        assert!(rank(&moving) > rank(&ended(7, "07.000000")));
        assert!(rank(&moving) > rank(&migration(8, true, json!(null))));
    }
}
