//! The pod that a StatefulSet re-creates.

use serde_json::{Value, json};
use shadow_core::names;

use crate::stage::{
    Fake, Trouble, UID, cluster, created, leg, message, patched, post, recreated, review, under_way,
};

#[tokio::test]
async fn the_announced_pod_becomes_a_restore_and_keeps_all_else() {
    let legs = [
        (json!([leg(1, 0, true)]), format!("{UID}-2-0")),
        (json!([leg(1, 0, true), leg(2, 0, false)]), format!("{UID}-2-0")),
        (
            json!([leg(1, 0, true), leg(2, 0, false), leg(2, 1, false)]),
            format!("{UID}-2-1"),
        ),
    ];
    for (legs, key) in legs {
        let fake = Fake {
            migrations: vec![under_way("move", "Replaying", legs)],
            ..cluster()
        };
        let (after, _) = created(fake, &recreated()).await;
        let mut expected = recreated();
        expected["spec"]["runtimeClassName"] = "shadow".into();
        expected["spec"]["affinity"] = json!({"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution":
            {"nodeSelectorTerms": [{"matchFields": [
                {"key": "metadata.name", "operator": "In", "values": ["node-b"]}]}]}}});
        let annotations = expected["metadata"]["annotations"].as_object_mut().unwrap();
        annotations.insert(names::RESTORE_KEY.into(), key.into());
        annotations.insert(names::RESTORE_CONTAINER.into(), "orders".into());
        annotations.insert(names::MIGRATION.into(), "move".into());
        assert_eq!(after, expected, "also what this version does not know of stays");
    }
}

/// The node that was asked for takes no pods any more.
#[tokio::test]
async fn a_handoff_that_was_sent_elsewhere_goes_there() {
    let mut elsewhere = leg(2, 1, false);
    elsewhere["to"] = json!({"pod": "orders-0", "node": "node-c"});
    let fake = Fake {
        migrations: vec![under_way(
            "move",
            "Finalizing",
            json!([leg(1, 0, true), leg(2, 0, false), elsewhere]),
        )],
        ..cluster()
    };
    let (after, _) = created(fake, &recreated()).await;
    let affinity = &after["spec"]["affinity"]["nodeAffinity"];
    let terms = &affinity["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"];
    assert_eq!(terms[0]["matchFields"][0]["values"], json!(["node-c"]), "{terms}");
}

/// Its tag may mean another image by now than the one that the dumped process had beside it.
#[tokio::test]
async fn the_announced_pod_is_pinned_to_the_image_that_the_source_runs() {
    let mut migration = under_way("move", "Replaying", json!([leg(1, 0, true)]));
    migration["status"]["plan"]["image"] =
        json!({"named": "orders:1", "id": "orders@sha256:12", "pinned": "orders@sha256:12"});
    let fake = Fake {
        migrations: vec![migration],
        ..cluster()
    };
    let (after, _) = created(fake, &recreated()).await;
    assert_eq!(after["spec"]["containers"][0]["image"], "orders@sha256:12");
    assert_eq!(
        after["spec"]["containers"][0]["notYetKnown"], 1,
        "what this version does not know of stays"
    );
    let mut imported = under_way("move", "Replaying", json!([leg(1, 0, true)]));
    imported["status"]["plan"]["image"] = json!({"named": "orders:1", "id": "sha256:34"});
    let fake = Fake {
        migrations: vec![imported],
        ..cluster()
    };
    let (after, _) = created(fake, &recreated()).await;
    assert_eq!(
        after["spec"]["containers"][0]["image"], "orders",
        "as its template names it"
    );
}

/// The same, restored by image.
pub(crate) fn by_image(legs: Value) -> Value {
    let mut migration = under_way("move", "Replaying", legs);
    migration["spec"]["checkpointImageRepository"] = "r.example.org/checkpoints".into();
    migration["spec"]["checkpointImageSecretRef"] = "pull".into();
    migration["status"]["plan"]["restore"] = "Image".into();
    migration["status"]["plan"]["origin"] = json!({"image": "orders", "imageRef": "orders@sha256:12"});
    migration
}

#[tokio::test]
async fn the_announced_pod_waits_for_its_checkpoint_image() {
    let fake = Fake {
        migrations: vec![by_image(json!([leg(1, 0, true), leg(2, 1, false)]))],
        ..cluster()
    };
    let (after, _) = created(fake, &recreated()).await;
    let (spec, container) = (&after["spec"], &after["spec"]["containers"][0]);
    assert_eq!(spec.get("runtimeClassName"), None);
    assert_eq!(spec["restartPolicy"], "Never");
    assert_eq!(spec["imagePullSecrets"], json!([{"name": "pull"}]));
    let image = container["image"].as_str().unwrap();
    assert!(
        image.starts_with("r.example.org/checkpoints") && image != "orders",
        "{image}"
    );
    assert_eq!(
        container["notYetKnown"], 1,
        "what this version does not know of stays"
    );
    let annotations = &after["metadata"]["annotations"];
    assert_eq!(annotations[names::RESTORE_KEY], format!("{UID}-2-1"));
    let own = annotations[names::OWN_FIELDS].as_str().unwrap();
    assert!(own.contains("orders@sha256:12"), "{own}");
}

