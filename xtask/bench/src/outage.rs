//! How long requests failed, from the oracle's list of bad answers.

use serde_json::Value;

/// Failed requests that were sent further apart belong to different outages: one is sent every 5 ms, later on a busy
/// machine, and those in between were answered.
const APART_MS: i64 = 100;

/// Longest time from the sending of a failed request to the end of the last one that failed with it, among those sent
/// between these times (ms since 1970). 0 if none failed; nothing if nobody asked.
pub(crate) fn longest(probes: &Value, from: Option<i64>, until: Option<i64>) -> Option<i64> {
    probes["sent"].as_i64()?;
    let mut failed: Vec<(i64, i64)> = probes["bad"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|answer| !answer["failure"].is_null())
        .filter_map(|answer| Some((answer["atMs"].as_i64()?, answer["tookUs"].as_i64()? / 1_000)))
        .filter(|(at, _)| from.is_none_or(|from| *at >= from) && until.is_none_or(|until| *at < until))
        .collect();
    // They are listed in the order of their ends.
    failed.sort_unstable();
    let mut longest = 0;
    let mut begun: Option<(i64, i64)> = None;
    for (at, took) in failed {
        let first = match begun {
            Some((first, last)) if at - last <= APART_MS => first,
            Some(_) | None => at,
        };
        begun = Some((first, at));
        longest = longest.max(at + took - first);
    }
    Some(longest)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn probes(failed: &[(i64, i64)]) -> Value {
        let bad: Vec<Value> = failed
            .iter()
            .map(|(at, took)| json!({"atMs": at, "tookUs": took * 1_000, "failure": {"kind": "timeout"}}))
            .collect();
        json!({"sent": 1_000, "bad": bad})
    }

    #[test]
    fn outages_are_told_apart_and_the_longest_counts() {
        let two = probes(&[(1_000, 1), (1_090, 1), (1_180, 20), (2_000, 1), (2_050, 1)]);
        assert_eq!(longest(&two, None, None), Some(200));
        assert_eq!(longest(&two, Some(1_500), None), Some(51));
        assert_eq!(longest(&two, None, Some(1_100)), Some(91));
    }

    #[test]
    fn the_order_of_their_ends_does_not_matter() {
        assert_eq!(
            longest(&probes(&[(1_050, 1), (1_000, 200)]), None, None),
            Some(200)
        );
    }

    #[test]
    fn slow_answers_are_answers_and_who_does_not_ask_knows_nothing() {
        let slow = json!({"sent": 5, "bad": [{"atMs": 1, "tookUs": 150_000, "failure": null}]});
        assert_eq!(longest(&slow, None, None), Some(0));
        assert_eq!(longest(&Value::Null, None, None), None);
    }
}
