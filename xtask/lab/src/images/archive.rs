//! An image as one file, in the OCI layout: `ctr images import` and its like load it anywhere.

use super::blob::Blob;
use super::image::Image;
use anyhow::{Context, Result};
use oci_spec::image::{
    ANNOTATION_REF_NAME, Arch, ImageIndexBuilder, MediaType, OciLayoutBuilder, Os, PlatformBuilder,
};
use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use tar::{Builder, EntryType, Header};

/// containerd takes the name of an imported image from it.
const CONTAINERD_NAME: &str = "io.containerd.image.name";

/// Writes `NAME.tar` into `folder`, under the name `REGISTRY/REPOSITORY:TAG`, unless it is there already.
pub(super) fn write(image: &Image, registry: &str, tag: &str, folder: &Path) -> Result<PathBuf> {
    let path = folder.join(format!("{}.tar", image.name()));
    let reference = format!("{registry}/{}:{tag}", image.repository);
    let mark = folder.join(format!("{}.digest", image.name()));
    let marked = format!("{reference}@{}\n", image.manifest.digest);
    if path.exists() && fs::read_to_string(&mark).is_ok_and(|text| text == marked) {
        return Ok(path);
    }
    fs::create_dir_all(folder).with_context(|| format!("create {}", folder.display()))?;
    let part = folder.join(format!("{}.part", image.name()));
    let file = File::create(&part).with_context(|| format!("create {}", part.display()))?;
    let mut archive = Builder::new(BufWriter::new(file));
    fill(&mut archive, image, &reference).with_context(|| format!("write {}", part.display()))?;
    archive
        .into_inner()?
        .flush()
        .with_context(|| format!("write {}", part.display()))?;
    fs::rename(&part, &path).with_context(|| format!("rename to {}", path.display()))?;
    fs::write(&mark, marked).with_context(|| format!("write {}", mark.display()))?;
    Ok(path)
}

fn fill<W: Write>(archive: &mut Builder<W>, image: &Image, reference: &str) -> Result<()> {
    let layout = OciLayoutBuilder::default()
        .image_layout_version("1.0.0")
        .build()?;
    append(archive, "oci-layout", &serde_json::to_vec(&layout)?)?;
    append(archive, "index.json", &index(image, reference)?)?;
    for blob in image.parts.iter().chain([&image.manifest]) {
        append(archive, &blob_path(blob), &blob.bytes()?)?;
    }
    Ok(())
}

fn index(image: &Image, reference: &str) -> Result<Vec<u8>> {
    let mut manifest = image.manifest.descriptor()?;
    manifest.set_platform(Some(
        PlatformBuilder::default()
            .architecture(Arch::Amd64)
            .os(Os::Linux)
            .build()?,
    ));
    let names = [CONTAINERD_NAME, ANNOTATION_REF_NAME].map(|key| (key.to_owned(), reference.to_owned()));
    manifest.set_annotations(Some(HashMap::from(names)));
    let index = ImageIndexBuilder::default()
        .schema_version(2_u32)
        .media_type(MediaType::ImageIndex)
        .manifests(vec![manifest])
        .build()?;
    Ok(serde_json::to_vec(&index)?)
}

fn blob_path(blob: &Blob) -> String {
    format!("blobs/sha256/{}", blob.hex())
}

fn append<W: Write>(archive: &mut Builder<W>, path: &str, bytes: &[u8]) -> Result<()> {
    let mut header = Header::new_gnu();
    header.set_entry_type(EntryType::Regular);
    header.set_mode(0o644);
    header.set_mtime(0);
    header.set_size(bytes.len() as u64);
    archive
        .append_data(&mut header, path, bytes)
        .with_context(|| format!("add {path}"))
}

#[cfg(test)]
mod tests {
    use super::super::image::Launch;
    use super::*;
    use std::io::Read;

    #[test]
    fn archive_holds_the_layout_and_every_blob_under_its_digest() {
        let folder = tempfile::tempdir().unwrap();
        let launch = Launch {
            entrypoint: "/x",
            user: "0:0",
            environment: &[],
        };
        let image = Image::new("samples/x", "dev", &launch, Vec::new()).unwrap();
        let path = write(&image, "registry:5000", "dev", folder.path()).unwrap();
        let mut paths = Vec::new();
        let mut archive = tar::Archive::new(File::open(&path).unwrap());
        for entry in archive.entries().unwrap() {
            let mut entry = entry.unwrap();
            let path = entry.path().unwrap().to_string_lossy().into_owned();
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).unwrap();
            if let Some(hex) = path.strip_prefix("blobs/sha256/") {
                assert_eq!(super::super::digest::of(&bytes), format!("sha256:{hex}"));
            }
            if path == "index.json" {
                let index: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
                let names = &index["manifests"][0]["annotations"];
                assert_eq!(names[CONTAINERD_NAME], "registry:5000/samples/x:dev");
            }
            paths.push(path);
        }
        assert_eq!(paths.len(), 4, "{paths:?}");
        assert_eq!(paths[0], "oci-layout");
    }
}
