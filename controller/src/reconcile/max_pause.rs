//! The limit of a hold (`spec.maxPause`) by the clock of this process: neither a look nor an effect nor a rest between two of them
//! goes beyond it, so the machine decides again when the hold is spent, and not at the next event.

use std::time::Duration;

use k8s_openapi::jiff::Timestamp;
use shadow_core::api::MigrationStatus;
use shadow_core::machine::pause_limit;

/// `time`, or less where the hold is spent sooner.
pub(super) fn at_most(time: Duration, status: &MigrationStatus) -> Duration {
    left(status, Timestamp::now()).map_or(time, |left| left.min(time))
}

/// Returns when the hold is spent. One that is spent already has had its decision, and what is done since has its time.
pub(super) async fn spent(status: Option<&MigrationStatus>) {
    match status.and_then(|status| left(status, Timestamp::now())) {
        Some(left) => tokio::time::sleep(left).await,
        None => std::future::pending().await,
    }
}

/// What is left of a hold, with a millisecond more: then the limit is exceeded, not just reached.
fn left(status: &MigrationStatus, now: Timestamp) -> Option<Duration> {
    let left = pause_limit::due(status)?.duration_since(now);
    let left = Duration::try_from(left).ok()?;
    Some(left + Duration::from_millis(1))
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;
    use serde_json::json;

    use super::*;

    /// Long ago.
    const BEGAN: &str = "2020-11-30T10:00:00.000000Z";

    fn held(limit_millis: u64) -> MigrationStatus {
        serde_json::from_value(json!({
            "phase": "Transferring",
            "plan": {"strategy": "ShadowPod", "because": "", "container": "c", "sourceNode": "node-a", "targetNode": "node-b",
                "checkpointBackend": "Runtime", "source": {"namespace": "shop", "name": "orders-0", "uid": "source"},
                "queue": {"queue": "orders.0", "quorum": false},
                "maxPause": {"limitMillis": limit_millis, "basis": "Measurements",
                    "holds": [{"handoff": 1, "millis": 500, "afterCommitMillis": 100}]}},
            "intent": {"step": "Transfer", "leg": 1, "since": BEGAN},
            "legs": [{"number": 1, "attempt": 0, "key": "11111111-1111-1111-1111-111111111111-1-0",
                "from": {"pod": "orders-0", "node": "node-a"}, "to": {"pod": "orders-0-shadow", "node": "node-b"}}],
            "steps": [{"step": "Stage", "leg": 1, "started": BEGAN}, {"step": "Hold", "leg": 1, "started": BEGAN}],
        }))
        .unwrap()
    }

    fn after(millis: i64) -> Timestamp {
        Timestamp::from_millisecond(BEGAN.parse::<Timestamp>().unwrap().as_millisecond() + millis).unwrap()
    }

    /// Of two seconds, a tenth is kept for what comes after the commit.
    #[test]
    fn a_rest_ends_when_the_hold_is_spent() {
        let left = |millis| left(&held(2_000), after(millis));
        assert_eq!(left(0), Some(Duration::from_millis(1_901)));
        assert_eq!(left(1_900), Some(Duration::from_millis(1)));
        assert_eq!(left(1_901), None, "decided already");
    }

    /// What is done after the decision must not be cut short again and again.
    #[test]
    fn without_a_limit_and_after_it_nothing_is_cut_short() {
        let second = Duration::from_secs(1);
        for status in [MigrationStatus::default(), held(2_000)] {
            assert_eq!(at_most(second, &status), second);
            assert_eq!(spent(Some(&status)).now_or_never(), None);
        }
        assert_eq!(spent(None).now_or_never(), None);
    }
}
