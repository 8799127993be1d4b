//! An image: layers, a configuration that says how to run them, and a manifest that names both.

use super::blob::Blob;
use super::layer::Layer;
use anyhow::Result;
use oci_spec::image::{
    Arch, ConfigBuilder, ImageConfigurationBuilder, ImageManifestBuilder, MediaType, Os, RootFsBuilder,
};

/// How the image is run.
pub(super) struct Launch<'a> {
    pub entrypoint: &'a str,
    /// `uid:gid`; numeric, so that the kubelet can tell that it is not root.
    pub user: &'a str,
    pub environment: &'a [&'a str],
}

/// A finished image under the name it is pulled by.
pub(super) struct Image {
    /// Without the registry, such as `shadow/controller`.
    pub repository: &'static str,
    pub tag: &'static str,
    pub manifest: Blob,
    /// The configuration and the layers.
    pub parts: Vec<Blob>,
}

impl Image {
    pub(super) fn new(
        repository: &'static str,
        tag: &'static str,
        launch: &Launch<'_>,
        layers: Vec<Layer>,
    ) -> Result<Self> {
        let config = configuration(launch, &layers)?;
        let manifest = ImageManifestBuilder::default()
            .schema_version(2_u32)
            .media_type(MediaType::ImageManifest)
            .config(config.descriptor()?)
            .layers(
                layers
                    .iter()
                    .map(|layer| layer.blob.descriptor())
                    .collect::<Result<Vec<_>>>()?,
            )
            .build()?;
        let manifest = Blob::new(MediaType::ImageManifest, serde_json::to_vec(&manifest)?);
        let parts = [config]
            .into_iter()
            .chain(layers.into_iter().map(|layer| layer.blob))
            .collect();
        Ok(Self {
            repository,
            tag,
            manifest,
            parts,
        })
    }

    /// What is pulled, in bytes.
    pub(super) fn size(&self) -> u64 {
        self.manifest.size + self.parts.iter().map(|part| part.size).sum::<u64>()
    }

    /// The last part of the repository, as a file name.
    pub(super) fn name(&self) -> &'static str {
        self.repository.rsplit('/').next().unwrap_or(self.repository)
    }
}

fn configuration(launch: &Launch<'_>, layers: &[Layer]) -> Result<Blob> {
    let config = ConfigBuilder::default()
        .user(launch.user)
        .entrypoint(vec![launch.entrypoint.to_owned()])
        .env(
            launch
                .environment
                .iter()
                .map(|&variable| variable.to_owned())
                .collect::<Vec<_>>(),
        )
        .working_dir("/")
        .build()?;
    let file_system = RootFsBuilder::default()
        .typ("layers")
        .diff_ids(
            layers
                .iter()
                .map(|layer| layer.diff_id.clone())
                .collect::<Vec<_>>(),
        )
        .build()?;
    let configuration = ImageConfigurationBuilder::default()
        .architecture(Arch::Amd64)
        .os(Os::Linux)
        .config(config)
        .rootfs(file_system)
        .build()?;
    Ok(Blob::new(
        MediaType::ImageConfig,
        serde_json::to_vec(&configuration)?,
    ))
}

#[cfg(test)]
mod tests {
    use super::super::layer::{Entry, of_files};
    use super::*;
    use std::collections::BTreeMap;

    fn image(content: &str) -> Image {
        let entry = Entry {
            mode: 0o755,
            content: content.into(),
        };
        let layer = of_files(&BTreeMap::from([("usr/bin/x".to_owned(), entry)])).unwrap();
        let launch = Launch {
            entrypoint: "/usr/bin/x",
            user: "65532:65532",
            environment: &["A=b"],
        };
        Image::new("shadow/x", "dev", &launch, vec![layer]).unwrap()
    }

    #[test]
    fn same_content_is_the_same_image() {
        assert_eq!(image("one").manifest.digest, image("one").manifest.digest);
        assert_ne!(image("one").manifest.digest, image("two").manifest.digest);
    }

    #[test]
    fn manifest_names_configuration_and_layers() {
        let image = image("one");
        let manifest: serde_json::Value = serde_json::from_slice(&image.manifest.bytes().unwrap()).unwrap();
        assert_eq!(manifest["schemaVersion"], 2);
        assert_eq!(manifest["config"]["digest"], image.parts[0].digest.as_str());
        assert_eq!(manifest["layers"][0]["digest"], image.parts[1].digest.as_str());
        assert_eq!(
            manifest["layers"][0]["mediaType"],
            "application/vnd.oci.image.layer.v1.tar+zstd"
        );
        assert_eq!(image.name(), "x");
    }

    #[test]
    fn configuration_says_how_to_run() {
        let config: serde_json::Value =
            serde_json::from_slice(&image("one").parts[0].bytes().unwrap()).unwrap();
        assert_eq!(config["config"]["Entrypoint"][0], "/usr/bin/x");
        assert_eq!(config["config"]["User"], "65532:65532");
        assert_eq!(config["config"]["Env"][0], "A=b");
        assert_eq!(config["os"], "linux");
        assert!(
            config["rootfs"]["diff_ids"][0]
                .as_str()
                .unwrap()
                .starts_with("sha256:")
        );
        assert!(
            config.get("created").is_none(),
            "a time would change the digest with every build"
        );
    }
}
