//! The custom resource definitions. Guarantee: the committed files are what the types in `shadow-core` say
//! (a test and `cargo xtask check` compare them).

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;
use kube::core::DynamicObject;
use shadow_core::api::{
    ClusterMigrationPolicy, Evacuation, MigrationPolicy, MigrationProgress, Pause, StatefulMigration,
};
use shadow_core::reference;

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

/// `ClusterMigrationPolicy`.
pub const CLUSTER_POLICY: Definition = Definition {
    path: "deploy/crd/clustermigrationpolicy.yaml",
    committed: include_str!("../crd/clustermigrationpolicy.yaml"),
    name: ClusterMigrationPolicy::crd_name,
    of_type: ClusterMigrationPolicy::crd,
};

/// `MigrationProgress`.
pub const PROGRESS: Definition = Definition {
    path: "deploy/crd/migrationprogress.yaml",
    committed: include_str!("../crd/migrationprogress.yaml"),
    name: MigrationProgress::crd_name,
    of_type: MigrationProgress::crd,
};

/// `Evacuation`.
pub const EVACUATION: Definition = Definition {
    path: "deploy/crd/evacuation.yaml",
    committed: include_str!("../crd/evacuation.yaml"),
    name: Evacuation::crd_name,
    of_type: Evacuation::crd,
};

/// `Pause`.
pub const PAUSE: Definition = Definition {
    path: "deploy/crd/pause.yaml",
    committed: include_str!("../crd/pause.yaml"),
    name: Pause::crd_name,
    of_type: Pause::crd,
};

/// All of them.
pub const ALL: [Definition; 6] = [MIGRATION, POLICY, PROGRESS, EVACUATION, PAUSE, CLUSTER_POLICY];

const HEADER: &str = "# Generated from core/src/api by `cargo xtask check --fix`. Do not edit.\n";

/// What a user may write where a type of Kubernetes sets no limit: characters of a string, elements of a list or map. Whoever
/// may create our objects could fill the memory of everything that reads them.
const LIMITS: [(&str, &str, u64); 3] = [
    ("string", "maxLength", 1_024),
    ("array", "maxItems", 100),
    ("object", "maxProperties", 100),
];

/// Formats that an API server knows; it warns about any other at every installation.
const FORMATS: [&str; 7] = ["int32", "int64", "float", "double", "byte", "date", "date-time"];

impl Definition {
    /// The definition that the types in `shadow-core` stand for, as YAML.
    pub fn generated(&self) -> Result<String, serde_yaml_ng::Error> {
        let mut definition = serde_yaml_ng::to_value((self.of_type)())?;
        drop_unknown_formats(&mut definition);
        if let Some(spec) = part_of(&mut definition, "spec") {
            bound(spec);
            admit_blanks(spec);
        }
        if let Some(status) = part_of(&mut definition, "status") {
            fields_of(status)
                .filter(|(field, _)| {
                    field
                        .as_str()
                        .is_some_and(|field| reference::STATUS_FIELDS.contains(&field))
                })
                .for_each(|(_, schema)| bound(schema));
        }
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

/// Its `spec` or its `status`.
fn part_of<'a>(definition: &'a mut serde_yaml_ng::Value, part: &str) -> Option<&'a mut serde_yaml_ng::Value> {
    definition
        .get_mut("spec")?
        .get_mut("versions")?
        .get_mut(0)?
        .get_mut("schema")?
        .get_mut("openAPIV3Schema")?
        .get_mut("properties")?
        .get_mut(part)
}

fn fields_of(
    schema: &mut serde_yaml_ng::Value,
) -> impl Iterator<Item = (&serde_yaml_ng::Value, &mut serde_yaml_ng::Value)> {
    schema
        .get_mut("properties")
        .and_then(serde_yaml_ng::Value::as_mapping_mut)
        .into_iter()
        .flat_map(serde_yaml_ng::Mapping::iter_mut)
}

/// Templates print `""` for a choice that their user left out. It counts as left out.
fn admit_blanks(spec: &mut serde_yaml_ng::Value) {
    for (_, schema) in fields_of(spec) {
        if let Some(choices) = schema
            .get_mut("enum")
            .and_then(serde_yaml_ng::Value::as_sequence_mut)
        {
            choices.insert(0, "".into());
        }
        admit_blanks(schema);
    }
}

/// Sets a limit for everything whose size is left open. An enum and an object of fixed fields have one by themselves.
fn bound(schema: &mut serde_yaml_ng::Value) {
    let Some(map) = schema.as_mapping_mut() else {
        return;
    };
    for (kind, limit, most) in LIMITS {
        let open = map.get("type").and_then(serde_yaml_ng::Value::as_str) == Some(kind)
            && ["enum", "properties", limit]
                .iter()
                .all(|key| !map.contains_key(*key));
        if open {
            map.insert(limit.into(), most.into());
        }
    }
    for (key, inner) in map.iter_mut() {
        match key.as_str() {
            Some("properties") => inner
                .as_mapping_mut()
                .into_iter()
                .flat_map(serde_yaml_ng::Mapping::values_mut)
                .for_each(bound),
            Some("items" | "additionalProperties") => bound(inner),
            _ => {}
        }
    }
}
