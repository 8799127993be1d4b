//! `spec.maxPause`: how long each hold may last. What its text means, and what is expected of the holds before anything is touched.
//! Pure; what becomes of a hold under way is decided by [`crate::machine::pause_limit`].
//!
//! A hold lasts from the moment at which the application is asked to wait to the moment at which an instance reads the queue again.
//! Its pause is never longer: that does not count the time in which the application works off what it has.

use std::fmt;

use k8s_openapi::jiff::SignedDuration;

use crate::api::{ExpectedHold, ForecastBasis, PauseLimit};
use crate::forecast::{Forecast, Way, basis};

/// The text of a field `maxPause` is no time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a time. Write one such as 1500ms, 2s or 1m30s, or leave it out")]
pub struct NotATime(String);

/// A duration as Go writes it, of a millisecond at least.
pub fn parse(text: &str) -> Result<SignedDuration, NotATime> {
    // The parser knows other ways to write a time, some with words.
    let is_of_go = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || b".hms".contains(&byte));
    let time = text.parse::<SignedDuration>().ok().filter(|_| is_of_go);
    time.filter(|time| time.as_millis() >= 1)
        .ok_or_else(|| NotATime(text.to_owned()))
}

/// A hold is expected to last longer than it may.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TooLong(PauseLimit);

/// What a plan says of its holds, or why the move is refused: moves of this cluster say that a hold lasts longer than `limit`.
pub fn plan(limit: SignedDuration, way: Way, forecast: &Forecast) -> Result<PauseLimit, TooLong> {
    let (basis, moves) = forecast.basis.told();
    let holds = (1..=way.route.handoffs()).map(|handoff| ExpectedHold {
        handoff,
        millis: forecast.pause_of(handoff),
        after_commit_millis: forecast.after_commit(handoff),
    });
    let limit = PauseLimit {
        limit_millis: u64::try_from(limit.as_millis()).unwrap_or(u64::MAX),
        holds: holds.collect(),
        basis,
        moves,
    };
    match basis {
        ForecastBasis::Application | ForecastBasis::Cluster if exceeding(&limit).is_some() => {
            Err(TooLong(limit))
        }
        ForecastBasis::Application | ForecastBasis::Cluster | ForecastBasis::Measurements => Ok(limit),
    }
}

/// What to know before a move whose holds are expected to last longer than they may, though no move of this cluster says so.
pub fn warning(limit: &PauseLimit) -> Option<String> {
    let hold = exceeding(limit)?;
    let becomes = if hold.after_commit_millis > limit.limit_millis {
        "its time after the commit alone is expected to last longer, so the move is going to be undone"
    } else {
        "the move may be undone"
    };
    Some(format!(
        "{}: {becomes}. A move without maxPause gives this cluster figures of its own",
        expected(limit, hold)
    ))
}

/// The longest of the holds that are expected to last longer than they may.
fn exceeding(limit: &PauseLimit) -> Option<&ExpectedHold> {
    let long = limit.holds.iter().filter(|hold| hold.millis > limit.limit_millis);
    long.max_by_key(|hold| hold.millis)
}

fn expected(limit: &PauseLimit, hold: &ExpectedHold) -> String {
    format!(
        "the hold of handoff {} is expected to last {} (from {}), and maxPause allows {}",
        hold.handoff,
        told(hold.millis),
        basis::told(limit.basis, limit.moves),
        told(limit.limit_millis)
    )
}

impl fmt::Display for TooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(limit) = self;
        let hold = exceeding(limit).ok_or(fmt::Error)?;
        write!(
            f,
            "{}. Set it to at least {}, or leave it out. kubectl shadow plan says how long each step is expected to take",
            expected(limit, hold),
            go(hold.millis)
        )
    }
}

/// `80 ms`, `2 s`, `2.35 s`: as exact as it is measured, since it is compared with a limit.
pub(crate) fn told(millis: u64) -> String {
    match millis {
        0..1_000 => format!("{millis} ms"),
        _ => format!("{} s", millis as f64 / 1e3),
    }
}

