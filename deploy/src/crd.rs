//! The custom resource definitions. Guarantee: the committed files are what the types in `shadow-core` say
//! (a test and `cargo xtask check` compare them).

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;
use kube::core::DynamicObject;
use shadow_core::api::{MigrationPolicy, StatefulMigration};

/// A custom resource, as the types say and as it is committed.
pub struct Definition {
    /// Where the committed definition is, from the root of the repository.
    pub path: &'static str,
    /// The committed definition, as installed.
    pub committed: &'static str,
    /// Name of the definition.
    pub name: fn() -> &'static str,
    of_type: fn() -> CustomResourceDefinition,
}

/// `StatefulMigration`.
pub const MIGRATION: Definition = Definition {
    path: "deploy/crd/statefulmigration.yaml",
    committed: include_str!("../crd/statefulmigration.yaml"),
    name: StatefulMigration::crd_name,
    of_type: StatefulMigration::crd,
};

/// `MigrationPolicy`.
pub const POLICY: Definition = Definition {
    path: "deploy/crd/migrationpolicy.yaml",
    committed: include_str!("../crd/migrationpolicy.yaml"),
    name: MigrationPolicy::crd_name,
    of_type: MigrationPolicy::crd,
};

/// All of them.
pub const ALL: [Definition; 2] = [MIGRATION, POLICY];

const HEADER: &str = "# Generated from core/src/api by `cargo xtask check --fix`. Do not edit.\n";

/// Formats that an API server knows; it warns about any other at every installation.
const FORMATS: [&str; 7] = ["int32", "int64", "float", "double", "byte", "date", "date-time"];

impl Definition {
    /// The definition that the types in `shadow-core` stand for, as YAML.
    pub fn generated(&self) -> Result<String, serde_yaml_ng::Error> {
        let mut definition = serde_yaml_ng::to_value((self.of_type)())?;
        drop_unknown_formats(&mut definition);
        let mut text = HEADER.to_owned();
        text.push_str(&serde_yaml_ng::to_string(&definition)?);
        Ok(text)
    }

    /// The committed definition as an object to apply.
    pub(crate) fn object(&self) -> Result<DynamicObject, serde_yaml_ng::Error> {
        serde_yaml_ng::from_str(self.committed)
    }
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
