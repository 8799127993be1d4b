//! The committed custom resources are those that the types stand for.
#![allow(clippy::unwrap_used, reason = "in a test, a failed step is the verdict")]

use serde_json::json;
use shadow_core::api::{MigrationPolicySpec, PolicyDefaults, StatefulMigrationSpec};
use shadow_core::reference::STATUS_FIELDS;
use shadow_deploy::crd;

#[test]
fn committed_definitions_are_generated_from_core() {
    for definition in crd::ALL {
        assert!(
            definition.generated().unwrap() == definition.committed,
            "{} is out of date: run `cargo xtask check --fix` and commit it",
            definition.path
        );
    }
}

#[test]
fn every_format_is_one_that_an_api_server_knows() {
    for definition in crd::ALL {
        let generated = definition.generated().unwrap();
        let unknown: Vec<_> = generated
            .lines()
            .filter(|line| line.trim_start().starts_with("format: uint"))
            .collect();
        assert!(unknown.is_empty(), "{unknown:?}");
    }
}

/// Strings, lists and maps of a schema that have no limit, by path.
fn unlimited(path: &str, schema: &serde_yaml_ng::Value, found: &mut Vec<String>) {
    let has = |key: &str| schema.get(key).is_some();
    let open = match schema.get("type").and_then(|kind| kind.as_str()) {
        Some("string") => !has("maxLength") && !has("enum"),
        Some("array") => !has("maxItems"),
        Some("object") => !has("maxProperties") && !has("properties"),
        _ => false,
    };
    if open {
        found.push(path.to_owned());
    }
    let fields = schema.get("properties").and_then(|fields| fields.as_mapping());
    for (name, field) in fields.into_iter().flatten() {
        unlimited(
            &format!("{path}.{}", name.as_str().unwrap_or_default()),
            field,
            found,
        );
    }
    for inner in ["items", "additionalProperties"] {
        if let Some(inner) = schema.get(inner) {
            unlimited(&format!("{path}[]"), inner, found);
        }
    }
}

#[test]
fn everything_that_a_user_may_write_has_a_limit() {
    for definition in crd::ALL {
        let committed: serde_yaml_ng::Value = serde_yaml_ng::from_str(definition.committed).unwrap();
        let spec = &committed["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"];
        assert!(
            spec["properties"]
                .as_mapping()
                .is_some_and(|fields| !fields.is_empty())
        );
        let mut found = Vec::new();
        unlimited("spec", spec, &mut found);
        assert_eq!(found, Vec::<String>::new(), "{}", definition.path);
    }
}

#[test]
fn every_field_of_the_spec_but_two_wishes_and_its_time_is_fixed() {
    let definition: serde_yaml_ng::Value = serde_yaml_ng::from_str(crd::MIGRATION.committed).unwrap();
    let spec = &definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"];
    let rules = serde_yaml_ng::to_string(&spec["x-kubernetes-validations"]).unwrap();
    let fields = spec["properties"].as_mapping().unwrap().keys();
    let mut fixed = 0;
    for field in fields
        .map(|field| field.as_str().unwrap())
        .filter(|field| !["cancel", "giveMemoryUp", "ttlSecondsAfterFinished"].contains(field))
    {
        assert!(
            rules.contains(&format!("self.{field} == oldSelf.{field}")),
            "{field} can be changed"
        );
        fixed += 1;
    }
    assert!(fixed > 10, "fields were not read");
    assert!(!rules.contains("cancel == "));
    assert!(rules.contains("!has(oldSelf.cancel) || !oldSelf.cancel || (has(self.cancel) && self.cancel)"));
    assert!(rules.contains("(has(self.giveMemoryUp) && self.giveMemoryUp)"));
}

/// Fields with choices, anywhere in a schema, by path.
fn choices(path: &str, schema: &serde_yaml_ng::Value, found: &mut Vec<(String, Vec<String>)>) {
    if let Some(all) = schema.get("enum").and_then(|all| all.as_sequence()) {
        let all = all.iter().map(|one| one.as_str().unwrap().to_owned());
        found.push((path.to_owned(), all.collect()));
    }
    let fields = schema.get("properties").and_then(|fields| fields.as_mapping());
    for (name, field) in fields.into_iter().flatten() {
        choices(&format!("{path}/{}", name.as_str().unwrap()), field, found);
    }
}

fn spec_of(definition: &crd::Definition) -> serde_yaml_ng::Value {
    let committed: serde_yaml_ng::Value = serde_yaml_ng::from_str(definition.committed).unwrap();
    committed["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"].clone()
}

