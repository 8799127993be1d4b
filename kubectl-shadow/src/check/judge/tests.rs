//! Judgements that need no server: times, certificates, versions.

use jiff::Timestamp;
use serde_json::json;

use super::{cluster, nodes};
use crate::check::Grade;
use crate::check::codes::{LEASE, SERVER};
use crate::check::gather::Unseen;
use crate::check::gather::cluster::{Answer, Facts};

const NOW: &str = "2026-11-30T12:00:00Z";

fn now() -> Timestamp {
    NOW.parse().unwrap()
}

/// What a user that may read nothing knows.
fn blind() -> Facts {
    fn not<T>() -> Result<T, Unseen> {
        Err(Unseen("you may not".to_owned()))
    }
    Facts {
        now: now(),
        version: not(),
        namespace: not(),
        kinds: vec![not(), not(), not()],
        served: not(),
        controller: not(),
        lease: not(),
        webhook: not(),
        agents: not(),
        pods: not(),
        calls: vec![("ValidatingWebhookConfiguration", not())],
        answer: Some(Answer::Refused("you may not".to_owned())),
        policies: vec![("p".to_owned(), not())],
        roles: vec![("r".to_owned(), not())],
        runtime_class: not(),
        pause: not(),
    }
}

#[test]
fn a_user_that_may_read_nothing_gets_a_warning_for_each_and_no_failure() {
    let found = cluster::findings(&blind());
    assert_eq!(found.len(), 13, "{found:#?}");
    assert!(
        found
            .iter()
            .all(|one| one.grade == Grade::Warn && one.found.contains("you may not")),
        "{found:#?}"
    );
}

#[test]
fn a_lease_may_be_late_by_one_term_since_two_clocks_are_compared() {
    for (renewed, grade) in [
        ("2026-11-30T11:59:59.000000Z", Grade::Pass),
        ("2026-11-30T11:59:45.000000Z", Grade::Pass),
        ("2026-11-30T11:59:30.000000Z", Grade::Fail),
        ("2026-11-30T12:05:00.000000Z", Grade::Pass),
    ] {
        let lease = json!({"spec": {"holderIdentity": "x", "leaseDurationSeconds": 8, "renewTime": renewed}});
        let facts = Facts {
            lease: Ok(Some(serde_json::from_value(lease).unwrap())),
            ..blind()
        };
        let found = cluster::findings(&facts);
        let line = found.iter().find(|one| one.code == LEASE).unwrap();
        assert_eq!(line.grade, grade, "{renewed}: {line:?}");
    }
}

#[test]
fn versions_are_read_with_whatever_stands_behind_them() {
    for (version, grade) in [
        ("v1.36.3", Grade::Pass),
        ("v1.36.0-rc.1+abc", Grade::Pass),
        ("1.36", Grade::Pass),
        ("v1.30.0-gke.100", Grade::Warn),
        ("v1.29.12", Grade::Fail),
        ("v2.0.0", Grade::Warn),
        ("main", Grade::Warn),
    ] {
        let found = cluster::findings(&Facts {
            version: Ok(version.to_owned()),
            ..blind()
        });
        let line = found.iter().find(|one| one.code == SERVER).unwrap();
        assert_eq!(line.grade, grade, "{version}: {line:?}");
    }
}

#[test]
fn a_pod_that_is_not_ready_says_the_gravest_thing_that_is_known() {
    let container = |state: serde_json::Value| json!({"name": "agent", "ready": false, "restartCount": 0, "image": "", "imageID": "", "state": state});
    for (status, said) in [
        (json!({"conditions": [{"type": "Ready", "status": "True"}]}), None),
        (json!({"phase": "Pending"}), Some("x: it is Pending")),
        (
            json!({"conditions": [{"type": "PodScheduled", "status": "False", "message": "0/3 nodes"}]}),
            Some("x: 0/3 nodes"),
        ),
        (
            json!({"containerStatuses": [container(json!({"terminated": {"exitCode": 7, "message": "gone\n"}}))]}),
            Some("x: container agent ended with 7. Its last words: gone"),
        ),
        (
            json!({"containerStatuses": [container(json!({"waiting": {"reason": "ErrImagePull", "message": "no"}}))]}),
            Some("x: container agent: ErrImagePull, no"),
        ),
    ] {
        let pod = serde_json::from_value(json!({"metadata": {"name": "x"}, "status": status})).unwrap();
        assert_eq!(nodes::ails(&pod).as_deref(), said);
    }
}
