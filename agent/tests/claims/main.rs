//! The claim socket as shadow-runc sees it, with an API server that is played.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test ends at the first surprise"
)]

mod api_server;
mod node;
mod runc;

use serde_json::{Value, json};
use shadow_agent::claim::Answer;
use shadow_agent::keys::Keys;
use shadow_agent::layout::Layout;
use shadow_core::wire::Claim;

use api_server::kept;
use node::{Node, key};

fn why(answer: Answer) -> String {
    match answer {
        Answer::Refused { why } => why,
        other @ (Answer::Restore { .. } | Answer::Fresh { .. } | Answer::Recorded) => {
            panic!("not refused but {other:?}")
        }
    }
}

#[test]
fn a_claim_waits_for_the_archive_and_the_outcome_is_kept() {
    let node = Node::new(Some("Checkpointing"));
    node.announce();
    let mut runc = node.connect();
    runc.claim("c1");
    node.claim_is(&Claim::Waiting {
        pod_uid: "pod".into(),
    });
    node.archive_arrives();
    assert_eq!(runc.hear(), Answer::Restore { dir: node.archive() });
    node.claim_is(&Claim::Taken {
        pod_uid: "pod".into(),
    });
    assert_eq!(runc.conclude("c1", true), Answer::Recorded);
    node.claim_is(&Claim::Restored {
        pod_uid: "pod".into(),
        micros: 5,
    });
}

#[test]
fn a_claim_may_come_before_its_announcement() {
    let node = Node::new(Some("Pending"));
    let mut runc = node.connect();
    runc.claim("c1");
    node.was_claimed_early();
    node.announce();
    node.claim_is(&Claim::Waiting {
        pod_uid: "pod".into(),
    });
    node.archive_arrives();
    assert_eq!(runc.hear(), Answer::Restore { dir: node.archive() });
}

#[test]
fn an_abort_answers_a_waiting_claim_at_once() {
    let node = Node::new(Some("Checkpointing"));
    node.announce();
    let mut runc = node.connect();
    runc.claim("c1");
    node.claim_is(&Claim::Waiting {
        pod_uid: "pod".into(),
    });
    node.keys
        .slot(&key())
        .update(|state| state.aborted = Some("cancelled by the user".into()))
        .unwrap();
    assert!(why(runc.hear()).contains("cancelled by the user"));
    node.claim_is(&Claim::Aborted);
}