/// Each choice given as `""` passes the schema, and is read as if it were left out.
#[test]
fn a_choice_given_as_nothing_counts_as_left_out() {
    let mut migration = Vec::new();
    choices("", &spec_of(&crd::MIGRATION), &mut migration);
    assert_eq!(migration.len(), 7, "{migration:?}");
    for (path, all) in &migration {
        assert_eq!(all[0], "", "{path} does not admit nothing");
        let read = |value: &str| -> StatefulMigrationSpec {
            serde_json::from_value(json!({"sourcePod": "orders-0", path.trim_start_matches('/'): value}))
                .unwrap()
        };
        let left_out: StatefulMigrationSpec =
            serde_json::from_value(json!({"sourcePod": "orders-0"})).unwrap();
        assert_eq!(read(""), left_out, "{path}");
        for value in &all[1..] {
            assert_ne!(read(value), left_out, "{path}: {value}");
        }
    }
    for (definition, fields) in [(&crd::POLICY, 9), (&crd::CLUSTER_POLICY, 7)] {
        let mut policy = Vec::new();
        choices("", &spec_of(definition), &mut policy);
        assert_eq!(policy.len(), fields, "{policy:?}");
        assert!(policy.iter().all(|(_, all)| all[0].is_empty()), "{policy:?}");
    }
    let nothing =
        json!({"inexactHandoff": "", "evictions": "", "evictionsNotNow": "", "brokerUrlPassword": ""});
    let read: MigrationPolicySpec = serde_json::from_value(nothing).unwrap();
    assert_eq!(read, MigrationPolicySpec::default());
    let defaults = [
        "migrationStrategy",
        "handoff",
        "transferMode",
        "checkpointBackend",
        "restoreBackend",
    ];
    let defaults: serde_json::Value = defaults
        .into_iter()
        .map(|field| (field.to_owned(), json!("")))
        .collect();
    let read: PolicyDefaults = serde_json::from_value(defaults).unwrap();
    assert_eq!(read, PolicyDefaults::default());
}

/// The strings, numbers and lists that the reference system's manifests may give, all of them empty.
#[test]
fn a_manifest_whose_optional_fields_are_all_empty_passes_the_schema() {
    let spec = spec_of(&crd::MIGRATION);
    for field in [
        "containerName",
        "targetNode",
        "checkpointImageRepository",
        "brokerSecretRef",
    ] {
        let schema = &spec["properties"][field];
        assert!(schema.is_mapping(), "{field}");
        assert_eq!(schema.get("minLength"), None, "{field}");
    }
}

#[test]
fn what_scripts_of_the_reference_system_read_is_described_and_limited() {
    let committed: serde_yaml_ng::Value = serde_yaml_ng::from_str(crd::MIGRATION.committed).unwrap();
    let status = &committed["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["status"];
    for field in STATUS_FIELDS {
        let schema = &status["properties"][field];
        assert!(
            schema["description"].as_str().is_some_and(|text| text.len() > 10),
            "{field}"
        );
        let mut found = Vec::new();
        unlimited(field, schema, &mut found);
        assert_eq!(found, Vec::<String>::new());
    }
}

/// Of the reference system's spec (`api/v1alpha1/types.go` there).
const SPEC_OF_THE_REFERENCE: [&str; 13] = [
    "sourcePod",
    "containerName",
    "targetNode",
    "checkpointImageRepository",
    "replayCutoffSeconds",
    "replayMode",
    "migrationStrategy",
    "transferMode",
    "identitySwapMode",
    "messageQueueConfig.queueName",
    "messageQueueConfig.brokerUrl",
    "messageQueueConfig.exchangeName",
    "messageQueueConfig.routingKey",
];
/// Of its status; the last three are not filled in here.
const STATUS_OF_THE_REFERENCE: [&str; 15] = [
    "phase",
    "sourceNode",
    "startTime",
    "phaseTimings",
    "targetPod",
    "replacementPod",
    "checkpointID",
    "containerName",
    "statefulSetName",
    "deploymentName",
    "originalReplicas",
    "conditions",
    "swapSubPhase",
    "sourcePodLabels",
    "sourceContainers",
];

#[test]
fn every_field_of_the_reference_system_is_in_the_schema_and_in_the_docs() {
    let docs = include_str!("../../docs/reference-manifests.md");
    let spec = spec_of(&crd::MIGRATION);
    for field in SPEC_OF_THE_REFERENCE {
        let mut schema = &spec;
        for part in field.split('.') {
            schema = &schema["properties"][part];
        }
        assert!(schema.is_mapping(), "{field} is not in the schema");
        assert!(
            docs.contains(&format!("\n| `{field}` |")),
            "{field} is not in the docs"
        );
    }
    let committed: serde_yaml_ng::Value = serde_yaml_ng::from_str(crd::MIGRATION.committed).unwrap();
    let status = &committed["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["status"];
    let (filled, left_out) = STATUS_OF_THE_REFERENCE.split_at(STATUS_OF_THE_REFERENCE.len() - 3);
    for field in filled {
        assert!(
            status["properties"][field].is_mapping(),
            "{field} is not in the schema"
        );
    }
    for field in filled
        .iter()
        .chain(left_out)
        .filter(|field| **field != "conditions")
    {
        assert!(docs.contains(&format!("`{field}`")), "{field} is not in the docs");
    }
}
