//! The fields of a custom resource: those of this plugin against those that the cluster serves.

use std::collections::BTreeSet;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps, JSONSchemaPropsOrArray,
};
use shadow_deploy::crd::Definition;

use crate::check::Finding;
use crate::check::codes::FIELDS;

/// Fields that a line names.
const NAMED: usize = 3;

pub(super) fn compared(definition: &Definition, name: &str, served: &CustomResourceDefinition) -> Finding {
    let own: Result<CustomResourceDefinition, _> = serde_yaml_ng::from_str(definition.committed);
    let own = match own {
        Ok(own) => own,
        Err(error) => return Finding::warn(FIELDS, name, format!("not known: {error}")),
    };
    let (own, served) = (fields(&own), fields(served));
    let lacks: Vec<&String> = own.difference(&served).collect();
    let more: Vec<&String> = served.difference(&own).collect();
    match (lacks.as_slice(), more.as_slice()) {
        ([], []) => Finding::pass(FIELDS, name, "has the fields that this plugin knows"),
        ([], more) => Finding::warn(
            FIELDS,
            name,
            format!("is of a later version than this plugin: it has {}", listed(more)),
        )
        .typed("kubectl shadow --version"),
        (lacks, _) => Finding::warn(
            FIELDS,
            name,
            format!(
                "is of an earlier version than this plugin: it lacks {}",
                listed(lacks)
            ),
        )
        .typed(super::INSTALL),
    }
}

fn listed(fields: &[&String]) -> String {
    let named: Vec<&str> = fields.iter().take(NAMED).map(|field| field.as_str()).collect();
    match fields.len().saturating_sub(NAMED) {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}

/// Paths of all fields: `spec.sourcePod`.
fn fields(kind: &CustomResourceDefinition) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let served = kind.spec.versions.iter().filter(|version| version.served);
    for version in served {
        let schema = version
            .schema
            .as_ref()
            .and_then(|schema| schema.open_api_v3_schema.as_ref());
        if let Some(schema) = schema {
            walk(schema, "", &mut found);
        }
    }
    found
}

fn walk(schema: &JSONSchemaProps, path: &str, found: &mut BTreeSet<String>) {
    for (name, field) in schema.properties.iter().flatten() {
        let path = if path.is_empty() {
            name.clone()
        } else {
            format!("{path}.{name}")
        };
        walk(field, &path, found);
        found.insert(path);
    }
    match &schema.items {
        Some(JSONSchemaPropsOrArray::Schema(items)) => walk(items, path, found),
        Some(JSONSchemaPropsOrArray::Schemas(all)) => {
            all.iter().for_each(|items| walk(items, path, found));
        }
        None => {}
    }
}
