//! Finds out from a container's spec whether it was announced.

use std::fs;
use std::path::Path;

use serde_json::Value;
use shadow_core::names::{self, Key};

use super::RestoreError;
use crate::claim::ClaimRequest;
use crate::claim::messages::VERSION;

/// The spec of a bundle; `None` if it cannot be read.
pub fn read_spec(bundle: &Path) -> Option<Value> {
    serde_json::from_slice(&fs::read(bundle.join("config.json")).ok()?).ok()
}

/// The claim to make for this container, or `None` for one that is none of our business.
pub fn claim_of(spec: &Value, id: &str) -> Result<Option<ClaimRequest>, RestoreError> {
    let annotation = |names: &[&str]| {
        names
            .iter()
            .find_map(|name| spec.pointer("/annotations")?.get(name)?.as_str())
            .map(str::to_owned)
    };
    let Some(key) = annotation(&[names::RESTORE_KEY]) else {
        return Ok(None);
    };
    // CRI-O calls the same things differently.
    let kind = annotation(&[
        "io.kubernetes.cri.container-type",
        "io.kubernetes.cri-o.ContainerType",
    ]);
    if kind.as_deref() == Some("sandbox") {
        return Ok(None);
    }
    let need = |what: &str, names: &[&str]| {
        annotation(names).ok_or_else(|| {
            RestoreError::Annotations(format!(
                "the pod is announced as a restore, but it has no annotation {what}"
            ))
        })
    };
    let container = need(
        "io.kubernetes.cri.container-name",
        &["io.kubernetes.cri.container-name", "io.kubernetes.container.name"],
    )?;
    if container != need(names::RESTORE_CONTAINER, &[names::RESTORE_CONTAINER])? {
        return Ok(None);
    }
    let key = Key::parse(&key).map_err(|error| RestoreError::Annotations(error.to_string()))?;
    Ok(Some(ClaimRequest {
        version: VERSION,
        key,
        migration: need(names::MIGRATION, &[names::MIGRATION])?,
        namespace: need(
            "sandbox-namespace",
            &[
                "io.kubernetes.cri.sandbox-namespace",
                "io.kubernetes.pod.namespace",
            ],
        )?,
        pod: need(
            "sandbox-name",
            &["io.kubernetes.cri.sandbox-name", "io.kubernetes.pod.name"],
        )?,
        pod_uid: need(
            "sandbox-uid",
            &["io.kubernetes.cri.sandbox-uid", "io.kubernetes.pod.uid"],
        )?,
        container,
        container_id: id.to_owned(),
    }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn spec() -> Value {
        json!({"annotations": {
            "migration.ms2m.io/restore": "k-1-0",
            "migration.ms2m.io/restore-container": "app",
            "migration.ms2m.io/migration": "m",
            "io.kubernetes.cri.container-type": "container",
            "io.kubernetes.cri.container-name": "app",
            "io.kubernetes.cri.sandbox-namespace": "default",
            "io.kubernetes.cri.sandbox-name": "orders-0",
            "io.kubernetes.cri.sandbox-uid": "u",
        }})
    }

    #[test]
    fn an_announced_container_claims() {
        let claim = claim_of(&spec(), "id").unwrap().unwrap();
        assert_eq!(
            (
                claim.pod.as_str(),
                claim.pod_uid.as_str(),
                claim.container.as_str()
            ),
            ("orders-0", "u", "app")
        );
    }

    #[test]
    fn ordinary_containers_sandboxes_and_neighbours_do_not() {
        assert_eq!(claim_of(&json!({}), "id").unwrap(), None);
        let mut sandbox = spec();
        sandbox["annotations"]["io.kubernetes.cri.container-type"] = "sandbox".into();
        assert_eq!(claim_of(&sandbox, "id").unwrap(), None);
        let mut neighbour = spec();
        neighbour["annotations"]["io.kubernetes.cri.container-name"] = "proxy".into();
        assert_eq!(claim_of(&neighbour, "id").unwrap(), None);
    }

    #[test]
    fn incomplete_announcements_fail_instead_of_starting_fresh() {
        for name in [
            "migration.ms2m.io/restore-container",
            "migration.ms2m.io/migration",
            "io.kubernetes.cri.sandbox-uid",
        ] {
            let mut spec = spec();
            spec["annotations"].as_object_mut().unwrap().remove(name);
            assert!(claim_of(&spec, "id").is_err(), "without {name}");
        }
        let mut malformed = spec();
        malformed["annotations"]["migration.ms2m.io/restore"] = "../../etc".into();
        assert!(claim_of(&malformed, "id").is_err());
    }
}
