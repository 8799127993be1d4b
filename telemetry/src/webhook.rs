//! The webhook's metrics.

use std::time::Duration;

use prometheus_client::metrics::histogram::Histogram;

use crate::common::Common;
use crate::shelf::{Counters, Described, Histograms, Shelf, labels};

labels!(Answered { review, outcome });
labels!(Review { review });

/// What a review is about; also the last label of its path.
pub const REVIEWS: [&str; 3] = ["mutate/migrations", "validate/migrations", "mutate/pods"];

/// What became of a review.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Admitted as it is.
    Allowed,
    /// Admitted with changes: defaults, or a pod that becomes a restore.
    Changed,
    /// Refused, with a reason.
    Refused,
    /// Not taken in: too large, too slow, or no room for it.
    Dropped,
}

impl Outcome {
    const ALL: [Self; 4] = [Self::Allowed, Self::Changed, Self::Refused, Self::Dropped];

    fn word(self) -> String {
        match self {
            Self::Allowed => "allowed",
            Self::Changed => "changed",
            Self::Refused => "refused",
            Self::Dropped => "dropped",
        }
        .to_owned()
    }
}

/// See the module.
#[derive(Debug)]
pub struct Metrics {
    shelf: Shelf,
    /// What each part has.
    pub common: Common,
    reviews: Counters<Answered>,
    seconds: Histograms<Review>,
}

/// The API server waits 3 s for a pod's review and 5 s for a migration's.
fn within_patience() -> Histogram {
    Histogram::new([
        0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0,
    ])
}

impl Metrics {
    /// All at zero.
    pub fn new(version: &str) -> Self {
        let mut shelf = Shelf::default();
        let common = Common::new(&mut shelf, version);
        let reviews = shelf.counters::<Answered>(
            "shadow_admission_reviews",
            "Reviews that the API server asked for, by their path and by what became of them",
        );
        let seconds = shelf.histograms::<Review>(
            "shadow_admission_review_duration_seconds",
            "How long a review took; the API server waits 3 s for a pod's and 5 s for a migration's",
            within_patience,
        );
        for review in REVIEWS {
            let review = review.to_owned();
            for outcome in Outcome::ALL {
                drop(reviews.get_or_create(&answered(&review, outcome)));
            }
            drop(seconds.get_or_create(&Review { review }));
        }
        Self {
            shelf,
            common,
            reviews,
            seconds,
        }
    }

    /// A review was answered, or not taken in. Of a path that is no review nothing is counted: anybody may ask for it.
    pub fn reviewed(&self, path: &str, outcome: Outcome, took: Duration) {
        let path = path.trim_start_matches('/');
        let Some(review) = REVIEWS.into_iter().find(|review| *review == path) else {
            return;
        };
        self.reviews.get_or_create(&answered(review, outcome)).inc();
        let review = review.to_owned();
        self.seconds
            .get_or_create(&Review { review })
            .observe(took.as_secs_f64());
    }

    /// In the format of OpenMetrics.
    pub fn text(&self) -> String {
        self.shelf.text()
    }

    /// What is said of each.
    pub fn described(&self) -> &[Described] {
        self.shelf.described()
    }
}

fn answered(review: &str, outcome: Outcome) -> Answered {
    Answered {
        review: review.to_owned(),
        outcome: outcome.word(),
    }
}
