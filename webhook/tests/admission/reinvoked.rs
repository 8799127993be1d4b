//! The API server may call again when another webhook has changed the object meanwhile: what was changed before stays.

use proptest::prelude::*;
use serde_json::{Value, json};
use shadow_core::names;

use crate::pods::by_image;
use crate::stage::{Fake, cluster, created, leg, patched, post, recreated, review, under_way, wanted};
use crate::strategies::{claim, with_claim};

/// A pod of the StatefulSet, as its template may have it.
fn template() -> impl Strategy<Value = Value> {
    let pinned = json!({"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["node-b"]}]});
    let labelled = json!({"matchExpressions": [{"key": "disk", "operator": "Exists"}]});
    let terms = prop_oneof![
        Just(Value::Null),
        Just(json!([])),
        Just(json!([{}])),
        Just(json!([labelled, {}])),
        Just(json!([pinned, labelled])),
    ];
    let policy = prop_oneof![Just(Value::Null), Just(json!("Always")), Just(json!("OnFailure"))];
    let secrets = prop_oneof![
        Just(Value::Null),
        Just(json!([{"name": "pull"}])),
        Just(json!([{"name": "other"}])),
    ];
    let rules = prop_oneof![
        Just(Value::Null),
        Just(json!([{"action": "Restart", "exitCodes": {"operator": "In", "values": [3]}}]))
    ];
    (terms, policy, secrets, rules, any::<bool>()).prop_map(|(terms, policy, secrets, rules, sidecar)| {
        let mut pod = recreated();
        let spec = &mut pod["spec"];
        if !terms.is_null() {
            spec["affinity"] = json!({"nodeAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}});
        }
        for (field, value) in [("restartPolicy", policy), ("imagePullSecrets", secrets)] {
            if !value.is_null() {
                spec[field] = value;
            }
        }
        if !rules.is_null() {
            spec["containers"][0]["restartPolicyRules"] = rules;
        }
        if sidecar {
            let containers = spec["containers"].as_array_mut().unwrap();
            containers.insert(0, json!({"name": "sidecar", "image": "proxy"}));
        }
        pod
    })
}

/// A migration that has come to the point of re-creating its pod.
fn announcing() -> impl Strategy<Value = Value> {
    let image = prop_oneof![
        Just(Value::Null),
        Just(json!({"named": "orders", "id": "i"})),
        Just(json!({"named": "orders", "id": "i", "pinned": "orders@sha256:12"})),
    ];
    (any::<bool>(), image, 0_u32..3).prop_map(|(restored_by_image, image, attempt)| {
        let legs = json!([leg(1, 0, true), leg(2, attempt, false)]);
        let mut migration = if restored_by_image {
            by_image(legs)
        } else {
            under_way("move", "Replaying", legs)
        };
        if !image.is_null() {
            migration["status"]["plan"]["image"] = image;
        }
        migration
    })
}

/// A migration as its user may write it: `None` is what is left out.
fn written() -> impl Strategy<Value = Value> {
    let strategy = prop_oneof![
        Just(None::<&str>),
        Just(Some("")),
        Just(Some("ShadowPod")),
        Just(Some("Sequential"))
    ];
    let reason = prop_oneof![Just(None::<&str>), Just(Some("as I said")), Just(Some(""))];
    let by = prop_oneof![Just(None::<&str>), Just(Some("root")), Just(Some("a\u{1b}b"))];
    let container = prop_oneof![Just(None::<&str>), Just(Some("")), Just(Some("orders"))];
    (strategy, reason, by, container).prop_map(|(strategy, reason, by, container)| {
        let mut migration = wanted();
        let fields = [
            ("migrationStrategy", strategy),
            ("strategyReason", reason),
            ("requestedBy", by),
            ("containerName", container),
        ];
        for (field, value) in fields {
            if let Some(value) = value {
                migration["spec"][field] = value.into();
            }
        }
        migration
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn a_pod_that_was_made_a_restore_is_not_changed_again(template in template(), migration in announcing()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let fake = || Fake { migrations: vec![migration.clone()], ..cluster() };
            let (once, first) = created(fake(), &template).await;
            prop_assert!(first.get("patch").is_some());
            prop_assert!(once["metadata"]["annotations"][names::RESTORE_KEY].is_string());
            let (twice, second) = created(fake(), &once).await;
            prop_assert_eq!(&twice, &once);
            prop_assert_eq!(second.get("patch"), None);
            Ok(())
        })?;
    }

    #[test]
    fn a_migration_that_was_filled_in_is_not_changed_again(
        migration in written(),
        access in prop_oneof![Just(None::<&str>), Just(Some("ReadWriteOnce")), Just(Some("ReadWriteMany"))],
        user in prop_oneof![Just("alice"), Just("system:serviceaccount:shadow-system:shadow-controller")],
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let fake = || match access {
                None => cluster(),
                Some(mode) => Fake { pods: vec![with_claim()], claims: vec![claim(mode)], ..cluster() },
            };
            let asked = |object: &Value| {
                let mut review = review("CREATE", object);
                review["request"]["userInfo"]["username"] = user.into();
                review
            };
            let first = asked(&migration);
            let once = patched(&first, &post(fake(), "/mutate/migrations", &first).await);
            let second = asked(&once);
            let response = post(fake(), "/mutate/migrations", &second).await;
            prop_assert_eq!(response.get("patch"), None, "{} became {}", migration, once);
            Ok(())
        })?;
    }
}
