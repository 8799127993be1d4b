//! What must hold of the state whatever is delivered.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

fn state_of(deliveries: &[(&str, u64)]) -> StateSnapshot {
    let mut state = State::default();
    for (index, (publisher, seq)) in deliveries.iter().enumerate() {
        let body = Message::numbered(publisher, *seq).encode(0).unwrap();
        state.apply(&body, false, index as u64);
    }
    state.snapshot()
}

fn numbered(publisher: &'static str, seqs: impl IntoIterator<Item = u64>) -> Vec<(&'static str, u64)> {
    seqs.into_iter().map(|seq| (publisher, seq)).collect()
}

#[test]
fn an_exact_stream_has_nothing_to_report() {
    let state = state_of(&numbered("p", 1..=1_500));
    assert_eq!(
        (
            state.applied,
            state.duplicates,
            state.late,
            state.missing,
            state.gaps
        ),
        (1_500, 0, 0, 0, 0)
    );
    let publisher = &state.publishers["p"];
    assert_eq!(publisher.position.last, 1_500);
    assert!(publisher.book.open > 0 && publisher.book.open <= book::OPEN_ORDERS);
}

#[test]
fn a_duplicate_is_applied_and_counted() {
    let exact = state_of(&numbered("p", [1, 2, 3]));
    let twice = state_of(&numbered("p", [1, 2, 2, 3]));
    assert_eq!((twice.applied, twice.duplicates), (4, 1));
    assert_ne!(exact.publishers["p"].chain, twice.publishers["p"].chain);
    assert_ne!(exact.totals, twice.totals);
}

#[test]
fn a_swap_is_late_and_not_a_duplicate_and_changes_the_chain() {
    let exact = state_of(&numbered("p", [1, 2, 3, 4]));
    let swapped = state_of(&numbered("p", [1, 3, 2, 4]));
    assert_eq!(
        (swapped.late, swapped.duplicates, swapped.missing, swapped.gaps),
        (1, 0, 0, 1)
    );
    assert_ne!(exact.publishers["p"].chain, swapped.publishers["p"].chain);
}

#[test]
fn a_loss_is_named() {
    let state = state_of(&numbered("p", [1, 2, 5, 6, 9]));
    assert_eq!(state.publishers["p"].position.missing, [(3, 4), (7, 8)]);
    assert_eq!((state.missing, state.gaps), (4, 2));
}

#[test]
fn what_is_no_order_is_counted_and_changes_nothing() {
    let mut state = State::default();
    state.apply(b"hello", true, 1);
    let snapshot = state.snapshot();
    assert_eq!(
        (snapshot.rejected, snapshot.redelivered, snapshot.applied),
        (1, 1, 0)
    );
}

#[test]
fn a_snapshot_survives_its_json() {
    let state = state_of(&numbered("p", [1, 2, 5, 4, 4]));
    let json = serde_json::to_string(&state).unwrap();
    assert_eq!(serde_json::from_str::<StateSnapshot>(&json).unwrap(), state);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// However two publishers are interleaved, the state is the same.
    #[test]
    fn interleaving_does_not_matter(choices in proptest::collection::vec(any::<bool>(), 1..200)) {
        let (mut a, mut b) = (0, 0);
        let mixed: Vec<(&str, u64)> = choices.iter().map(|first| {
            if *first { a += 1; ("a", a) } else { b += 1; ("b", b) }
        }).collect();
        let mut apart = numbered("a", 1..=a);
        apart.extend(numbered("b", 1..=b));
        let (mut mixed, mut apart) = (state_of(&mixed), state_of(&apart));
        mixed.pauses = PauseSnapshot::default();
        apart.pauses = PauseSnapshot::default();
        prop_assert_eq!(mixed, apart);
    }

    /// The counters account for every delivery, and `missing` for every number that never came.
    #[test]
    fn every_delivery_is_accounted_for(seqs in proptest::collection::vec(1..60_u64, 1..200)) {
        let state = state_of(&numbered("p", seqs.iter().copied()));
        let position = &state.publishers["p"].position;
        let seen: BTreeSet<u64> = seqs.iter().copied().collect();
        prop_assert_eq!(position.applied, seqs.len() as u64);
        prop_assert_eq!(position.duplicates, (seqs.len() - seen.len()) as u64);
        for seq in 1..=position.last {
            prop_assert_eq!(position.has(seq), seen.contains(&seq));
        }
        prop_assert_eq!(position.missing_count(), position.last - seen.len() as u64);
    }

    /// Any delivery other than 1, 2, 3 … gives another chain than the exact one.
    #[test]
    fn only_the_exact_stream_has_its_chain(seqs in proptest::collection::vec(1..12_u64, 1..12)) {
        let exact: Vec<u64> = (1..=seqs.len() as u64).collect();
        let same = state_of(&numbered("p", seqs.iter().copied())).publishers["p"].chain
            == state_of(&numbered("p", exact.iter().copied())).publishers["p"].chain;
        prop_assert_eq!(same, seqs == exact);
    }
}
