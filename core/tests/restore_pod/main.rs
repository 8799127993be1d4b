//! Restore pods against a pod as the API server returns it, and properties over arbitrary affinities.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "in a test, a failed step is the verdict"
)]

mod by_image;

use k8s_openapi::api::core::v1::Pod;
use proptest::prelude::*;
use serde_json::{Value, json};
use shadow_core::names::{self, Key};
use shadow_core::restore_pod::{Cause, announce, pin_image, shadow_of, successor_of, template_hashes};

const CAUSE: Cause<'_> = Cause {
    name: "orders-0-to-node-b",
    uid: "6c1f9be0-0000-0000-0000-00000000aaaa",
};

fn key() -> Key {
    Key::of(CAUSE.uid, 1, 0).unwrap()
}

fn source() -> Pod {
    serde_json::from_str(include_str!("../pod_as_returned.json")).unwrap()
}

fn shadow() -> Value {
    serde_json::to_value(shadow_of(&source(), &key(), CAUSE, "orders", "node-b")).unwrap()
}

/// `pod` without the four things that an announcement sets.
fn without_announcement(mut pod: Value) -> Value {
    for name in [names::RESTORE_KEY, names::RESTORE_CONTAINER, names::MIGRATION] {
        pod["metadata"]["annotations"]
            .as_object_mut()
            .unwrap()
            .remove(name);
    }
    let spec = pod["spec"].as_object_mut().unwrap();
    spec.remove("runtimeClassName");
    spec.remove("affinity");
    pod
}

