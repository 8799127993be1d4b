//! The custom resource definition. Guarantee: the committed file is what the types in `shadow-core` say
//! (a test and `cargo xtask check` compare them).

use kube::CustomResourceExt;
use kube::core::DynamicObject;
use shadow_core::api::StatefulMigration;

/// The committed definition, as installed.
pub const COMMITTED: &str = include_str!("../crd/statefulmigration.yaml");

/// Where the committed definition is, from the root of the repository.
pub const PATH: &str = "deploy/crd/statefulmigration.yaml";

const HEADER: &str = "# Generated from core/src/api by `cargo xtask check --fix`. Do not edit.\n";

/// Formats that an API server knows; it warns about any other at every installation.
const FORMATS: [&str; 7] = ["int32", "int64", "float", "double", "byte", "date", "date-time"];

/// The definition that the types in `shadow-core` stand for, as YAML.
pub fn generated() -> Result<String, serde_yaml_ng::Error> {
    let mut definition = serde_yaml_ng::to_value(StatefulMigration::crd())?;
    drop_unknown_formats(&mut definition);
    let mut text = HEADER.to_owned();
    text.push_str(&serde_yaml_ng::to_string(&definition)?);
    Ok(text)
}

/// `uint32` and the like come from Rust's types; the bounds beside them stay.
fn drop_unknown_formats(value: &mut serde_yaml_ng::Value) {
    match value {
        serde_yaml_ng::Value::Mapping(map) => {
            let unknown = map
                .get("format")
                .and_then(serde_yaml_ng::Value::as_str)
                .is_some_and(|format| !FORMATS.contains(&format));
            if unknown {
                map.remove("format");
            }
            map.values_mut().for_each(drop_unknown_formats);
        }
        serde_yaml_ng::Value::Sequence(items) => items.iter_mut().for_each(drop_unknown_formats),
        serde_yaml_ng::Value::Tagged(tagged) => drop_unknown_formats(&mut tagged.value),
        serde_yaml_ng::Value::Null
        | serde_yaml_ng::Value::Bool(_)
        | serde_yaml_ng::Value::Number(_)
        | serde_yaml_ng::Value::String(_) => {}
    }
}

/// The committed definition as an object to apply.
pub(crate) fn object() -> Result<DynamicObject, serde_yaml_ng::Error> {
    serde_yaml_ng::from_str(COMMITTED)
}