/// Kubelet does not end a pod while it creates a container in it.
#[test]
fn a_waiting_claim_of_a_pod_that_is_deleted_frees_the_key() {
    let node = Node::new(Some("Checkpointing"));
    node.announce();
    let mut runc = node.connect();
    runc.claim("c1");
    node.claim_is(&Claim::Waiting {
        pod_uid: "pod".into(),
    });
    let mut deleting = kept();
    deleting["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    *node.pod.lock().unwrap() = deleting;
    assert!(why(runc.hear()).contains("being deleted"));
    drop(runc);
    node.claim_is(&Claim::None);
}

#[test]
fn a_container_that_goes_away_while_it_waits_frees_the_key() {
    let node = Node::new(Some("Checkpointing"));
    node.announce();
    let mut runc = node.connect();
    runc.claim("c1");
    node.claim_is(&Claim::Waiting {
        pod_uid: "pod".into(),
    });
    drop(runc);
    node.claim_is(&Claim::None);
    let mut retry = node.connect();
    retry.claim("c2");
    node.claim_is(&Claim::Waiting {
        pod_uid: "pod".into(),
    });
}

#[test]
fn nothing_starts_fresh_before_the_migration_is_over() {
    let node = Node::new(Some("Replaying"));
    node.announce();
    node.archive_arrives();
    let mut runc = node.connect();
    runc.claim("c1");
    assert_eq!(runc.hear(), Answer::Restore { dir: node.archive() });
    assert_eq!(runc.conclude("c1", true), Answer::Recorded);
    drop(runc);
    let mut restarted = node.connect();
    restarted.claim("c2");
    assert!(why(restarted.hear()).contains("not over yet"));
    drop(restarted);
    *node.phase.lock().unwrap() = Some("down");
    let mut restarted = node.connect();
    restarted.claim("c3");
    assert!(
        why(restarted.hear()).contains("API server"),
        "an unreachable API server is no permission"
    );
    for over in [Some("Completed"), Some("Failed"), None] {
        *node.phase.lock().unwrap() = over;
        let mut restarted = node.connect();
        restarted.claim("c4");
        let answer = restarted.hear();
        assert!(matches!(answer, Answer::Fresh { .. }), "{over:?}: {answer:?}");
    }
}

#[test]
fn a_copy_that_is_not_wanted_any_more_does_not_start_fresh() {
    let node = Node::new(Some("Failed"));
    let mut deleting = kept();
    deleting["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    let mut successor = kept();
    successor["uid"] = json!("another");
    for pod in [deleting, successor, Value::Null] {
        *node.pod.lock().unwrap() = pod.clone();
        let mut runc = node.connect();
        runc.claim("c1");
        let why = why(runc.hear());
        assert!(why.contains("being deleted"), "{pod}: {why}");
    }
    *node.pod.lock().unwrap() = kept();
    let mut runc = node.connect();
    runc.claim("c2");
    let answer = runc.hear();
    assert!(matches!(answer, Answer::Fresh { .. }), "{answer:?}");
}

#[test]
fn a_forgotten_key_of_a_restored_container_starts_fresh_without_asking() {
    let node = Node::new(Some("Finalizing"));
    node.announce();
    node.archive_arrives();
    let mut runc = node.connect();
    runc.claim("c1");
    assert_eq!(runc.hear(), Answer::Restore { dir: node.archive() });
    assert_eq!(runc.conclude("c1", true), Answer::Recorded);
    node.keys.remove(&node.keys.slot(&key())).unwrap();
    *node.phase.lock().unwrap() = Some("down");
    let mut restarted = node.connect();
    restarted.claim("c2");
    assert!(matches!(restarted.hear(), Answer::Fresh { .. }));
}

#[test]
fn a_forgotten_key_that_was_never_restored_does_not_start_fresh() {
    let node = Node::new(Some("Finalizing"));
    node.announce();
    node.keys.remove(&node.keys.slot(&key())).unwrap();
    *node.phase.lock().unwrap() = Some("down");
    let mut runc = node.connect();
    runc.claim("c1");
    why(runc.hear());
}

/// A migration that was overtaken by a rollout forgets its keys and deletes the pod that still waits for its memory.
#[test]
fn a_claim_whose_key_was_forgotten_ends_when_its_pod_is_deleted() {
    let node = Node::new(Some("Finalizing"));
    node.announce();
    let mut runc = node.connect();
    runc.claim("c1");
    node.claim_is(&Claim::Waiting {
        pod_uid: "pod".into(),
    });
    node.keys.remove(&node.keys.slot(&key())).unwrap();
    let mut deleting = kept();
    deleting["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    *node.pod.lock().unwrap() = deleting;
    assert!(why(runc.hear()).contains("being deleted"));
}

#[test]
fn a_failed_restore_is_not_tried_again_and_never_becomes_a_fresh_start() {
    let node = Node::new(Some("Restoring"));
    node.announce();
    node.archive_arrives();
    let mut runc = node.connect();
    runc.claim("c1");
    assert_eq!(runc.hear(), Answer::Restore { dir: node.archive() });
    assert_eq!(runc.conclude("c1", false), Answer::Recorded);
    drop(runc);
    let mut retry = node.connect();
    retry.claim("c2");
    assert!(why(retry.hear()).contains("criu said no"));
}

#[test]
fn state_survives_a_restart_of_the_agent() {
    let node = Node::new(Some("Restoring"));
    node.announce();
    node.archive_arrives();
    let mut runc = node.connect();
    runc.claim("c1");
    assert_eq!(runc.hear(), Answer::Restore { dir: node.archive() });
    let reborn = Keys::load(Layout::below(node.dir.path().join("shadow"))).unwrap();
    let report = reborn.slot(&key()).now().unwrap().report();
    assert_eq!(
        report.claim,
        Claim::Taken {
            pod_uid: "pod".into()
        }
    );
}
