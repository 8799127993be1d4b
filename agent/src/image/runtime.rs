//! What container runtimes want to know of a checkpoint image. Our own agents read none of it.
//!
//! containerd and CRI-O recognise a checkpoint image by annotations on its manifest, and containerd 2.1 to 2.3 reads
//! `config.dump` and `status.dump` beside the archive: which image the container was made of, and its labels.

use std::collections::HashMap;
use std::fs;
use std::io::Write;

use jiff::Timestamp;
use oci_spec::OciSpecError;
use oci_spec::image::{Config, Descriptor, ImageConfigurationBuilder, RootFsBuilder};
use serde_json::json;
use shadow_core::names;
use tar::{Builder, EntryType, Header};

use super::digest::Digest;
use super::manifest;
use crate::archive::{ArchiveError, Manifest, pack};
use crate::keys::Origin;
use crate::layout::KeyFolder;

/// Where the dump comes from.
#[derive(Clone, Debug)]
pub(super) struct About {
    namespace: String,
    origin: Origin,
    archive_digest: String,
    dumped_at: Timestamp,
}

/// A small layer, in memory.
pub(super) struct Notes {
    pub(super) content: Vec<u8>,
    pub(super) diff_id: Digest,
}

impl Notes {
    pub(super) fn descriptor(&self) -> Result<Descriptor, ArchiveError> {
        manifest::layer(Digest::of(&self.content), self.content.len() as u64)
    }
}

impl About {
    /// Reads nothing but the archive's manifest: pushing again gives the same image.
    pub(super) fn of(folder: &KeyFolder, namespace: String, origin: Origin) -> Result<Self, ArchiveError> {
        let archive = folder.archive();
        let at = archive.join(crate::archive::MANIFEST);
        let sealed = fs::metadata(&at).and_then(|metadata| metadata.modified());
        let sealed = sealed.map_err(ArchiveError::at("look at", &at))?;
        Ok(Self {
            namespace,
            origin,
            archive_digest: Manifest::load(&archive)?.digest(),
            dumped_at: Timestamp::try_from(sealed).unwrap_or(Timestamp::UNIX_EPOCH),
        })
    }

    /// The annotations by which runtimes know a checkpoint image, and people what it is of.
    pub(super) fn annotations(&self) -> HashMap<String, String> {
        let origin = &self.origin;
        let pairs = [
            (
                "io.kubernetes.cri-o.annotations.checkpoint.name",
                &origin.container,
            ),
            ("org.criu.checkpoint.container.name", &origin.container),
            ("org.criu.checkpoint.container.id", &origin.container_id),
            ("org.criu.checkpoint.pod.name", &origin.pod),
            ("org.criu.checkpoint.pod.id", &origin.pod_uid),
            ("org.criu.checkpoint.pod.namespace", &self.namespace),
            ("org.criu.checkpoint.rootfsImageName", &origin.image),
            ("org.criu.checkpoint.rootfsImageID", &origin.image_ref),
            (names::ARCHIVE_DIGEST, &self.archive_digest),
        ];
        let own = [
            ("org.criu.checkpoint.engine.name", "kubectl-shadow"),
            ("org.criu.checkpoint.engine.version", env!("CARGO_PKG_VERSION")),
        ];
        let own = own.map(|(name, value)| (name.to_owned(), value.to_owned()));
        pairs
            .map(|(name, value)| (name.to_owned(), value.clone()))
            .into_iter()
            .chain(own)
            .collect()
    }

    /// The second layer.
    pub(super) fn layer(&self) -> Result<Notes, ArchiveError> {
        let mut tar = Builder::new(Vec::new());
        for (name, content) in [
            ("config.dump", self.config_dump()),
            ("status.dump", self.status_dump()),
        ] {
            let json = content.to_string();
            let mut header = Header::new_ustar();
            header.set_path(name).map_err(failed)?;
            header.set_entry_type(EntryType::Regular);
            header.set_mode(0o600);
            header.set_size(json.len() as u64);
            header.set_cksum();
            tar.append(&header, json.as_bytes()).map_err(failed)?;
        }
        let tar = tar.into_inner().map_err(failed)?;
        let mut encoder = zstd::Encoder::new(Vec::new(), pack::LEVEL).map_err(failed)?;
        encoder.write_all(&tar).map_err(failed)?;
        Ok(Notes {
            content: encoder.finish().map_err(failed)?,
            diff_id: Digest::of(&tar),
        })
    }

    fn config_dump(&self) -> serde_json::Value {
        let origin = &self.origin;
        json!({
            "id": origin.container_id,
            "name": origin.container,
            "rootfsImage": origin.image,
            "rootfsImageName": origin.image,
            "rootfsImageRef": origin.image_ref,
            "runtime": "runc",
            "checkpointedTime": self.dumped_at.to_string(),
        })
    }

    /// containerd corrects labels and annotations of the new pod only where the old ones had them, too.
    fn status_dump(&self) -> serde_json::Value {
        let origin = &self.origin;
        json!({
            "id": origin.container_id,
            "metadata": {"name": origin.container},
            "image": {"image": origin.image, "user_specified_image": origin.image},
            "image_ref": origin.image_ref,
            "labels": {
                "io.kubernetes.container.name": origin.container,
                "io.kubernetes.pod.name": origin.pod,
                "io.kubernetes.pod.namespace": self.namespace,
                "io.kubernetes.pod.uid": origin.pod_uid,
            },
            "annotations": {
                "io.kubernetes.container.hash": "",
                "io.kubernetes.container.restartCount": "0",
            },
        })
    }
}

/// The image's configuration: for this node's platform, nothing to run.
pub(super) fn config(diff_ids: [Digest; 2]) -> Result<Vec<u8>, ArchiveError> {
    let diff_ids: Vec<String> = diff_ids.iter().map(Digest::to_string).collect();
    let json = || -> Result<Vec<u8>, OciSpecError> {
        let rootfs = RootFsBuilder::default().diff_ids(diff_ids).build()?;
        let config = ImageConfigurationBuilder::default()
            .config(Config::default())
            .rootfs(rootfs)
            .build()?;
        Ok(serde_json::to_vec(&config)?)
    };
    json().map_err(|error| ArchiveError::Refused(format!("image configuration is not writable: {error}")))
}

fn failed(source: std::io::Error) -> ArchiveError {
    ArchiveError::Io {
        what: "write the image's second layer".to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configuration_is_of_this_platform_and_names_both_layers() {
        let config = config([Digest::of(b"one"), Digest::of(b"two")]).unwrap();
        let config: serde_json::Value = serde_json::from_slice(&config).unwrap();
        let architecture = match std::env::consts::ARCH {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            other => other,
        };
        let diff_ids = [Digest::of(b"one").to_string(), Digest::of(b"two").to_string()];
        assert_eq!(
            config,
            json!({
                "architecture": architecture,
                "os": "linux",
                "config": {},
                "rootfs": {"type": "layers", "diff_ids": diff_ids},
            })
        );
    }
}
