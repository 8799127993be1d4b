//! From which image a container runs, named so that any node finds it again. Pure.

use k8s_openapi::api::core::v1::Pod;

use crate::api::{ImageOrigin, SourceImage};
use crate::image_pod;

/// Image that `container` of a running pod was made from. A container that was restored from a checkpoint image was made
/// from the image below that. `None`: the pod has no such container, or no status yet.
pub fn origin(pod: &Pod, container: &str) -> Option<ImageOrigin> {
    if let Some(below) = image_pod::origin(pod, container) {
        return Some(below);
    }
    let spec = pod.spec.as_ref()?;
    let asked = spec.containers.iter().find(|one| one.name == container)?;
    let asked = asked.image.as_deref().unwrap_or_default();
    let statuses = pod.status.as_ref()?.container_statuses.as_ref()?;
    let told = statuses.iter().find(|status| status.name == container)?;
    let image = if names_registry(asked) {
        asked.to_owned()
    } else {
        told.image.clone()
    };
    Some(ImageOrigin {
        image,
        image_ref: by_digest(asked, &told.image_id),
    })
}

/// Image that `container` of a pod runs from, by its digest where a registry gave it. `None`: the pod's status does not tell.
pub fn running(pod: &Pod, container: &str) -> Option<SourceImage> {
    let ImageOrigin { image, image_ref } = origin(pod, container)?;
    let named = pod
        .spec
        .as_ref()?
        .containers
        .iter()
        .find(|one| one.name == container)?;
    (!image_ref.is_empty()).then(|| SourceImage {
        named: named.image.clone().unwrap_or(image),
        pinned: image_ref.contains('@').then(|| image_ref.clone()),
        id: image_ref,
    })
}

/// Whether an image's name says where it is. Without a host in it the runtime has completed it, and knows how.
fn names_registry(name: &str) -> bool {
    let host = name.split_once('/').map_or("", |(host, _)| host);
    host.contains(['.', ':']) || host == "localhost"
}

/// The image by its digest, in the registry that the pod names. A node that knows it from several registries tells any of
/// them, and not every one may be reached by who fetches it again.
fn by_digest(asked: &str, told: &str) -> String {
    let Some((_, digest)) = told.split_once('@') else {
        return told.to_owned();
    };
    let name = asked.split_once('@').map_or(asked, |(name, _)| name);
    // A colon in the last part begins the tag.
    let name = match name.rsplit_once(':') {
        Some((before, tag)) if !tag.contains('/') => before,
        Some(_) | None => name,
    };
    if names_registry(name) {
        format!("{name}@{digest}")
    } else {
        told.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::image_pod::{Awaited, await_image};

    fn pod(asked: &str, name: &str, told: &str) -> Pod {
        serde_json::from_value(json!({
            "spec": {"containers": [{"name": "orders", "image": asked}]},
            "status": {"containerStatuses": [
                {"name": "orders", "image": name, "imageID": told, "ready": true, "restartCount": 0}]},
        }))
        .unwrap()
    }

    #[test]
    fn an_image_is_named_as_its_pod_names_it() {
        let told = "r.example.org:5000/a/orders@sha256:12";
        for (asked, wanted) in [
            (
                "r.example.org:5443/a/orders:dev",
                "r.example.org:5443/a/orders@sha256:12",
            ),
            (
                "r.example.org:5443/a/orders",
                "r.example.org:5443/a/orders@sha256:12",
            ),
            (
                "r.example.org/a/orders@sha256:99",
                "r.example.org/a/orders@sha256:12",
            ),
            ("orders:dev", told),
            ("library/orders", told),
            ("", told),
        ] {
            assert_eq!(by_digest(asked, told), wanted, "{asked}");
        }
        assert_eq!(by_digest("r.example.org/a:1", "sha256:12"), "sha256:12");
    }

    #[test]
    fn an_image_that_a_registry_gave_is_pinned_and_another_is_known_by_its_id() {
        let image = |asked: &str, told: &str| running(&pod(asked, asked, told), "orders").unwrap();
        let pulled = image("r.example.org/a:1", "r.example.org/a@sha256:12");
        assert_eq!(pulled.named, "r.example.org/a:1");
        assert_eq!(pulled.pinned.as_deref(), Some("r.example.org/a@sha256:12"));
        let again = image("r.example.org/a@sha256:12", "r.example.org/a@sha256:12");
        assert_eq!(again.pinned, pulled.pinned);
        let imported = image("orders:dev", "sha256:34");
        assert_eq!((imported.id.as_str(), imported.pinned), ("sha256:34", None));
        assert_eq!(running(&pod("a:1", "a:1", ""), "orders"), None);
    }

    #[test]
    fn a_name_without_a_registry_is_the_runtimes() {
        let completed = "docker.io/library/orders:1";
        let found = origin(
            &pod("orders:1", completed, "docker.io/library/orders@sha256:12"),
            "orders",
        );
        assert_eq!(found.unwrap().image, completed);
        assert_eq!(origin(&pod("a", "a", "a@b"), "another"), None);
    }

    #[test]
    fn a_restored_container_was_made_from_what_is_below_its_checkpoint() {
        let mut restored = pod(
            "r.example.org/a:1",
            "r.example.org/a:1",
            "r.example.org/a@sha256:12",
        );
        let below = origin(&restored, "orders").unwrap();
        let awaited = Awaited {
            container: "orders",
            image: "r.example.org/checkpoints:awaits",
            secret: None,
            origin: Some(&below),
        };
        await_image(&mut restored, &awaited);
        assert_eq!(origin(&restored, "orders"), Some(below));
    }
}