#[tokio::test]
async fn a_pod_that_was_restored_by_image_is_not_set_back_to_it() {
    let fake = Fake {
        migrations: vec![by_image(json!([leg(1, 0, true), leg(2, 0, true)]))],
        ..cluster()
    };
    let response = post(fake, names::WEBHOOK_PODS_PATH, &review("CREATE", &recreated())).await;
    assert!(
        message(&response).contains("restored from it a second time"),
        "{response}"
    );
}

#[tokio::test]
async fn pods_that_nobody_announced_pass_unchanged() {
    let committed = || under_way("move", "Replaying", json!([leg(1, 0, true)]));
    let mut of_another_set = recreated();
    of_another_set["metadata"]["ownerReferences"][0]["uid"] = "another".into();
    let mut of_nobody = recreated();
    of_nobody["metadata"]["ownerReferences"] = json!([]);
    let mut another_replica = recreated();
    another_replica["metadata"]["name"] = "orders-1".into();
    let table = [
        ("no migration", vec![], recreated()),
        (
            "not committed",
            vec![under_way("move", "Restoring", json!([leg(1, 0, false)]))],
            recreated(),
        ),
        (
            "not begun",
            vec![under_way("move", "Pending", json!([]))],
            recreated(),
        ),
        (
            "over",
            vec![under_way(
                "move",
                "Completed",
                json!([leg(1, 0, true), leg(2, 0, true)]),
            )],
            recreated(),
        ),
        (
            "undone",
            vec![under_way("move", "Failed", json!([leg(1, 0, false)]))],
            recreated(),
        ),
        (
            "another StatefulSet of that name",
            vec![committed()],
            of_another_set,
        ),
        ("no owner", vec![committed()], of_nobody),
        ("another replica", vec![committed()], another_replica),
    ];
    for (case, migrations, pod) in table {
        let (after, response) = created(
            Fake {
                migrations,
                ..cluster()
            },
            &pod,
        )
        .await;
        assert_eq!((response.get("patch"), &after), (None, &pod), "{case}");
    }
}

#[tokio::test]
async fn only_the_controllers_dry_run_is_a_probe() {
    let controller = names::account_user(names::CONTROLLER_ACCOUNT);
    let table = [
        (controller.as_str(), true, true, true),
        (controller.as_str(), false, true, false),
        (controller.as_str(), true, false, false),
        ("alice", true, true, false),
    ];
    for (user, dry_run, annotated, rewritten) in table {
        let mut pod = recreated();
        if annotated {
            pod["metadata"]["annotations"][names::RULE_PROBE] = pod["metadata"]["name"].clone();
        }
        let mut review = review("CREATE", &pod);
        review["request"]["userInfo"]["username"] = user.into();
        review["request"]["dryRun"] = dry_run.into();
        let fake = Fake {
            migrations: vec![under_way("move", "Restoring", json!([leg(1, 0, false)]))],
            ..cluster()
        };
        let after = patched(&review, &post(fake, names::WEBHOOK_PODS_PATH, &review).await);
        let class = after["spec"]["runtimeClassName"] == "shadow";
        assert_eq!(
            class, rewritten,
            "user {user}, dry run {dry_run}, annotated {annotated}"
        );
        if rewritten {
            assert_eq!(
                after["metadata"]["annotations"][names::RESTORE_KEY],
                format!("{UID}-2-0")
            );
        }
    }
}

#[tokio::test]
async fn a_pod_is_refused_when_its_migration_cannot_be_looked_up() {
    for (trouble, word) in [(Trouble::Broken, "API server gone"), (Trouble::Stuck, "too long")] {
        let fake = Fake { trouble, ..cluster() };
        let response = post(fake, names::WEBHOOK_PODS_PATH, &review("CREATE", &recreated())).await;
        assert!(message(&response).contains(word), "{response}");
        assert_eq!(response["status"]["code"], 503);
    }
}

#[tokio::test]
async fn a_pod_that_two_migrations_announce_is_refused() {
    let two = ["one", "two"].map(|name| under_way(name, "Replaying", json!([leg(1, 0, true)])));
    let fake = Fake {
        migrations: two.to_vec(),
        ..cluster()
    };
    let response = post(fake, names::WEBHOOK_PODS_PATH, &review("CREATE", &recreated())).await;
    assert!(message(&response).contains("\"one\" and \"two\""), "{response}");
}

#[tokio::test]
async fn a_pod_that_does_not_parse_is_refused() {
    let mut unlabelled = recreated();
    unlabelled["metadata"]["labels"] = "none".into();
    let mut odd = recreated();
    odd["spec"]["containers"] = "none".into();
    for pod in [&unlabelled, &odd] {
        let fake = Fake {
            migrations: vec![under_way("move", "Replaying", json!([leg(1, 0, true)]))],
            ..cluster()
        };
        let response = post(fake, names::WEBHOOK_PODS_PATH, &review("CREATE", pod)).await;
        assert!(message(&response).contains("invalid type"), "{response}");
        assert_eq!(response["uid"], "r1");
    }
    let (after, _) = created(cluster(), &odd).await;
    assert_eq!(after, odd, "what nobody announced is not looked at any further");
}
