//! The strategy that is written where the user left it out, and why.

use serde_json::{Value, json};

use crate::stage::{Fake, Trouble, cluster, message, patched, pod, post, review, wanted};

/// The pod with a volume of the claim.
pub(crate) fn with_claim() -> Value {
    let mut pod = pod();
    pod["spec"]["volumes"] =
        json!([{"name": "data", "persistentVolumeClaim": {"claimName": "data-orders-0"}}]);
    pod
}

pub(crate) fn claim(mode: &str) -> Value {
    json!({"metadata": {"name": "data-orders-0"}, "spec": {"accessModes": [mode]}})
}

fn bare() -> Value {
    let mut pod = pod();
    pod["metadata"].as_object_mut().unwrap().remove("ownerReferences");
    pod
}

async fn filled(fake: Fake, change: &Value) -> Value {
    let mut migration = wanted();
    let spec = migration["spec"].as_object_mut().unwrap();
    spec.extend(change.as_object().unwrap().clone());
    let review = review("CREATE", &migration);
    let response = post(fake, "/mutate/migrations", &review).await;
    patched(&review, &response)["spec"].clone()
}

#[tokio::test]
async fn what_fits_owner_and_volumes_is_written_with_its_reason() {
    let of = |pod: Value, claims: &[&str]| Fake {
        pods: vec![pod],
        claims: claims.iter().map(|mode| claim(mode)).collect(),
        ..cluster()
    };
    let table = [
        (of(pod(), &[]), "ShadowPod", "belongs to StatefulSet orders"),
        (
            of(with_claim(), &["ReadWriteMany"]),
            "ShadowPod",
            "the copy takes over",
        ),
        (
            of(with_claim(), &["ReadWriteOnce"]),
            "Sequential",
            "volume data (claim data-orders-0)",
        ),
        (of(with_claim(), &[]), "Sequential", "one node at a time"),
        (of(bare(), &[]), "ShadowPod", "has no owner"),
    ];
    for (fake, strategy, because) in table {
        let spec = filled(fake, &json!({})).await;
        let reason = spec["strategyReason"].as_str().unwrap_or_default();
        assert_eq!(spec["migrationStrategy"], strategy, "{spec}");
        assert!(reason.contains(because), "{spec}");
    }
}

#[tokio::test]
async fn what_the_user_wrote_stays_and_has_no_reason_of_ours() {
    for written in ["ShadowPod", "Sequential", ""] {
        let spec = filled(
            cluster(),
            &json!({"migrationStrategy": written, "strategyReason": "mine"}),
        )
        .await;
        assert_eq!(
            (&spec["migrationStrategy"], spec.get("strategyReason")),
            (&json!(written), None)
        );
    }
    let spec = filled(cluster(), &json!({"strategyReason": "mine"})).await;
    let reason = spec["strategyReason"].as_str().unwrap();
    assert!(reason.contains("StatefulSet orders"), "{reason}");
}

/// Another webhook may change it after us, and the API server asks again then.
#[tokio::test]
async fn a_strategy_that_was_changed_since_loses_its_reason() {
    let mut spec = filled(cluster(), &json!({})).await;
    spec["migrationStrategy"] = "Sequential".into();
    let again = filled(cluster(), &spec).await;
    assert_eq!(
        (&again["migrationStrategy"], again.get("strategyReason")),
        (&json!("Sequential"), None)
    );
}

#[tokio::test]
async fn what_cannot_be_chosen_or_looked_up_stays_left_out() {
    let gone = Fake {
        pods: Vec::new(),
        ..cluster()
    };
    let mut of_replicas = with_claim();
    of_replicas["metadata"]["ownerReferences"][0]["kind"] = "ReplicaSet".into();
    let impossible = Fake {
        pods: vec![of_replicas],
        ..cluster()
    };
    let broken = Fake {
        trouble: Trouble::Broken,
        ..cluster()
    };
    for fake in [gone, impossible, broken] {
        let spec = filled(fake, &json!({"strategyReason": "mine"})).await;
        assert_eq!(
            (spec.get("migrationStrategy"), spec.get("strategyReason")),
            (None, None)
        );
    }
}

#[tokio::test]
async fn a_dry_run_is_answered_alike_and_leaves_nothing() {
    let fake = cluster();
    for path in ["/mutate/migrations", "/validate/migrations"] {
        let mut dry = review("CREATE", &wanted());
        let real = post(fake.clone(), path, &dry).await;
        dry["request"]["dryRun"] = true.into();
        assert_eq!(post(fake.clone(), path, &dry).await, real, "{path}");
    }
    assert!(fake.evacuations.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_chosen_strategy_is_not_told_as_if_the_user_had_written_it() {
    let exclusive = || Fake {
        pods: vec![with_claim()],
        claims: vec![claim("ReadWriteOnce")],
        ..cluster()
    };
    let mut live = wanted();
    live["spec"] = filled(exclusive(), &json!({"handoff": "Live"})).await;
    let response = post(exclusive(), "/validate/migrations", &review("CREATE", &live)).await;
    let told = message(&response);
    assert!(
        told.starts_with("spec.handoff: Live is not possible") && told.contains("volume data"),
        "{told}"
    );
    let mut of_the_reference = wanted();
    of_the_reference["spec"] = filled(cluster(), &json!({"identitySwapMode": "ExchangeFence"})).await;
    let response = post(
        cluster(),
        "/validate/migrations",
        &review("CREATE", &of_the_reference),
    )
    .await;
    let warned = response["warnings"].to_string();
    assert!(warned.contains("spec.migrationStrategy is left out"), "{warned}");
}
