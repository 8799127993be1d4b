//! The image of a checkpoint as a container runtime restores it (containerd 2.1 and newer, CRI-O).

use std::collections::HashMap;

use anyhow::{Context, Result};
use oci_spec::image::{
    Arch, ConfigBuilder, ImageConfigurationBuilder, ImageManifestBuilder, MediaType, Os, RootFsBuilder,
};

use super::blob::Blob;
use super::image::Image;
use super::{REGISTRY, skopeo};
use crate::cluster::Cluster;

/// By these a runtime knows that it is to restore instead of to start.
const CONTAINER: [&str; 2] = [
    "org.criu.checkpoint.container.name",
    "io.kubernetes.cri-o.annotations.checkpoint.name",
];

/// Pushes what kubelet wrote as it is, and returns the name under which nodes pull it.
pub fn push(cluster: &Cluster, tar: Vec<u8>, container: &str) -> Result<String> {
    let image = image(tar, container).context("make an image of the checkpoint")?;
    skopeo::push(&image, cluster)?;
    Ok(format!("{REGISTRY}/{}:{}", image.repository, image.tag))
}

fn image(tar: Vec<u8>, container: &str) -> Result<Image> {
    let layer = Blob::new(MediaType::ImageLayer, tar);
    let file_system = RootFsBuilder::default()
        .typ("layers")
        .diff_ids(vec![layer.digest.clone()])
        .build()?;
    let configuration = ImageConfigurationBuilder::default()
        .architecture(Arch::Amd64)
        .os(Os::Linux)
        .config(ConfigBuilder::default().build()?)
        .rootfs(file_system)
        .build()?;
    let config = Blob::new(MediaType::ImageConfig, serde_json::to_vec(&configuration)?);
    let annotations = CONTAINER.map(|name| (name.to_owned(), container.to_owned()));
    let manifest = ImageManifestBuilder::default()
        .schema_version(2_u32)
        .media_type(MediaType::ImageManifest)
        .config(config.descriptor()?)
        .layers(vec![layer.descriptor()?])
        .annotations(HashMap::from(annotations))
        .build()?;
    Ok(Image {
        repository: "bench/checkpoint",
        tag: "replay",
        manifest: Blob::new(MediaType::ImageManifest, serde_json::to_vec(&manifest)?),
        parts: vec![config, layer],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_runtime_knows_the_image_by_its_annotation() {
        let image = image(b"tar".to_vec(), "orders").unwrap();
        let manifest: serde_json::Value = serde_json::from_slice(&image.manifest.bytes().unwrap()).unwrap();
        assert_eq!(
            manifest["annotations"]["org.criu.checkpoint.container.name"],
            "orders"
        );
        assert_eq!(manifest["layers"][0]["digest"], image.parts[1].digest.as_str());
    }
}
