//! The Secret with which nodes pull our images from a private registry. Pods take such a Secret from their own namespace only.

use kube::core::DynamicObject;
use serde_json::{Value, json};
use shadow_core::names::{PULL_SECRET, SYSTEM_NAMESPACE};

/// It, with these users of registries (`{"auths": …}`).
pub fn object(users: &Value) -> Result<DynamicObject, serde_json::Error> {
    serde_json::from_value(json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": PULL_SECRET, "namespace": SYSTEM_NAMESPACE},
        "type": "kubernetes.io/dockerconfigjson",
        "stringData": {".dockerconfigjson": users.to_string()},
    }))
}

/// Puts it behind its namespace, before what refers to it.
pub fn insert(objects: &mut Vec<DynamicObject>, secret: DynamicObject) {
    let is_namespace = |object: &DynamicObject| {
        object
            .types
            .as_ref()
            .is_some_and(|types| types.kind == "Namespace")
    };
    let behind = objects.iter().position(is_namespace).map_or(0, |place| place + 1);
    objects.insert(behind, secret);
}