/// The same to be typed: in tenths of a second, rounded up.
fn go(millis: u64) -> String {
    match millis {
        0..1_000 => format!("{millis}ms"),
        _ => format!("{}s", millis.div_ceil(100) as f64 / 10.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{HoldKind, Step};
    use crate::forecast::{Basis, Expected};
    use crate::machine::Route;

    #[test]
    fn a_limit_is_a_duration_of_go() {
        for (text, millis) in [
            ("1500ms", 1_500),
            ("2s", 2_000),
            ("1.5s", 1_500),
            ("1m30s", 90_000),
            ("1h", 3_600_000),
            ("1ms", 1),
        ] {
            assert_eq!(parse(text).unwrap().as_millis(), millis, "{text}");
        }
        for bad in [
            "",
            "2",
            "0s",
            "0ms",
            "-2s",
            "2 seconds",
            "PT2S",
            "s",
            "ms",
            ".",
            "2x",
            "2s ago",
            "1us",
            "1ns",
            "2S",
            "99999999999999999999h",
        ] {
            let said = parse(bad).unwrap_err().to_string();
            assert!(
                said.contains(&format!("{bad:?}")) && said.contains("1500ms"),
                "{said}"
            );
        }
    }

    /// What is typed as the way out is a limit again, and not below the forecast.
    #[test]
    fn what_a_refusal_says_to_write_is_enough() {
        for millis in [1, 80, 999, 1_000, 1_001, 2_350, 59_999, 61_000] {
            let typed = parse(&go(millis)).unwrap();
            assert!(
                typed.as_millis() >= i128::from(millis),
                "{millis}: {}",
                go(millis)
            );
        }
        assert_eq!(
            (told(80), told(2_000), told(2_350)),
            ("80 ms".into(), "2 s".into(), "2.35 s".into())
        );
    }

    const TWICE: Way = Way {
        route: Route::Twice,
        hold: HoldKind::Park,
    };

    /// Each step of the first handoff takes 200 ms, of the second 100 ms.
    fn forecast(way: Way, basis: Basis) -> Forecast {
        let steps = way.steps().map(|(handoff, step)| Expected {
            handoff,
            step,
            millis: if handoff == 1 { 200 } else { 100 },
        });
        Forecast {
            steps: steps.collect(),
            basis,
        }
    }

    fn planned(limit: i64, way: Way, basis: Basis) -> Result<PauseLimit, TooLong> {
        plan(SignedDuration::from_millis(limit), way, &forecast(way, basis))
    }

    /// Hold, Checkpoint, Transfer, Restore, Commit, Exclude, Release; the last three come after the decision to commit.
    #[test]
    fn moves_of_this_cluster_refuse_and_measurements_elsewhere_warn() {
        let known = [Basis::Application(2), Basis::Cluster(7)];
        for basis in known {
            let fits = planned(1_400, TWICE, basis).unwrap();
            assert_eq!(
                (fits.holds[0].millis, fits.holds[0].after_commit_millis),
                (1_400, 600)
            );
            assert_eq!(
                (fits.holds[1].millis, fits.holds[1].after_commit_millis),
                (600, 200)
            );
            assert_eq!(warning(&fits), None);
            let said = planned(1_399, TWICE, basis).unwrap_err().to_string();
            for word in ["handoff 1", "1.4 s", "1.399 s", "finished moves", "at least 1.4s"] {
                assert!(said.contains(word), "{word}: {said}");
            }
        }
        let elsewhere = |limit| planned(limit, TWICE, Basis::Measurements).unwrap();
        assert_eq!(warning(&elsewhere(1_400)), None);
        let said = warning(&elsewhere(1_399)).unwrap();
        assert!(
            said.contains("may be undone") && said.contains("another machine"),
            "{said}"
        );
        let said = warning(&elsewhere(599)).unwrap();
        assert!(said.contains("is going to be undone"), "{said}");
    }

    #[test]
    fn the_second_handoff_counts_as_well() {
        let mut slow = forecast(TWICE, Basis::Cluster(1));
        let second = slow
            .steps
            .iter_mut()
            .find(|one| (one.handoff, one.step) == (2, Step::Restore));
        second.unwrap().millis = 5_000;
        let said = plan(SignedDuration::from_secs(3), TWICE, &slow)
            .unwrap_err()
            .to_string();
        assert!(
            said.contains("handoff 2") && said.contains("1 finished move of"),
            "{said}"
        );
    }

    /// The source goes on between its dump and the commit: two short holds, of which the longer one counts.
    #[test]
    fn a_live_handoff_holds_until_the_source_follows_and_from_the_commit_on() {
        let live = Way {
            route: Route::Once,
            hold: HoldKind::Exchange,
        };
        let planned = planned(600, live, Basis::Cluster(3)).unwrap();
        assert_eq!(
            (planned.holds[0].millis, planned.holds[0].after_commit_millis),
            (600, 600)
        );
    }
}