#[test]
fn an_announcement_sets_class_annotations_and_node_and_nothing_else() {
    let mut pod = source();
    announce(&mut pod, &key(), CAUSE.name, "orders", "node-b");
    let after = serde_json::to_value(&pod).unwrap();
    assert_eq!(after["spec"]["runtimeClassName"], "shadow");
    assert_eq!(
        after["metadata"]["annotations"][names::RESTORE_KEY],
        key().as_str()
    );
    assert_eq!(
        after["metadata"]["annotations"][names::RESTORE_CONTAINER],
        "orders"
    );
    assert_eq!(after["metadata"]["annotations"][names::MIGRATION], CAUSE.name);
    let affinity = json!({"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [
        {"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["node-b"]}]}]}}});
    assert_eq!(after["spec"]["affinity"], affinity);
    assert_eq!(
        without_announcement(after),
        serde_json::to_value(source()).unwrap()
    );
}

#[test]
fn a_pinned_image_is_the_one_difference_of_the_moved_container() {
    let mut pod = source();
    pin_image(&mut pod, "orders", "registry.example/orders@sha256:12");
    pin_image(&mut pod, "another", "registry.example/another@sha256:34");
    let mut after = serde_json::to_value(&pod).unwrap();
    let before = serde_json::to_value(source()).unwrap();
    let image = &mut after["spec"]["containers"][0]["image"];
    assert_eq!(*image, "registry.example/orders@sha256:12");
    *image = before["spec"]["containers"][0]["image"].clone();
    assert_eq!(after, before);
}

#[test]
fn the_shadow_has_its_own_name_and_is_controlled_by_nobody() {
    let shadow = shadow();
    assert_eq!(shadow["metadata"]["name"], "orders-0-shadow");
    assert_eq!(shadow["metadata"]["namespace"], "default");
    assert_eq!(shadow["spec"]["hostname"], "orders-0-shadow");
    assert_eq!(shadow["spec"]["subdomain"], "orders");
    // It goes with the StatefulSet, which does not count it.
    let owner = &source().metadata.owner_references.unwrap()[0];
    let belongs = json!([{"apiVersion": owner.api_version, "kind": "StatefulSet", "name": owner.name, "uid": owner.uid}]);
    assert_eq!(shadow["metadata"]["ownerReferences"], belongs);
    for gone in [
        "uid",
        "resourceVersion",
        "managedFields",
        "creationTimestamp",
        "generateName",
    ] {
        assert_eq!(shadow["metadata"].get(gone), None, "{gone}");
    }
    assert_eq!(shadow.get("status"), None);
}

/// Until it is ready its ReplicaSet does not count it, and what it is to be known by goes with it alone.
#[test]
fn the_label_of_a_replica_set_waits_in_an_annotation() {
    let mut source = source();
    let label = ("pod-template-hash".to_owned(), "6d4b75cb6d".to_owned());
    source.metadata.labels.as_mut().unwrap().extend([label.clone()]);
    let copy = successor_of(&source, "orders-moved", &key(), CAUSE, "orders", "node-b");
    assert!(!copy.metadata.labels.as_ref().unwrap().contains_key(&label.0));
    assert_eq!(template_hashes(&copy), [label.clone()].into());
    // The next move of a copy whose ReplicaSet got another name meanwhile.
    source.metadata.annotations = copy.metadata.annotations;
    source
        .metadata
        .labels
        .as_mut()
        .unwrap()
        .insert(label.0.clone(), "another".to_owned());
    let copy = successor_of(&source, "orders-again", &key(), CAUSE, "orders", "node-b");
    assert_eq!(template_hashes(&copy), [(label.0, "another".to_owned())].into());
}

#[test]
fn services_still_select_the_shadow() {
    let shadow = shadow();
    let labels = shadow["metadata"]["labels"].as_object().unwrap();
    for (name, value) in source().metadata.labels.unwrap() {
        assert_eq!(labels[&name], value);
    }
    assert_eq!(labels[names::ROLE], "shadow");
    assert_eq!(labels[names::MIGRATION_UID], CAUSE.uid);
}

#[test]
fn what_admission_and_scheduler_added_is_left_to_them_again() {
    let shadow = shadow();
    let spec = &shadow["spec"];
    for gone in ["nodeName", "priority", "preemptionPolicy", "ephemeralContainers"] {
        assert_eq!(spec.get(gone), None, "{gone}");
    }
    assert_eq!(spec["restartPolicy"], "Never");
    let volumes: Vec<_> = spec["volumes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|v| v["name"].clone())
        .collect();
    assert_eq!(
        volumes,
        ["config", "kube-api-access-mine"],
        "the user's volumes stay"
    );
    for container in ["containers", "initContainers"] {
        let mounts = spec[container][0]["volumeMounts"].as_array().unwrap();
        assert!(
            mounts
                .iter()
                .all(|mount| mount["name"] != "kube-api-access-x7k2p"),
            "{mounts:?}"
        );
        assert_eq!(mounts.len(), 1);
    }
}

#[test]
fn everything_else_of_the_spec_is_the_sources_own() {
    let (before, after) = (serde_json::to_value(source()).unwrap(), shadow());
    for same in [
        "tolerations",
        "serviceAccountName",
        "securityContext",
        "terminationGracePeriodSeconds",
        "dnsPolicy",
    ] {
        assert_eq!(after["spec"][same], before["spec"][same], "{same}");
    }
    for same in [
        "image",
        "env",
        "ports",
        "resources",
        "readinessProbe",
        "livenessProbe",
        "command",
    ] {
        assert_eq!(
            after["spec"]["containers"][0][same], before["spec"]["containers"][0][same],
            "{same}"
        );
    }
}

#[test]
fn marks_of_one_sandbox_stay_behind_and_the_users_annotations_come_along() {
    let shadow = shadow();
    let annotations = shadow["metadata"]["annotations"].as_object().unwrap();
    assert!(!annotations.contains_key("cni.projectcalico.org/podIP"));
    assert_eq!(annotations[names::QUEUE], "orders.{pod}");
}

#[test]
fn what_no_template_describes_is_left_alone_by_argo_cd_and_flux() {
    let options = "argocd.argoproj.io/sync-options";
    let mut source = source();
    let annotations = source.metadata.annotations.get_or_insert_default();
    annotations.insert(options.to_owned(), "Validate=false, Prune=confirm".to_owned());
    let stand_in = shadow_of(&source, &key(), CAUSE, "orders", "node-b");
    let adopted = successor_of(&source, "orders-moved", &key(), CAUSE, "orders", "node-b");
    source.metadata.owner_references = None;
    let lone = successor_of(&source, "orders-moved", &key(), CAUSE, "orders", "node-b");
    let again = successor_of(&lone, "orders-again", &key(), CAUSE, "orders", "node-a");
    for pod in [stand_in, lone, again] {
        let annotations = pod.metadata.annotations.unwrap();
        assert_eq!(
            annotations["argocd.argoproj.io/compare-options"],
            "IgnoreExtraneous"
        );
        assert_eq!(annotations[options], "Validate=false,Prune=false");
        assert_eq!(annotations["kustomize.toolkit.fluxcd.io/prune"], "disabled");
        assert_eq!(annotations["kustomize.toolkit.fluxcd.io/ssa"], "Ignore");
    }
    let annotations = adopted.metadata.annotations.unwrap();
    assert_eq!(annotations[options], "Validate=false, Prune=confirm");
    assert!(!annotations.contains_key("kustomize.toolkit.fluxcd.io/ssa"));
}

#[test]
fn a_pod_that_was_moved_before_is_not_held_on_the_node_it_leaves() {
    let mut moved = source();
    announce(
        &mut moved,
        &Key::of("earlier", 2, 0).unwrap(),
        "earlier",
        "orders",
        "node-a",
    );
    assert_eq!(moved.spec.as_ref().unwrap().node_name.as_deref(), Some("node-a"));
    let again = shadow_of(&moved, &key(), CAUSE, "orders", "node-b");
    assert_eq!(again, shadow_of(&source(), &key(), CAUSE, "orders", "node-b"));
}

#[test]
fn a_long_name_leaves_the_hostname_to_kubelet() {
    let mut pod = source();
    pod.metadata.name = Some(format!("{}-0", "a".repeat(60)));
    assert_eq!(
        shadow_of(&pod, &key(), CAUSE, "orders", "node-b")
            .spec
            .unwrap()
            .hostname,
        None
    );
}

fn requirement() -> impl Strategy<Value = Value> {
    ("[a-z]{1,8}", "[a-z]{1,8}")
        .prop_map(|(key, value)| json!({"key": key, "operator": "In", "values": [value]}))
}

fn term() -> impl Strategy<Value = Value> {
    (
        prop::collection::vec(requirement(), 0..3),
        prop::collection::vec(requirement(), 0..3),
    )
        .prop_map(|(expressions, fields)| {
            let mut term = json!({});
            if !expressions.is_empty() {
                term["matchExpressions"] = json!(expressions);
            }
            if !fields.is_empty() {
                term["matchFields"] = json!(fields);
            }
            term
        })
}

fn affinity() -> impl Strategy<Value = Option<Value>> {
    prop::option::of(prop::collection::vec(term(), 0..4).prop_map(|terms| {
        json!({
            "podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": []},
            "nodeAffinity": {
                "preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1, "preference": {}}],
                "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}
            }
        })
    }))
}

fn with_affinity(affinity: Option<Value>) -> Pod {
    let mut pod = source();
    pod.spec.as_mut().unwrap().affinity = affinity.map(|value| serde_json::from_value(value).unwrap());
    pod
}

fn terms(pod: &Pod) -> Vec<Value> {
    let spec = serde_json::to_value(pod.spec.as_ref().unwrap()).unwrap();
    let path = "/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms";
    spec.pointer(path)
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default()
}

proptest! {
    #[test]
    fn announcing_twice_is_announcing_once(affinity in affinity()) {
        let mut once = with_affinity(affinity);
        announce(&mut once, &key(), "m", "orders", "node-b");
        let mut twice = once.clone();
        announce(&mut twice, &key(), "m", "orders", "node-b");
        prop_assert_eq!(once, twice);
    }

    #[test]
    fn every_term_that_could_match_is_narrowed_and_keeps_its_own_conditions(affinity in affinity()) {
        let before = with_affinity(affinity);
        let mut after = before.clone();
        announce(&mut after, &key(), "m", "orders", "node-b");
        let pin = json!({"key": "metadata.name", "operator": "In", "values": ["node-b"]});
        let (old, mut new) = (terms(&before), terms(&after));
        if old.is_empty() {
            prop_assert_eq!(new, vec![json!({"matchFields": [pin]})]);
        } else {
            for (old, new) in old.iter().zip(&mut new) {
                if *old != json!({}) {
                    let fields = new["matchFields"].as_array_mut().unwrap();
                    prop_assert_eq!(fields.pop(), Some(pin.clone()));
                    if fields.is_empty() {
                        new.as_object_mut().unwrap().remove("matchFields");
                    }
                }
                prop_assert_eq!(old, new);
            }
            prop_assert_eq!(old.len(), terms(&after).len());
        }
    }

    #[test]
    fn nothing_but_the_announcement_changes(affinity in affinity()) {
        let before = with_affinity(affinity);
        let mut after = before.clone();
        announce(&mut after, &key(), "m", "orders", "node-b");
        let mut rest = serde_json::to_value(&after).unwrap();
        let mut same = serde_json::to_value(&before).unwrap();
        for pod in [&mut rest, &mut same] {
            if let Some(required) = pod.pointer_mut("/spec/affinity/nodeAffinity") {
                required.as_object_mut().unwrap().remove("requiredDuringSchedulingIgnoredDuringExecution");
            }
        }
        if before.spec.as_ref().unwrap().affinity.is_none() {
            prop_assert_eq!(rest["spec"]["affinity"].clone(), json!({"nodeAffinity": {}}));
            rest["spec"].as_object_mut().unwrap().remove("affinity");
        }
        rest["spec"].as_object_mut().unwrap().remove("runtimeClassName");
        for name in [names::RESTORE_KEY, names::RESTORE_CONTAINER, names::MIGRATION] {
            rest["metadata"]["annotations"].as_object_mut().unwrap().remove(name);
        }
        prop_assert_eq!(rest, same);
    }

    #[test]
    fn a_shadow_of_a_moved_pod_is_a_shadow_of_the_pod(affinity in affinity()) {
        let plain = with_affinity(affinity);
        let mut moved = plain.clone();
        announce(&mut moved, &Key::of("earlier", 2, 0).unwrap(), "earlier", "orders", "node-a");
        let terms_of = |pod: &Pod| terms(&shadow_of(pod, &key(), CAUSE, "orders", "node-b"));
        prop_assert_eq!(terms_of(&moved), terms_of(&plain));
    }
}
