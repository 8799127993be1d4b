//! The verdict on a run: what the pod applied against what the broker had taken over, and against the
//! control. Pure.

use serde::{Deserialize, Serialize};

use crate::load::{LoadLedger, PublisherLedger};
use crate::state::{PublisherSnapshot, StateSnapshot};

/// The verdict over all publishers of a run. Exact means: every confirmed message applied once and in
/// order, and the state equal to the control's.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Comparison {
    /// Confirmed messages which the pod did not apply.
    pub missing: u64,
    /// Messages which the pod applied again.
    pub duplicate: u64,
    /// Messages which the pod applied after a later one.
    pub reordered: u64,
    /// Whether chains, totals and books equal the control's.
    pub state_equal: bool,
    /// Missing, double or reordered messages of the control itself: what the broker did on its own,
    /// without any migration.
    pub control_faults: u64,
    /// Every publisher with a difference.
    pub differences: Vec<PublisherComparison>,
}

/// One publisher with a difference.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PublisherComparison {
    /// Its name.
    pub publisher: String,
    /// The first confirmed numbers which the pod did not apply, at most [`LISTED`] of them.
    pub missing: Vec<u64>,
    /// How many there are.
    pub missing_count: u64,
    /// Applied again.
    pub duplicate: u64,
    /// Applied late.
    pub reordered: u64,
    /// Parts of the state that differ from the control's.
    pub differing: Vec<String>,
}

/// Missing numbers listed per publisher.
pub const LISTED: usize = 50;

impl Comparison {
    /// Whether nothing is missing, double, out of order or different.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        self.missing == 0 && self.duplicate == 0 && self.reordered == 0 && self.state_equal
    }
}

/// Compares the pod's state with the ledger and with the control's state, for the run's publishers.
#[must_use]
pub fn compare(pod: &StateSnapshot, control: &StateSnapshot, ledger: &LoadLedger) -> Comparison {
    let nothing = PublisherSnapshot::default();
    let mut verdict = Comparison {
        state_equal: true,
        ..Comparison::default()
    };
    for publisher in &ledger.publishers {
        let seen = pod.publishers.get(&publisher.name).unwrap_or(&nothing);
        let wanted = control.publishers.get(&publisher.name).unwrap_or(&nothing);
        let difference = compare_publisher(publisher, seen, wanted);
        verdict.missing += difference.missing_count;
        verdict.duplicate += difference.duplicate;
        verdict.reordered += difference.reordered;
        verdict.state_equal &= difference.differing.is_empty();
        let control = compare_publisher(publisher, wanted, wanted);
        verdict.control_faults += control.missing_count + control.duplicate + control.reordered;
        if difference
            != (PublisherComparison {
                publisher: publisher.name.clone(),
                ..PublisherComparison::default()
            })
        {
            verdict.differences.push(difference);
        }
    }
    verdict
}

fn compare_publisher(
    ledger: &PublisherLedger,
    seen: &PublisherSnapshot,
    wanted: &PublisherSnapshot,
) -> PublisherComparison {
    let absent = || (1..=ledger.last).filter(|seq| ledger.is_confirmed(*seq) && !seen.position.has(*seq));
    PublisherComparison {
        publisher: ledger.name.clone(),
        missing: absent().take(LISTED).collect(),
        missing_count: absent().count() as u64,
        duplicate: seen.position.duplicates,
        reordered: seen.position.late,
        differing: differing(seen, wanted),
    }
}

fn differing(seen: &PublisherSnapshot, wanted: &PublisherSnapshot) -> Vec<String> {
    let parts = [
        ("position", seen.position == wanted.position),
        ("chain", seen.chain == wanted.chain),
        ("totals", seen.totals == wanted.totals),
        ("book", seen.book == wanted.book),
    ];
    parts
        .iter()
        .filter(|(_, equal)| !equal)
        .map(|(part, _)| (*part).to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::order::Message;
    use crate::state::State;

    fn state_of(seqs: &[u64]) -> StateSnapshot {
        let mut state = State::default();
        for seq in seqs {
            state.apply(&Message::numbered("p", *seq).encode(0).unwrap(), false, 0);
        }
        state.snapshot()
    }

    fn ledger(last: u64, uncertain: &[u64]) -> LoadLedger {
        let uncertain: BTreeSet<u64> = uncertain.iter().copied().collect();
        let confirmed = last - uncertain.len() as u64;
        let publisher = PublisherLedger {
            name: "p".to_owned(),
            last,
            confirmed,
            uncertain,
            ..PublisherLedger::default()
        };
        LoadLedger {
            publishers: vec![publisher],
            ..LoadLedger::default()
        }
    }

    /// pod's deliveries, control's, last, uncertain → missing, duplicate, reordered, equal
    type Case = (
        &'static [u64],
        &'static [u64],
        u64,
        &'static [u64],
        (u64, u64, u64, bool),
    );

    #[test]
    fn every_kind_of_fault_is_told_from_the_others() {
        let cases: &[Case] = &[
            (&[1, 2, 3], &[1, 2, 3], 3, &[], (0, 0, 0, true)),
            (&[], &[], 0, &[], (0, 0, 0, true)),
            (&[1, 2], &[1, 2, 3], 3, &[], (1, 0, 0, false)),
            (&[1, 3], &[1, 2, 3], 3, &[], (1, 0, 0, false)),
            (&[1, 2, 2, 3], &[1, 2, 3], 3, &[], (0, 1, 0, false)),
            (&[1, 3, 2], &[1, 2, 3], 3, &[], (0, 0, 1, false)),
            (&[1, 2, 3], &[1, 2], 3, &[], (0, 0, 0, false)),
            // A message whose confirm was lost may have arrived or not, at both alike.
            (&[1, 3], &[1, 3], 3, &[2], (0, 0, 0, true)),
            (&[1, 2, 3], &[1, 2, 3], 3, &[2], (0, 0, 0, true)),
            // Messages missing at both were lost before they reached a queue: still lost.
            (&[1, 3], &[1, 3], 3, &[], (1, 0, 0, true)),
        ];
        for (pod, control, last, uncertain, (missing, duplicate, reordered, equal)) in cases {
            let verdict = compare(&state_of(pod), &state_of(control), &ledger(*last, uncertain));
            let seen = (
                verdict.missing,
                verdict.duplicate,
                verdict.reordered,
                verdict.state_equal,
            );
            assert_eq!(
                seen,
                (*missing, *duplicate, *reordered, *equal),
                "{pod:?} against {control:?}"
            );
            assert_eq!(verdict.is_exact(), verdict.differences.is_empty());
        }
    }

    #[test]
    fn faults_of_the_control_itself_are_told() {
        let verdict = compare(&state_of(&[1, 2]), &state_of(&[1, 2, 2]), &ledger(2, &[]));
        assert_eq!((verdict.control_faults, verdict.is_exact()), (1, false));
    }

    #[test]
    fn publishers_of_other_runs_are_left_out() {
        let mut pod = state_of(&[1, 2]);
        pod.publishers
            .insert("old".to_owned(), PublisherSnapshot::default());
        assert!(compare(&pod, &state_of(&[1, 2]), &ledger(2, &[])).is_exact());
    }
}
