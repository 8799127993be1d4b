//! Layers: compressed tar archives of files.
//!
//! Guarantee: the same files give the same bytes, on any machine and at any time. Order, owners and
//! times of the archive come from here, never from the clock or the order of a folder.

use super::blob::{Blob, Content};
use super::digest::Digesting;
use anyhow::{Context, Result};
use oci_spec::image::MediaType;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::{self, File};
use std::io::{BufReader, BufWriter, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use tar::{Builder, EntryType, Header};
use tempfile::NamedTempFile;
use walkdir::WalkDir;
use zstd::stream::write::Encoder;

const LEVEL: i32 = 3;

/// A finished layer.
#[derive(Clone, Debug)]
pub(super) struct Layer {
    pub blob: Blob,
    /// The digest of the archive before compression, which the image's configuration names.
    pub diff_id: String,
}

/// What is kept beside a cached layer, so that it is not read again only to learn its digest.
#[derive(Serialize, Deserialize)]
struct Label {
    digest: String,
    size: u64,
    diff_id: String,
}

/// One file of a small layer.
pub(super) struct Entry {
    pub mode: u32,
    pub content: Vec<u8>,
}

/// A layer with these files, owned by root, and the folders they are in.
pub(super) fn of_files(files: &BTreeMap<String, Entry>) -> Result<Layer> {
    let mut writer = LayerWriter::new(Vec::new())?;
    let folders: BTreeSet<&Path> = files
        .keys()
        .flat_map(|path| Path::new(path).ancestors().skip(1))
        .collect();
    for folder in folders
        .into_iter()
        .filter(|folder| !folder.as_os_str().is_empty())
    {
        writer.append(folder, &header(EntryType::Directory, 0o755), &[][..])?;
    }
    for (path, entry) in files {
        let mut header = header(EntryType::Regular, entry.mode);
        header.set_size(entry.content.len() as u64);
        writer.append(Path::new(path), &header, entry.content.as_slice())?;
    }
    let (bytes, label) = writer.finish()?;
    Ok(label.layer(Content::Bytes(bytes)))
}

/// The layer of that name in `folder`, filled by `fill` if it is not there yet.
pub(super) fn cached(
    folder: &Path,
    name: &str,
    fill: impl FnOnce(&mut LayerWriter<BufWriter<NamedTempFile>>) -> Result<()>,
) -> Result<Layer> {
    let archive = folder.join(format!("{name}.tar.zst"));
    let label_path = folder.join(format!("{name}.json"));
    // The label is written last: where there is one, the archive is whole.
    if !label_path.exists() {
        fs::create_dir_all(folder).with_context(|| format!("create {}", folder.display()))?;
        // A part of a layer has no lasting name, so a failure leaves nothing.
        let part = NamedTempFile::new_in(folder).with_context(|| format!("write in {}", folder.display()))?;
        let mut writer = LayerWriter::new(BufWriter::new(part))?;
        fill(&mut writer)?;
        let (part, label) = writer.finish()?;
        let part = part
            .into_inner()
            .with_context(|| format!("write in {}", folder.display()))?;
        part.persist(&archive)
            .with_context(|| format!("name {}", archive.display()))?;
        let mut part = NamedTempFile::new_in(folder)?;
        part.write_all(&serde_json::to_vec(&label)?)
            .with_context(|| format!("write in {}", folder.display()))?;
        part.persist(&label_path)
            .with_context(|| format!("name {}", label_path.display()))?;
    }
    let text = fs::read(&label_path).with_context(|| format!("read {}", label_path.display()))?;
    let label: Label = serde_json::from_slice(&text).with_context(|| {
        format!(
            "{} is damaged: remove it to build the layer anew",
            label_path.display()
        )
    })?;
    Ok(label.layer(Content::File(archive)))
}

/// Writes the archive of a layer.
pub(super) struct LayerWriter<W: Write> {
    archive: Builder<Digesting<Encoder<'static, Digesting<W>>>>,
}

impl<W: Write> LayerWriter<W> {
    fn new(target: W) -> Result<Self> {
        let encoder = Encoder::new(Digesting::new(target), LEVEL).context("start compressing a layer")?;
        Ok(Self {
            archive: Builder::new(Digesting::new(encoder)),
        })
    }

    /// Adds one file of the machine under another name, owned by root.
    pub(super) fn file(&mut self, path: &str, mode: u32, from: &Path) -> Result<()> {
        let file = File::open(from).with_context(|| format!("open {}", from.display()))?;
        let mut header = header(EntryType::Regular, mode);
        header.set_size(file.metadata()?.len());
        self.append(Path::new(path), &header, BufReader::new(file))
    }

    /// Adds an empty folder.
    pub(super) fn folder(&mut self, path: &str, mode: u32) -> Result<()> {
        self.append(Path::new(path), &header(EntryType::Directory, mode), &[][..])
    }

    /// Adds everything below `root` with its owners and modes; devices and sockets are left out.
    pub(super) fn tree(&mut self, root: &Path) -> Result<()> {
        // A file with several names is stored under the first of them.
        let mut first_names = HashMap::new();
        for entry in WalkDir::new(root).min_depth(1).sort_by_file_name() {
            let entry = entry.with_context(|| format!("walk {}", root.display()))?;
            let metadata = entry.metadata()?;
            let path = entry.path().strip_prefix(root)?;
            let (kind, target) = if metadata.is_dir() {
                (EntryType::Directory, None)
            } else if metadata.is_symlink() {
                (EntryType::Symlink, Some(fs::read_link(entry.path())?))
            } else if !metadata.is_file() {
                continue;
            } else if let Some(first) = first_names.get(&(metadata.dev(), metadata.ino())) {
                (EntryType::Link, Some(PathBuf::clone(first)))
            } else {
                first_names.insert((metadata.dev(), metadata.ino()), path.to_owned());
                (EntryType::Regular, None)
            };
            let mut header = header(kind, metadata.mode() & 0o7777);
            header.set_uid(metadata.uid().into());
            header.set_gid(metadata.gid().into());
            match target {
                Some(target) => self.link(path, &mut header, &target)?,
                None if metadata.is_file() => {
                    header.set_size(metadata.len());
                    self.append(path, &header, BufReader::new(File::open(entry.path())?))?;
                }
                None => self.append(path, &header, &[][..])?,
            }
        }
        Ok(())
    }

    fn append(&mut self, path: &Path, header: &Header, content: impl Read) -> Result<()> {
        let mut header = header.clone();
        self.archive
            .append_data(&mut header, path, content)
            .with_context(|| format!("add {} to a layer", path.display()))
    }

    fn link(&mut self, path: &Path, header: &mut Header, target: &Path) -> Result<()> {
        self.archive
            .append_link(header, path, target)
            .with_context(|| format!("add the link {} to a layer", path.display()))
    }

    fn finish(self) -> Result<(W, Label)> {
        let (encoder, diff_id, _) = self.archive.into_inner().context("end a layer")?.finish();
        let (target, digest, size) = encoder.finish().context("end compressing a layer")?.finish();
        Ok((
            target,
            Label {
                digest,
                size,
                diff_id,
            },
        ))
    }
}

impl Label {
    fn layer(self, content: Content) -> Layer {
        let Self {
            digest,
            size,
            diff_id,
        } = self;
        Layer {
            blob: Blob {
                media_type: MediaType::ImageLayerZstd,
                digest,
                size,
                content,
            },
            diff_id,
        }
    }
}

fn header(kind: EntryType, mode: u32) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(0);
    header
}

/// Where the cached layers are.
pub(super) fn cache_folder() -> Result<PathBuf> {
    Ok(crate::cluster::Layout::from_env()?.cache.join("layers"))
}

#[cfg(test)]
#[path = "layer_tests.rs"]
mod tests;
