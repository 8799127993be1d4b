//! The image's manifest: written so that the same dump always gives the same bytes, read believing nothing.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use shadow_core::names;

use super::digest::Digest;
use crate::archive::ArchiveError;
use crate::archive::unpack::Promise;

/// Media type of the manifest.
pub(super) const MANIFEST_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";
/// Media type of both layers.
pub(super) const LAYER_TYPE: &str = "application/vnd.oci.image.layer.v1.tar+zstd";
const CONFIG_TYPE: &str = "application/vnd.oci.image.config.v1+json";
const MAX_LAYERS: usize = 16;

/// A blob, as a manifest names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Descriptor {
    pub(super) media_type: String,
    pub(super) digest: Digest,
    pub(super) size: u64,
}

/// A manifest of one image, never an index: containerd looks for the annotations in what the tag names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ImageManifest {
    schema_version: u32,
    media_type: String,
    config: Descriptor,
    pub(super) layers: Vec<Descriptor>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

impl ImageManifest {
    pub(super) fn new(config: &[u8], layers: Vec<Descriptor>, annotations: BTreeMap<String, String>) -> Self {
        Self {
            schema_version: 2,
            media_type: MANIFEST_TYPE.to_owned(),
            config: Descriptor {
                media_type: CONFIG_TYPE.to_owned(),
                digest: Digest::of(config),
                size: config.len() as u64,
            },
            layers,
            annotations,
        }
    }

    pub(super) fn to_json(&self) -> Result<Vec<u8>, ArchiveError> {
        serde_json::to_vec(self)
            .map_err(|error| ArchiveError::Refused(format!("image manifest is not writable: {error}")))
    }

    pub(super) fn parse(json: &[u8]) -> Result<Self, String> {
        let manifest: Self = serde_json::from_slice(json)
            .map_err(|error| format!("the image's manifest is not readable: {error}"))?;
        if manifest.schema_version != 2 || manifest.media_type != MANIFEST_TYPE {
            return Err(format!(
                "the image is {:?}, not {MANIFEST_TYPE}",
                manifest.media_type
            ));
        }
        if manifest.layers.len() > MAX_LAYERS {
            return Err(format!("the image has {} layers", manifest.layers.len()));
        }
        Ok(manifest)
    }

    /// The layer that holds the promised archive.
    pub(super) fn archive(&self, promise: &Promise) -> Result<Descriptor, String> {
        let named = self.annotations.get(names::ARCHIVE_DIGEST);
        if named != Some(&promise.digest) {
            return Err(format!(
                "the image is of another archive: {} is {named:?}, promised was {}",
                names::ARCHIVE_DIGEST,
                promise.digest
            ));
        }
        let layer = self.layers.first().ok_or("the image has no layer")?;
        if layer.media_type != LAYER_TYPE {
            return Err(format!(
                "the image's layer is {:?}, not {LAYER_TYPE}",
                layer.media_type
            ));
        }
        // What does not compress grows by less than that.
        let most = promise.most().saturating_add(promise.most() / 64);
        if layer.size > most {
            return Err(format!(
                "the image's layer has {} bytes; an archive of {} bytes has at most {most}",
                layer.size, promise.bytes
            ));
        }
        Ok(layer.clone())
    }

    pub(super) fn digests_of_layers(&self) -> impl Iterator<Item = &Digest> {
        self.layers.iter().map(|layer| &layer.digest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn promise() -> Promise {
        Promise {
            digest: "d".to_owned(),
            bytes: 1000,
        }
    }

    fn sample(change: impl FnOnce(&mut ImageManifest)) -> Vec<u8> {
        let layer = Descriptor {
            media_type: LAYER_TYPE.to_owned(),
            digest: Digest::of(b"layer"),
            size: 5,
        };
        let annotations = BTreeMap::from([(names::ARCHIVE_DIGEST.to_owned(), "d".to_owned())]);
        let mut manifest = ImageManifest::new(b"{}", vec![layer], annotations);
        change(&mut manifest);
        manifest.to_json().unwrap()
    }

    #[test]
    fn a_manifest_is_read_as_it_was_written() {
        let manifest = ImageManifest::parse(&sample(|_| {})).unwrap();
        assert_eq!(manifest.archive(&promise()).unwrap().digest, Digest::of(b"layer"));
        assert_eq!(manifest.to_json().unwrap(), sample(|_| {}));
    }

    type Lie = fn(&mut ImageManifest);

    #[test]
    fn each_lie_is_named() {
        let lies: [(&str, Lie); 5] = [
            ("another archive", |m| m.annotations.clear()),
            ("no layer", |m| m.layers.clear()),
            ("layer is", |m| m.layers[0].media_type = "text/plain".to_owned()),
            ("has at most", |m| m.layers[0].size = u64::MAX),
            ("not application", |m| m.media_type = "index".to_owned()),
        ];
        for (why, lie) in lies {
            let read = ImageManifest::parse(&sample(lie));
            let error = read
                .and_then(|manifest| manifest.archive(&promise()))
                .unwrap_err();
            assert!(error.contains(why), "{error}");
        }
        assert!(ImageManifest::parse(b"[]").is_err());
        let digest = Digest::of(b"layer").to_string();
        let text = String::from_utf8(sample(|_| {}))
            .unwrap()
            .replace(&digest, "sha256:../../x");
        assert!(ImageManifest::parse(text.as_bytes()).is_err());
    }
}
