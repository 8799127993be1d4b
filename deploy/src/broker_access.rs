//! Reading one broker Secret. The controller holds no right to read Secrets of users' namespaces; the owner
//! of a namespace gives it one, by name, and can take it back by deleting the Role.

use kube::core::DynamicObject;
use serde_json::json;
use shadow_core::names::{CONTROLLER_ACCOUNT, SYSTEM_NAMESPACE, broker_role};

/// Label selector that finds all of them again.
pub const SELECTOR: &str = "app.kubernetes.io/part-of=kubectl-shadow,migration.ms2m.io/grants=broker-secret";

/// The Role and the RoleBinding that let the controller read this one Secret.
pub fn grants(namespace: &str, secret: &str) -> Result<[DynamicObject; 2], serde_json::Error> {
    let metadata = json!({
        "name": broker_role(secret),
        "namespace": namespace,
        "labels": {"app.kubernetes.io/part-of": "kubectl-shadow", "migration.ms2m.io/grants": "broker-secret"},
    });
    let role = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "Role",
        "metadata": metadata,
        "rules": [{"apiGroups": [""], "resources": ["secrets"], "resourceNames": [secret], "verbs": ["get"]}],
    });
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": metadata,
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": broker_role(secret)},
        "subjects": [{"kind": "ServiceAccount", "name": CONTROLLER_ACCOUNT, "namespace": SYSTEM_NAMESPACE}],
    });
    Ok([serde_json::from_value(role)?, serde_json::from_value(binding)?])
}
