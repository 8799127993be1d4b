//! What is measured: one line for each combination.

use crate::stage::Single;

/// What is moved, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mover {
    /// A StatefulSet pod by way of a stand-in.
    ShadowPod,
    /// A StatefulSet pod that goes before its copy starts.
    Sequential,
    /// A pod of a Deployment.
    Deployment,
    /// A pod that nobody owns.
    Bare,
    /// A StatefulSet pod on a single-active queue that speaks no protocol.
    SingleActive,
    /// The plain way: the pod is deleted and scheduled on the other node; its memory is lost.
    Deleted,
}

impl Mover {
    /// As it stands in rows and tables.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::ShadowPod => "StatefulSet ShadowPod",
            Self::Sequential => "StatefulSet Sequential",
            Self::Deployment => "Deployment ShadowPod",
            Self::Bare => "bare pod ShadowPod",
            Self::SingleActive => "StatefulSet SingleActive",
            Self::Deleted => "baseline: delete the pod",
        }
    }

    /// The sample that is moved; none: the StatefulSet `orders`.
    pub(crate) fn single(self) -> Option<Single> {
        match self {
            Self::Deployment => Some(Single::Deployment),
            Self::Bare => Some(Single::Pod),
            Self::SingleActive => Some(Single::Plain),
            Self::ShadowPod | Self::Sequential | Self::Deleted => None,
        }
    }

    /// More arguments of `kubectl shadow migrate`.
    pub(crate) fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::Sequential => &["--strategy", "sequential"],
            Self::ShadowPod | Self::Deployment | Self::Bare | Self::SingleActive | Self::Deleted => &[],
        }
    }
}

/// One combination.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scenario {
    pub(crate) mover: Mover,
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

impl Scenario {
    fn of(mover: Mover, rate: u32) -> Self {
        Self {
            mover,
            rate,
            work_micros: 10_000,
            heap_mb: 0,
            size: 100,
            prefetch: 50,
        }
    }

    /// Arguments of the consumer.
    pub(crate) fn arguments(&self) -> Vec<String> {
        let mut all = vec!["--work".to_owned(), format!("{}us", self.work_micros)];
        all.extend(["--ballast-mb".to_owned(), self.heap_mb.to_string()]);
        all.extend(["--prefetch".to_owned(), self.prefetch.to_string()]);
        all
    }
}

const MOVERS: [Mover; 5] = [
    Mover::ShadowPod,
    Mover::Sequential,
    Mover::Deployment,
    Mover::Bare,
    Mover::SingleActive,
];

/// A few minutes: each way once, below and beyond what the consumer can serve, and a larger heap.
pub(crate) fn quick() -> Vec<Scenario> {
    let mut all: Vec<Scenario> = MOVERS.map(|mover| Scenario::of(mover, 80)).to_vec();
    all.push(Scenario::of(Mover::ShadowPod, 10));
    all.push(Scenario::of(Mover::ShadowPod, 120));
    all.push(Scenario {
        heap_mb: 100,
        ..Scenario::of(Mover::ShadowPod, 40)
    });
    all.push(Scenario::of(Mover::Deleted, 80));
    all
}

/// Everything.
pub(crate) fn full() -> Vec<Scenario> {
    let mut all = Vec::new();
    for mover in MOVERS {
        all.extend([10, 20, 40, 60, 80, 100, 120].map(|rate| Scenario::of(mover, rate)));
    }
    for mover in MOVERS {
        all.extend([1_000, 10_000].map(|rate| Scenario {
            work_micros: 50,
            ..Scenario::of(mover, rate)
        }));
    }
    all.extend([10, 100, 500].map(|heap_mb| Scenario {
        heap_mb,
        ..Scenario::of(Mover::ShadowPod, 40)
    }));
    all.push(Scenario {
        size: 4_096,
        ..Scenario::of(Mover::ShadowPod, 80)
    });
    for mover in [Mover::ShadowPod, Mover::SingleActive] {
        all.push(Scenario {
            prefetch: 1,
            ..Scenario::of(mover, 80)
        });
    }
    all.push(Scenario::of(Mover::Deleted, 80));
    all
}
