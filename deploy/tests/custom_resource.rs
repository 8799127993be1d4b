//! The committed custom resources are those that the types stand for.
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
fn every_field_of_the_spec_but_cancel_is_fixed() {
    let definition: serde_yaml_ng::Value = serde_yaml_ng::from_str(crd::MIGRATION.committed).unwrap();
    let spec = &definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"];
    let rules = serde_yaml_ng::to_string(&spec["x-kubernetes-validations"]).unwrap();
    let fields = spec["properties"].as_mapping().unwrap().keys();
    let mut fixed = 0;
    for field in fields
        .map(|field| field.as_str().unwrap())
        .filter(|field| *field != "cancel")
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
}
