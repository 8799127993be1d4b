//! Manifests of the reference system: each difference in meaning is a warning, in these words.

use serde_json::{Value, json};

use crate::world::*;

const CUTOFF: &str =
    "spec.replayCutoffSeconds has no effect: nothing is cut off, every message is handed over";
const REPLAY: &str = "spec.replayMode has no effect: the source waits during the move, so there is no replay";
const EXCHANGE: &str = "spec.messageQueueConfig.exchangeName and routingKey have no effect: the broker says what feeds the queue";
const REPOSITORY: &str = "spec.transferMode is left out, so the archive goes from node to node (Direct) and \
    spec.checkpointImageRepository has no effect; the reference system takes Registry. For that, write transferMode: Registry";
const TRANSFER: &str = "spec.transferMode is left out, so the archive goes from node to node (Direct); the reference system takes \
    Registry. For that, write transferMode: Registry and checkpointImageRepository";
const STRATEGY: &str = "spec.migrationStrategy is left out, so the copy takes over before the source goes (ShadowPod); the reference \
    system takes Sequential for a StatefulSet's pod. For that, write migrationStrategy: Sequential";
const SWAP: &str = "spec.identitySwapMode has no effect: a StatefulSet pod always keeps its name";
const NO_SWAP: &str = "spec.identitySwapMode None has no effect: a StatefulSet pod always keeps its name here; the reference system \
    then leaves the copy under the name orders-0-shadow";
const SWAP_LEFT_OUT: &str = "spec.identitySwapMode is left out: a StatefulSet pod always keeps its name here; the reference system \
    then leaves the copy under the name orders-0-shadow";

/// What is said of `given`, beside what is not compared.
fn said_of(change: Break, given: Value) -> Vec<String> {
    let mut world = world();
    change(&mut world);
    for (field, value) in given.as_object().unwrap() {
        world.spec[field] = value.clone();
    }
    let (refusals, warnings) = reasons(world);
    assert_eq!(refusals, Vec::<String>::new(), "{given}");
    for warning in &warnings {
        assert!(
            warning.len() <= 256,
            "{given} would be cut off: {}",
            warning.len()
        );
    }
    warnings
}

#[test]
fn fields_of_the_reference_system_without_effect_are_warned_of() {
    let stream = |field: &str| json!({"messageQueueConfig": {field: "orders"}});
    for (given, warnings) in [
        (json!({"replayCutoffSeconds": 120}), vec![CUTOFF, SWAP_LEFT_OUT]),
        (json!({"replayMode": "Cutoff"}), vec![REPLAY, SWAP_LEFT_OUT]),
        (json!({"replayMode": "Drain"}), vec![REPLAY, SWAP_LEFT_OUT]),
        (stream("exchangeName"), vec![EXCHANGE, SWAP_LEFT_OUT]),
        (stream("routingKey"), vec![EXCHANGE, SWAP_LEFT_OUT]),
        (json!({"identitySwapMode": "None"}), vec![NO_SWAP]),
        (json!({"identitySwapMode": "ExchangeFence"}), vec![SWAP]),
        (json!({"identitySwapMode": "Cutover"}), vec![SWAP]),
        (json!({"identitySwapMode": "Cutoff"}), vec![SWAP]),
    ] {
        assert_eq!(said_of(in_full, given.clone()), warnings, "{given}");
    }
}

#[test]
fn what_a_manifest_of_it_leaves_out_is_compared() {
    let with = |fields: Value| {
        let mut spec = json!({"replayCutoffSeconds": 120, "identitySwapMode": "Cutoff"});
        spec.as_object_mut()
            .unwrap()
            .extend(fields.as_object().unwrap().clone());
        spec
    };
    for (given, warnings) in [
        (with(json!({})), vec![CUTOFF, TRANSFER, STRATEGY, SWAP]),
        (
            with(json!({"checkpointImageRepository": "r.example.org/checkpoints"})),
            vec![CUTOFF, REPOSITORY, STRATEGY, SWAP],
        ),
        (
            with(json!({"migrationStrategy": "Sequential", "transferMode": "Direct"})),
            vec![CUTOFF, SWAP],
        ),
        // The same without a word of it.
        (
            json!({"transferMode": "", "migrationStrategy": "", "identitySwapMode": "", "replayCutoffSeconds": 0,
                "messageQueueConfig": {"exchangeName": "", "routingKey": ""}}),
            vec![],
        ),
    ] {
        assert_eq!(said_of(|_| {}, given.clone()), warnings, "{given}");
    }
}

#[test]
fn a_pod_whose_name_is_not_at_stake_is_not_told_of_names() {
    let given = json!({"replayCutoffSeconds": 120, "transferMode": "Direct"});
    assert_eq!(said_of(deployed, given.clone()), [CUTOFF]);
    assert_eq!(said_of(bare, given.clone()), [CUTOFF]);
    // Its volume asks for Sequential, as the reference system would take.
    assert_eq!(said_of(|w| claimed(w, json!(["ReadWriteOnce"])), given), [CUTOFF]);
}

#[test]
fn a_registry_that_is_used_is_not_compared() {
    let given = json!({"replayMode": "Drain"});
    let warnings = said_of(by_image, given);
    assert!(
        warnings.iter().all(|warning| !warning.contains("transferMode")),
        "{warnings:?}"
    );
}

#[test]
fn every_choice_may_be_given_as_nothing() {
    let given = json!({"containerName": "", "migrationStrategy": "", "handoff": "", "transferMode": "", "checkpointBackend": "",
        "restoreBackend": "", "replayMode": "", "identitySwapMode": "", "checkpointImageRepository": "", "replayCutoffSeconds": 0,
        "messageQueueConfig": {"queueName": "", "brokerUrl": "", "exchangeName": "", "routingKey": ""}, "brokerSecretRef": ""});
    assert_eq!(said_of(|_| {}, given), Vec::<String>::new());
}
