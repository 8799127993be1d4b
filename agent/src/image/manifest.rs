//! The image's manifest: written so that the same dump always gives the same bytes, read believing nothing.
//!
//! The documents are `oci-spec`'s. It reads whatever the specification allows, in any number and with digests of any
//! algorithm, keeps annotations in a map without an order, and its errors quote what was read. So what we accept, the
//! order of what we write, and the words for what is wrong are here.

use std::collections::HashMap;

use oci_spec::OciSpecError;
use oci_spec::image::{self as spec, Descriptor, ImageManifestBuilder, MediaType, SCHEMA_VERSION};
use serde_json::error::Category;
use shadow_core::names;

use super::digest::Digest;
use crate::archive::ArchiveError;
use crate::archive::unpack::Promise;

const MAX_LAYERS: usize = 16;

/// A layer of the kind that we write.
pub(super) fn layer(digest: Digest, size: u64) -> Result<Descriptor, ArchiveError> {
    let digest = digest.to_spec().map_err(|error| unwritable(&error))?;
    Ok(Descriptor::new(MediaType::ImageLayerZstd, size, digest))
}

/// A manifest of one image, never an index: containerd looks for the annotations in what the tag names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ImageManifest(spec::ImageManifest);

impl ImageManifest {
    pub(super) fn new(
        config: &[u8],
        layers: Vec<Descriptor>,
        annotations: HashMap<String, String>,
    ) -> Result<Self, ArchiveError> {
        let manifest = || -> Result<_, OciSpecError> {
            let digest = Digest::of(config).to_spec()?;
            ImageManifestBuilder::default()
                .schema_version(SCHEMA_VERSION)
                .media_type(MediaType::ImageManifest)
                .config(Descriptor::new(
                    MediaType::ImageConfig,
                    config.len() as u64,
                    digest,
                ))
                .layers(layers)
                .annotations(annotations)
                .build()
        };
        manifest().map(Self).map_err(|error| unwritable(&error))
    }

    /// Pushed again, the same dump must be the same image, so the order of the annotations is made here.
    pub(super) fn to_json(&self) -> Result<Vec<u8>, ArchiveError> {
        let json = || {
            let mut value = serde_json::to_value(&self.0)?;
            value.sort_all_objects();
            serde_json::to_vec(&value)
        };
        json().map_err(|error| unwritable(&error.into()))
    }

    pub(super) fn parse(json: &[u8]) -> Result<Self, String> {
        let manifest: spec::ImageManifest =
            serde_json::from_slice(json).map_err(|error| unreadable(&error))?;
        match manifest.media_type() {
            Some(MediaType::ImageManifest) => {}
            other => {
                let other = other.as_ref().map_or("", MediaType::as_ref);
                return Err(format!(
                    "the image is {other:?}, not {}",
                    MediaType::ImageManifest
                ));
            }
        }
        if manifest.schema_version() != SCHEMA_VERSION {
            let version = manifest.schema_version();
            return Err(format!(
                "the image's manifest is of version {version}, not {SCHEMA_VERSION}"
            ));
        }
        if manifest.layers().len() > MAX_LAYERS {
            return Err(format!("the image has {} layers", manifest.layers().len()));
        }
        let is_ours = |blob: &Descriptor| Digest::accept(blob.digest()).is_some();
        if !is_ours(manifest.config()) || !manifest.layers().iter().all(is_ours) {
            return Err("a digest in the image's manifest is not sha256: with 64 hex digits".to_owned());
        }
        Ok(Self(manifest))
    }

    /// The layer that holds the promised archive.
    pub(super) fn archive(&self, promise: &Promise) -> Result<Descriptor, String> {
        let annotations = self.0.annotations().as_ref();
        let named = annotations.and_then(|all| all.get(names::ARCHIVE_DIGEST));
        if named != Some(&promise.digest) {
            return Err(format!(
                "the image contains another archive: {} is {named:?}, and {} was expected",
                names::ARCHIVE_DIGEST,
                promise.digest
            ));
        }
        let layer = self.0.layers().first().ok_or("the image has no layer")?;
        if *layer.media_type() != MediaType::ImageLayerZstd {
            return Err(format!(
                "the image's layer is {:?}, not {}",
                layer.media_type().as_ref(),
                MediaType::ImageLayerZstd
            ));
        }
        // What does not compress grows by less than that.
        let most = promise.most().saturating_add(promise.most() / 64);
        if layer.size() > most {
            return Err(format!(
                "the image's layer has {} bytes; an archive of {} bytes has at most {most}",
                layer.size(),
                promise.bytes
            ));
        }
        Ok(layer.clone())
    }

