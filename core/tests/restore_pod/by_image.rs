//! Pods that wait for a checkpoint image.

use shadow_core::image_pod::{Awaited, await_image, give_back};
use shadow_core::restore_pod::successor_of;

use super::*;

const AWAITED: &str = "registry.example.org/checkpoints:awaits-key";

fn awaited(secret: Option<&str>) -> Awaited<'_> {
    Awaited {
        container: "orders",
        image: AWAITED,
        secret,
        origin: None,
    }
}

/// A copy as it is created, and as the API server returns it when it has been restored.
fn copy(secret: Option<&str>) -> Pod {
    let mut pod = successor_of(&source(), "orders-0-moved", &key(), CAUSE, "orders", "node-b");
    await_image(&mut pod, &awaited(secret));
    pod
}

#[test]
fn the_copy_waits_for_its_image_and_never_restarts() {
    let pod = serde_json::to_value(copy(Some("pull"))).unwrap();
    let spec = &pod["spec"];
    assert_eq!(spec["containers"][0]["image"], AWAITED);
    assert_eq!(spec["containers"][0]["imagePullPolicy"], "Always");
    assert_eq!(spec["restartPolicy"], "Never");
    assert_eq!(spec.get("runtimeClassName"), None);
    assert_eq!(spec["imagePullSecrets"], json!([{"name": "pull"}]));
    assert_eq!(
        spec["initContainers"][0]["image"],
        serde_json::to_value(source()).unwrap()["spec"]["initContainers"][0]["image"],
        "init containers start from their own image"
    );
    assert_eq!(pod["metadata"]["annotations"][names::RESTORE_KEY], key().as_str());
}

#[test]
fn a_container_that_may_restart_by_itself_may_not_any_more() {
    let mut pod = source();
    let container = &mut pod.spec.as_mut().unwrap().containers[0];
    container.restart_policy = Some("Always".to_owned());
    container.restart_policy_rules = Some(vec![
        serde_json::from_value(json!({"action": "Restart"})).unwrap(),
    ]);
    await_image(&mut pod, &awaited(None));
    let container = &pod.spec.as_ref().unwrap().containers[0];
    assert_eq!(
        (&container.restart_policy, &container.restart_policy_rules),
        (&None, &None)
    );
}

/// The API server may ask the webhook once more.
#[test]
fn waiting_twice_is_waiting_once() {
    for secret in [None, Some("pull")] {
        let once = copy(secret);
        let mut twice = once.clone();
        await_image(&mut twice, &awaited(secret));
        assert_eq!(twice, once);
    }
}

#[test]
fn giving_back_undoes_waiting() {
    for secret in [None, Some("pull")] {
        let mut before = successor_of(&source(), "orders-0-moved", &key(), CAUSE, "orders", "node-b");
        before.spec.as_mut().unwrap().containers[0].restart_policy = Some("Always".to_owned());
        let mut after = before.clone();
        await_image(&mut after, &awaited(secret));
        assert_ne!(after, before);
        give_back(&mut after);
        // The class is chosen anew by whoever makes the copy.
        before.spec.as_mut().unwrap().runtime_class_name = None;
        assert_eq!(after, before);
    }
}

#[test]
fn a_pod_that_was_restored_by_image_moves_on_as_its_template_has_it() {
    let mut restored = copy(Some("pull"));
    let image = "registry.example.org/checkpoints@sha256:00".to_owned();
    restored.spec.as_mut().unwrap().containers[0].image = Some(image);
    let next = successor_of(&restored, "orders-0", &key(), CAUSE, "orders", "node-a");
    let first = successor_of(&source(), "orders-0", &key(), CAUSE, "orders", "node-a");
    let fields = |pod: &Pod| {
        let pod = serde_json::to_value(pod).unwrap();
        let container = pod["spec"]["containers"][0].clone();
        (
            container,
            pod["spec"]["restartPolicy"].clone(),
            pod["spec"]["imagePullSecrets"].clone(),
        )
    };
    assert_eq!(fields(&next), fields(&first));
    let annotations = next.metadata.annotations.unwrap();
    assert!(!annotations.contains_key(names::OWN_FIELDS));
}

#[test]
fn a_secret_of_the_pods_own_stays_when_it_moves_on() {
    let mut own = source();
    own.spec.as_mut().unwrap().image_pull_secrets =
        Some(vec![serde_json::from_value(json!({"name": "pull"})).unwrap()]);
    let before = own.clone();
    await_image(&mut own, &awaited(Some("pull")));
    give_back(&mut own);
    assert_eq!(
        own.spec.unwrap().image_pull_secrets,
        before.spec.unwrap().image_pull_secrets
    );
}
