//! How long each hold may last, and which lasted longer.

use shadow_core::api::{MigrationStatus, PauseLimit};
use shadow_core::max_pause;

use crate::amount;

/// The limit beside what is expected, and a warning where that does not fit.
pub(super) fn lines(limit: &PauseLimit) -> Vec<String> {
    let expected = limit.holds.iter().map(|hold| amount::millis(hold.millis));
    let line = |name: &str, value: &str| format!("{name:<10}  {value}");
    let told = format!(
        "{} for each hold; expected: {}",
        amount::millis(limit.limit_millis),
        expected.collect::<Vec<_>>().join(", then ")
    );
    let warning = max_pause::warning(limit).map(|warning| line("", &format!("WARNING: {warning}")));
    std::iter::once(line("Max pause", &told)).chain(warning).collect()
}

/// Holds that lasted longer although they were committed in time.
pub(crate) fn long(status: &MigrationStatus) -> impl Iterator<Item = String> {
    let long = status.verdict.iter().flat_map(|verdict| &verdict.long_holds);
    long.map(|hold| format!("Held too long: {}", hold.message))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn limit(limit_millis: u64) -> PauseLimit {
        serde_json::from_value(json!({"limitMillis": limit_millis, "basis": "Measurements", "holds": [
            {"handoff": 1, "millis": 520, "afterCommitMillis": 90}, {"handoff": 2, "millis": 1400, "afterCommitMillis": 80}]}))
        .unwrap()
    }

    #[test]
    fn a_limit_stands_beside_what_is_expected_and_warns_where_that_is_more() {
        assert_eq!(
            lines(&limit(2_000)),
            ["Max pause   2.0 s for each hold; expected: 520 ms, then 1.4 s"]
        );
        let warned = lines(&limit(1_000));
        assert_eq!(warned.len(), 2);
        assert!(warned[1].contains("WARNING: the hold of handoff 2"), "{warned:?}");
    }
}