    pub(super) fn digests_of_layers(&self) -> impl Iterator<Item = &spec::Digest> {
        self.0.layers().iter().map(Descriptor::digest)
    }
}

fn unwritable(error: &OciSpecError) -> ArchiveError {
    ArchiveError::Refused(format!("image manifest is not writable: {error}"))
}

/// What is wrong with the text, without a word of it: it may come from a server that is no registry.
fn unreadable(error: &serde_json::Error) -> String {
    match error.classify() {
        Category::Io | Category::Syntax | Category::Eof => {
            format!("the image's manifest is not readable: {error}")
        }
        Category::Data => format!(
            "the image's manifest is not readable: the field, size or digest that ends at line {} column {} is not valid",
            error.line(),
            error.column()
        ),
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

    fn sample(change: impl FnOnce(&mut spec::ImageManifest)) -> Vec<u8> {
        let layer = layer(Digest::of(b"layer"), 5).unwrap();
        let more = (0..16).map(|number| (format!("note-{number}"), String::new()));
        let annotations = [(names::ARCHIVE_DIGEST.to_owned(), "d".to_owned())];
        let annotations = annotations.into_iter().chain(more).collect();
        let mut manifest = ImageManifest::new(b"{}", vec![layer], annotations).unwrap();
        change(&mut manifest.0);
        manifest.to_json().unwrap()
    }

    #[test]
    fn a_manifest_is_read_as_it_was_written() {
        let manifest = ImageManifest::parse(&sample(|_| {})).unwrap();
        let layer = manifest.archive(&promise()).unwrap();
        assert_eq!(layer.digest().to_string(), Digest::of(b"layer").to_string());
        assert_eq!(manifest.to_json().unwrap(), sample(|_| {}));
    }

    type Lie = fn(&mut spec::ImageManifest);

    #[test]
    fn each_lie_is_named() {
        let sha512 = |m: &mut spec::ImageManifest| {
            let digest: spec::Digest = format!("sha512:{}", "0".repeat(128)).parse().unwrap();
            m.layers_mut()[0].set_digest(digest);
        };
        let lies: [(&str, Lie); 9] = [
            ("another archive", |m| {
                m.set_annotations(None);
            }),
            ("no layer", |m| m.layers_mut().clear()),
            ("layer is \"text/plain\"", |m| {
                m.layers_mut()[0].set_media_type("text/plain".into());
            }),
            ("has at most", |m| {
                m.layers_mut()[0].set_size(u64::MAX);
            }),
            ("\"index\", not application", |m| {
                m.set_media_type(Some("index".into()));
            }),
            ("not application", |m| {
                m.set_media_type(None);
            }),
            ("version 1", |m| {
                m.set_schema_version(1);
            }),
            ("has 17 layers", |m| {
                let layer = m.layers()[0].clone();
                m.set_layers(vec![layer; 17]);
            }),
            ("not sha256", sha512),
        ];
        for (why, lie) in lies {
            let read = ImageManifest::parse(&sample(lie));
            let error = read
                .and_then(|manifest| manifest.archive(&promise()))
                .unwrap_err();
            assert!(error.contains(why), "{error}");
        }
    }

    #[test]
    fn what_is_no_manifest_is_refused_without_repeating_it() {
        let digest = Digest::of(b"layer").to_string();
        let text = String::from_utf8(sample(|_| {})).unwrap();
        for other in [
            text.replace(&digest, "sha256:../../secret"),
            text.replace(&digest, "secret"),
            text.replace(":5", ":\"secret\""),
            "[]".to_owned(),
            "secret".to_owned(),
            String::new(),
        ] {
            let error = ImageManifest::parse(other.as_bytes()).unwrap_err();
            assert!(
                error.contains("not readable") && !error.contains("secret"),
                "{error}"
            );
        }
    }
}
