//! How long a source that ends before its copy starts may stand still between its dump and the commit, and how long it is
//! expected to. Pure.
//!
//! The source does nothing after its dump, so that neither its memory nor its volumes differ from what the copy wakes up with.
//! Two others watch it meanwhile: kubelet by the liveness probe, and the broker by heartbeats.

use std::fmt;

use k8s_openapi::api::core::v1::Probe;

use crate::api::{FreezeBound, FreezePlan, TransferMode};

/// What a freeze depends on.
#[derive(Clone, Copy, Debug)]
pub struct Circumstances<'a> {
    /// Liveness probe of the container.
    pub liveness: Option<&'a Probe>,
    /// Heartbeats that the broker agreed on with the pod, seconds; 0 is none.
    pub heartbeats: &'a [u32],
    /// How long the move may take up to the commit, seconds.
    pub deadline_seconds: u32,
    /// Memory that the dump has to hold.
    pub memory_bytes: u64,
    /// How the archive gets to the target.
    pub transfer: TransferMode,
}

/// The freeze would last longer than it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLong {
    /// What it may last, and what it is expected to.
    pub limit_millis: u64,
    /// What sets the limit.
    pub bound: FreezeBound,
    /// What it is expected to last.
    pub forecast_millis: u64,
}

/// Dump, seal, transfer and commit of a small process, measured at most, with room for a machine half as fast.
const FIXED_MILLIS: u64 = 1_500;
/// A registry is asked several times.
const REGISTRY_MILLIS: u64 = 2_000;
/// Dump, digest, transfer and unpacking together, bytes for each millisecond; measured 150,000 and more between two nodes of one
/// machine.
const DIRECT: u64 = 80_000;
const BY_REGISTRY: u64 = 25_000;

/// The freeze of a move, or why it cannot be.
pub fn plan(now: &Circumstances<'_>) -> Result<FreezePlan, TooLong> {
    let (limit_millis, bound) = limit(now);
    let forecast_millis = forecast(now.memory_bytes, now.transfer);
    if forecast_millis > limit_millis {
        return Err(TooLong {
            limit_millis,
            bound,
            forecast_millis,
        });
    }
    Ok(FreezePlan {
        limit_millis,
        bound,
        forecast_millis,
    })
}

fn forecast(memory: u64, transfer: TransferMode) -> u64 {
    match transfer {
        TransferMode::Direct => FIXED_MILLIS + memory / DIRECT,
        TransferMode::Registry => FIXED_MILLIS + REGISTRY_MILLIS + memory / BY_REGISTRY,
    }
}

fn limit(now: &Circumstances<'_>) -> (u64, FreezeBound) {
    let deadline = (u64::from(now.deadline_seconds) * 1_000, FreezeBound::Deadline);
    let probe = now
        .liveness
        .map(|probe| (patience(probe), FreezeBound::LivenessProbe));
    // The broker closes a connection after one to two heartbeats without a byte.
    let shortest = now.heartbeats.iter().filter(|seconds| **seconds > 0).min();
    let heartbeat = shortest.map(|seconds| (u64::from(*seconds) * 1_000, FreezeBound::Heartbeat));
    let all = [Some(deadline), probe, heartbeat].into_iter().flatten();
    all.min_by_key(|(millis, _)| *millis).unwrap_or(deadline)
}

/// The shortest time after which kubelet gives a container up that stands still: the first probe may come at once.
fn patience(probe: &Probe) -> u64 {
    let at_least_one = |number: Option<i32>, default: i32| {
        u64::from(
            number
                .filter(|number| *number > 0)
                .unwrap_or(default)
                .unsigned_abs(),
        )
    };
    let failures = at_least_one(probe.failure_threshold, 3);
    let period = at_least_one(probe.period_seconds, 10);
    let each = at_least_one(probe.timeout_seconds, 1);
    ((failures - 1) * period + each) * 1_000
}

impl fmt::Display for TooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = |millis: u64| millis as f64 / 1e3;
        write!(
            f,
            "the process has to stand still from its dump until the copy's node has the archive, for about {:.1} s; ",
            seconds(self.forecast_millis)
        )?;
        let limit = seconds(self.limit_millis);
        match self.bound {
            FreezeBound::LivenessProbe => write!(
                f,
                "its liveness probe allows {limit:.1} s, then kubelet restarts it: raise failureThreshold, periodSeconds or \
                 timeoutSeconds of livenessProbe in the pod's template"
            ),
            FreezeBound::Heartbeat => write!(
                f,
                "the heartbeat of its connection allows {limit:.1} s, then the broker closes it: let the application ask for a \
                 longer heartbeat"
            ),
            FreezeBound::Deadline => write!(f, "spec.deadlineSeconds allows {limit:.1} s: raise it"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn probe(failures: i32, period: i32, timeout: i32) -> Probe {
        Probe {
            failure_threshold: Some(failures),
            period_seconds: Some(period),
            timeout_seconds: Some(timeout),
            ..Probe::default()
        }
    }

    fn now<'a>(liveness: Option<&'a Probe>, heartbeats: &'a [u32], memory_bytes: u64) -> Circumstances<'a> {
        Circumstances {
            liveness,
            heartbeats,
            deadline_seconds: 120,
            memory_bytes,
            transfer: TransferMode::Direct,
        }
    }

    #[test]
    fn the_most_impatient_watcher_sets_the_limit() {
        let defaults = Probe::default();
        let (quick, slow) = (probe(3, 2, 1), probe(5, 30, 1));
        for (liveness, heartbeats, limit, bound) in [
            (None, &[][..], 120_000, FreezeBound::Deadline),
            (None, &[0, 60, 30], 30_000, FreezeBound::Heartbeat),
            (None, &[0], 120_000, FreezeBound::Deadline),
            (Some(&defaults), &[], 21_000, FreezeBound::LivenessProbe),
            (Some(&quick), &[60], 5_000, FreezeBound::LivenessProbe),
            (Some(&slow), &[60], 60_000, FreezeBound::Heartbeat),
        ] {
            let plan = plan(&now(liveness, heartbeats, 0)).unwrap();
            assert_eq!((plan.limit_millis, plan.bound), (limit, bound), "{heartbeats:?}");
        }
    }

    #[test]
    fn a_forecast_above_the_limit_is_refused_with_both_numbers_and_the_way_out() {
        let strict = probe(1, 10, 1);
        let refused = plan(&now(Some(&strict), &[], 0)).unwrap_err();
        assert_eq!((refused.limit_millis, refused.forecast_millis), (1_000, 1_500));
        let said = refused.to_string();
        for word in ["1.5 s", "1.0 s", "failureThreshold"] {
            assert!(said.contains(word), "{said}");
        }
        let large = 8_000_000_000;
        assert!(
            plan(&now(None, &[60], large))
                .unwrap_err()
                .to_string()
                .contains("heartbeat")
        );
        assert_eq!(
            plan(&now(None, &[], 800_000_000)).unwrap().forecast_millis,
            11_500
        );
    }

    #[test]
    fn a_registry_takes_longer() {
        let direct = now(None, &[], 100_000_000);
        let registry = Circumstances {
            transfer: TransferMode::Registry,
            ..direct
        };
        let forecast = |now| plan(&now).unwrap().forecast_millis;
        assert_eq!((forecast(direct), forecast(registry)), (2_750, 7_500));
    }
}
