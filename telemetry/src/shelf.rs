//! Metrics as they are registered, with what is said of them.

use std::hash::Hash;

use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// What a metric is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows, and begins at 0 with its process.
    Counter,
    /// The value of this moment.
    Gauge,
    /// How often a value was how large: series `_bucket`, `_sum` and `_count`.
    Histogram,
}

/// What is said of a metric.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Described {
    /// As a query names it; of a histogram without `_bucket`, `_sum` and `_count`.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// Names of its labels.
    pub labels: &'static [&'static str],
    /// Meaning.
    pub help: &'static str,
}

/// A set of labels whose names are known.
pub(crate) trait Labels:
    Clone + Hash + Eq + std::fmt::Debug + Send + Sync + EncodeLabelSet + 'static
{
    /// Their names.
    const NAMES: &'static [&'static str];
}

/// Defines a set of labels.
macro_rules! labels {
    ($(#[$doc:meta])* $name:ident { $($field:ident),+ }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Hash, PartialEq, Eq, prometheus_client::encoding::EncodeLabelSet)]
        pub(crate) struct $name { $(pub(crate) $field: String),+ }

        impl $crate::shelf::Labels for $name {
            const NAMES: &'static [&'static str] = &[$(stringify!($field)),+];
        }
    };
}
pub(crate) use labels;

pub(crate) type Counters<L> = Family<L, Counter>;
pub(crate) type Gauges<L> = Family<L, Gauge>;
pub(crate) type Histograms<L> = Family<L, Histogram, fn() -> Histogram>;

/// The metrics of one part.
#[derive(Debug, Default)]
pub(crate) struct Shelf {
    registry: Registry,
    described: Vec<Described>,
}

impl Shelf {
    /// `name` without `_total`.
    pub(crate) fn counters<L: Labels>(&mut self, name: &'static str, help: &'static str) -> Counters<L> {
        let family = Counters::<L>::default();
        self.registry.register(name, help, family.clone());
        self.describe(format!("{name}_total"), Kind::Counter, L::NAMES, help);
        family
    }

    pub(crate) fn counter(&mut self, name: &'static str, help: &'static str) -> Counter {
        let counter = Counter::default();
        self.registry.register(name, help, counter.clone());
        self.describe(format!("{name}_total"), Kind::Counter, &[], help);
        counter
    }

    pub(crate) fn gauges<L: Labels>(&mut self, name: &'static str, help: &'static str) -> Gauges<L> {
        let family = Gauges::<L>::default();
        self.registry.register(name, help, family.clone());
        self.describe(name.to_owned(), Kind::Gauge, L::NAMES, help);
        family
    }

    pub(crate) fn gauge(&mut self, name: &'static str, help: &'static str) -> Gauge {
        let gauge = Gauge::default();
        self.registry.register(name, help, gauge.clone());
        self.describe(name.to_owned(), Kind::Gauge, &[], help);
        gauge
    }

    pub(crate) fn histograms<L: Labels>(
        &mut self,
        name: &'static str,
        help: &'static str,
        of: fn() -> Histogram,
    ) -> Histograms<L> {
        let family = Histograms::<L>::new_with_constructor(of);
        self.registry.register(name, help, family.clone());
        self.describe(name.to_owned(), Kind::Histogram, L::NAMES, help);
        family
    }

    pub(crate) fn histogram(
        &mut self,
        name: &'static str,
        help: &'static str,
        of: fn() -> Histogram,
    ) -> Histogram {
        let histogram = of();
        self.registry.register(name, help, histogram.clone());
        self.describe(name.to_owned(), Kind::Histogram, &[], help);
        histogram
    }

    fn describe(&mut self, name: String, kind: Kind, labels: &'static [&'static str], help: &'static str) {
        self.described.push(Described {
            name,
            kind,
            labels,
            help,
        });
    }

    pub(crate) fn described(&self) -> &[Described] {
        &self.described
    }

    /// In the format of OpenMetrics. A `String` takes everything.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        if text::encode(&mut text, &self.registry).is_err() {
            tracing::error!("the metrics could not be written down");
        }
        text
    }
}

/// Seconds of something that takes milliseconds to minutes.
pub(crate) fn seconds() -> Histogram {
    Histogram::new([
        0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0,
    ])
}

/// Seconds of something that may take an hour.
pub(crate) fn long_seconds() -> Histogram {
    Histogram::new([
        0.5, 1.0, 2.0, 3.0, 5.0, 7.5, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1_800.0, 3_600.0,
    ])
}

/// Messages.
pub(crate) fn messages() -> Histogram {
    Histogram::new([0.0, 1.0, 10.0, 100.0, 1e3, 1e4, 1e5, 1e6])
}
