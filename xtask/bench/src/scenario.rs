//! What is measured: one scenario for each combination.

use super::shape::Shape;
use super::way::{self, Way};

/// One combination.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scenario {
    pub(crate) way: &'static Way,
    /// Messages a second.
    pub(crate) rate: u32,
    /// Work for each message, microseconds.
    pub(crate) work_micros: u32,
    /// Memory beside the state, MB.
    pub(crate) heap_mb: u32,
    /// Size of a message, bytes.
    pub(crate) size: u32,
    pub(crate) prefetch: u32,
}

/// A timer of the sample cannot wait less: shorter work is computed.
const SHORTEST_SLEEP_MICROS: u32 = 1_000;

impl Scenario {
    fn of(way: &'static Way, rate: u32) -> Self {
        Self {
            way,
            rate,
            work_micros: 10_000,
            heap_mb: 0,
            size: 100,
            prefetch: 50,
        }
    }

    /// What tells it from all others.
    pub(crate) fn shape(&self) -> Shape {
        Shape {
            way: self.way.name.to_owned(),
            rate: self.rate,
            work_us: self.work_micros,
            heap_mb: self.heap_mb,
            message_bytes: self.size,
            prefetch: self.prefetch,
        }
    }

    /// Arguments of the consumer.
    pub(crate) fn arguments(&self) -> Vec<String> {
        let mut all = vec!["--work".to_owned(), format!("{}us", self.work_micros)];
        if self.work_micros < SHORTEST_SLEEP_MICROS {
            all.extend(["--work-kind".to_owned(), "spin".to_owned()]);
        }
        all.extend(["--ballast-mb".to_owned(), self.heap_mb.to_string()]);
        all.extend(["--prefetch".to_owned(), self.prefetch.to_string()]);
        all.extend(self.way.consumer.iter().map(|&word| word.to_owned()));
        all
    }
}

/// Ways that are measured at every rate.
const AT_EVERY_RATE: [&Way; 9] = [
    &way::SHADOW_POD,
    &way::RETURNING,
    &way::SEQUENTIAL,
    &way::DEPLOYMENT,
    &way::RETURNING_DEPLOYMENT,
    &way::BARE,
    &way::RETURNING_BARE,
    &way::SINGLE_ACTIVE,
    &way::SINGLE_ACTIVE_SEQUENTIAL,
];
/// With 10 ms of work the consumer serves 100 a second at most.
const RATES: [u32; 7] = [10, 20, 40, 60, 80, 100, 120];
/// With 50 µs of work.
const HIGH_RATES: [u32; 2] = [1_000, 10_000];
const HEAPS_MB: [u32; 3] = [10, 100, 500];

/// What users have: the first to be measured, in every run.
const ORDINARY: [&Way; 3] = [&way::PIKA, &way::PIKA_5_S, &way::AIO_PIKA];

/// A few minutes: each way once, below and beyond what the consumer can serve, and a larger heap.
pub(crate) fn quick() -> Vec<Scenario> {
    let ways = [
        &way::RETURNING,
        &way::SEQUENTIAL,
        &way::RETURNING_DEPLOYMENT,
        &way::RETURNING_BARE,
        &way::SINGLE_ACTIVE,
        &way::LIVE,
    ];
    let mut all: Vec<Scenario> = ORDINARY.map(|way| Scenario::of(way, 80)).to_vec();
    all.push(Scenario::of(&way::PIKA, 10));
    all.extend(ways.map(|way| Scenario::of(way, 80)));
    all.push(Scenario::of(&way::RETURNING, 10));
    all.push(Scenario::of(&way::RETURNING, 120));
    all.push(Scenario {
        heap_mb: 100,
        ..Scenario::of(&way::SHADOW_POD, 40)
    });
    all.push(Scenario::of(&way::DELETED, 80));
    all
}

/// Everything.
pub(crate) fn full() -> Vec<Scenario> {
    let mut all = Vec::new();
    for way in ORDINARY {
        all.extend(RATES.map(|rate| Scenario::of(way, rate)));
    }
    for way in AT_EVERY_RATE {
        all.extend(RATES.map(|rate| Scenario::of(way, rate)));
        all.extend(HIGH_RATES.map(|rate| Scenario {
            work_micros: 50,
            ..Scenario::of(way, rate)
        }));
    }
    for way in [&way::LIVE, &way::LIVE_DEPLOYMENT] {
        all.extend(RATES.map(|rate| Scenario::of(way, rate)));
    }
    all.extend([10, 80, 120].map(|rate| Scenario::of(&way::POLLING, rate)));
    for way in [&way::THROUGH_REGISTRY, &way::BY_IMAGE, &way::BY_IMAGE_DEPLOYMENT] {
        all.extend([10, 80].map(|rate| Scenario::of(way, rate)));
    }
    for way in [&way::SHADOW_POD, &way::SEQUENTIAL] {
        all.extend(HEAPS_MB.map(|heap_mb| Scenario {
            heap_mb,
            ..Scenario::of(way, 40)
        }));
    }
    for way in [&way::SHADOW_POD, &way::SINGLE_ACTIVE] {
        all.push(Scenario {
            size: 4_096,
            ..Scenario::of(way, 80)
        });
        all.push(Scenario {
            prefetch: 1,
            ..Scenario::of(way, 80)
        });
    }
    all.extend([10, 80, 120].map(|rate| Scenario::of(&way::DELETED, rate)));
    // Beyond what the consumer serves it never catches up.
    all.extend([10, 40, 80].map(|rate| Scenario::of(&way::REPLAYED, rate)));
    all
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_scenario_is_measured_twice() {
        for all in [quick(), full()] {
            let names: BTreeSet<String> = all.iter().map(|one| one.shape().to_string()).collect();
            assert_eq!(names.len(), all.len());
        }
    }

    #[test]
    fn what_is_quick_is_part_of_everything() {
        let names: BTreeSet<String> = full().iter().map(|one| one.shape().to_string()).collect();
        for one in quick() {
            // The heap of 100 MB is measured at the same rate in both.
            assert!(names.contains(&one.shape().to_string()), "{}", one.shape());
        }
    }

    #[test]
    fn ordinary_clients_come_first_in_every_run() {
        for all in [quick(), full()] {
            let ways: Vec<&str> = all.iter().map(|one| one.way.name).collect();
            let first = ways
                .iter()
                .take_while(|way| way.starts_with("ordinary client"))
                .count();
            let ordinary = ways
                .iter()
                .filter(|way| way.starts_with("ordinary client"))
                .count();
            assert_eq!(first, ordinary, "{ways:?}");
            assert!(ORDINARY.iter().all(|way| ways.contains(&way.name)), "{ways:?}");
        }
    }

    #[test]
    fn work_that_a_timer_cannot_wait_for_is_computed() {
        let mut scenario = Scenario::of(&way::BARE, 1_000);
        assert!(!scenario.arguments().contains(&"spin".to_owned()));
        scenario.work_micros = 50;
        assert!(scenario.arguments().contains(&"spin".to_owned()));
    }
}
