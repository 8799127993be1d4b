//! A policy that only speaks of evictions says nothing of moves.

use serde_json::json;

use crate::{own, selected};

#[test]
fn it_is_named_in_no_answer_about_a_move() {
    let policies = selected(&[own("leave", json!({"evictions": "Move"}))]);
    assert!(!policies.is_empty());
    assert_eq!((policies.allowed(), policies.record().len()), (None, 0));
    assert!(policies.audit(&[], None).is_empty());
}
