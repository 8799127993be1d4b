//! How soon a migration is looked at again. What does not answer is asked ever later: a broker that refuses must not be asked to log
//! us in dozens of times a second for as long as it does.

use std::time::Duration;

use k8s_openapi::jiff::Timestamp;
use shadow_core::api::{MigrationStatus, StatefulMigration, Step};
use shadow_core::machine::Observed;

use super::max_pause;

/// While somebody is paused every millisecond counts; the looks are cheap.
const PAUSED: Duration = Duration::from_millis(5);
/// Pods and agents change more slowly.
const CALM: Duration = Duration::from_millis(50);
/// What did not answer is asked again after this part of the time for which the step lasts.
const PART: u32 = 20;
/// At the latest after this.
const UNANSWERED: Duration = Duration::from_secs(2);
/// After an effect that failed: at once, and later and later.
const FAILED: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));
/// When a person may have done what was asked.
const ASKED: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(30));

/// Until the next look.
pub(super) fn pace(status: &MigrationStatus, seen: &Observed, now: Timestamp) -> Duration {
    let usual = usual(status);
    let pace = if seen.blind.is_empty() {
        usual
    } else {
        usual.max((lasted(status, now) / PART).min(UNANSWERED))
    };
    max_pause::at_most(pace, status)
}

/// Until an effect that failed is tried again.
pub(super) fn after_error(status: &MigrationStatus, now: Timestamp) -> Duration {
    let (soonest, latest) = FAILED;
    (lasted(status, now) / PART).clamp(soonest, latest)
}

/// Until it is looked whether a person has done what was asked: 30 s later at the latest, when it was asked long ago. An object that is
/// deleted may keep its namespace.
pub(super) fn asked(migration: &StatefulMigration, now: Timestamp) -> Duration {
    let (soonest, latest) = ASKED;
    let status = migration.status.as_ref();
    let (Some(status), None) = (status, &migration.metadata.deletion_timestamp) else {
        return soonest;
    };
    (lasted(status, now) / (5 * PART)).clamp(soonest, latest)
}

fn lasted(status: &MigrationStatus, now: Timestamp) -> Duration {
    let since = status.intent.as_ref().map(|intent| intent.since.0);
    let lasted = since.and_then(|since| Duration::try_from(now.duration_since(since)).ok());
    lasted.unwrap_or_default()
}

fn usual(status: &MigrationStatus) -> Duration {
    match status.intent.as_ref().map(|intent| intent.step) {
        Some(
            Step::Hold
            | Step::Checkpoint
            | Step::Follow
            | Step::Transfer
            | Step::Restore
            | Step::Commit
            | Step::Exclude
            | Step::Release,
        ) => PAUSED,
        Some(
            Step::Prepare
            | Step::Stage
            | Step::Fence
            | Step::Switch
            | Step::Retire
            | Step::Clean
            | Step::Abandon,
        )
        | None => CALM,
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, Time};
    use k8s_openapi::jiff::SignedDuration;
    use shadow_core::api::{Intent, StatefulMigrationSpec};

    use super::*;

    fn at(step: Step, seconds: i64) -> (MigrationStatus, Timestamp) {
        let begun = Timestamp::UNIX_EPOCH;
        let status = MigrationStatus {
            intent: Some(Intent {
                step,
                leg: 1,
                key: None,
                since: MicroTime(begun),
            }),
            ..MigrationStatus::default()
        };
        (status, begun + SignedDuration::from_secs(seconds))
    }

    #[test]
    fn what_does_not_answer_is_asked_later_and_later_and_what_does_is_not() {
        let blind = Observed {
            blind: vec!["the broker refused the login".to_owned()],
            ..Observed::default()
        };
        let paces = |seen: &Observed| {
            [0, 1, 10, 100, 1_000].map(|seconds| {
                let (status, now) = at(Step::Abandon, seconds);
                pace(&status, seen, now).as_millis()
            })
        };
        assert_eq!(paces(&Observed::default()), [50; 5]);
        assert_eq!(paces(&blind), [50, 50, 500, 2_000, 2_000]);
        let (status, now) = at(Step::Hold, 0);
        assert_eq!(pace(&status, &blind, now), PAUSED);
    }

    #[test]
    fn an_effect_that_fails_and_a_person_are_asked_within_bounds() {
        let both = [0, 60, 3_600].map(|seconds| {
            let (status, now) = at(Step::Release, seconds);
            let mut migration = StatefulMigration::new("move", StatefulMigrationSpec::default());
            migration.status = Some(status.clone());
            let waits = asked(&migration, now).as_secs();
            migration.metadata.deletion_timestamp = Some(Time(now));
            assert_eq!(asked(&migration, now).as_secs(), 5);
            (after_error(&status, now).as_millis(), waits)
        });
        assert_eq!(both, [(200, 5), (3_000, 5), (5_000, 30)]);
    }
}
