//! Stream → archive folder, believing nothing.
//!
//! The first entry must be a manifest with the promised digest and size; every further entry must be a plain file that
//! the manifest names, once, with exactly its size and SHA-256; at the end none may be missing. Links, devices, folders
//! and extension headers are refused, and so is a stream that expands to more than was promised.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use sha2::{Digest, Sha256};
use tar::{Archive, Entry, EntryType};

use super::manifest::MAX_FILES;
use super::{ArchiveError, FileEntry, IMAGES, MANIFEST, Manifest, Naming};

const MAX_MANIFEST: u64 = 8 * 1024 * 1024;
/// 8 MiB: the window of level 1 is far smaller; a larger one would let the sender choose our memory.
const WINDOW_LOG: u32 = 23;
const SLACK: u64 = 1024 * 1024;
const CHUNK: usize = 256 * 1024;

/// What the stream has to be.
#[derive(Clone, Debug)]
pub struct Promise {
    /// Digest of the manifest.
    pub digest: String,
    /// Size of all files.
    pub bytes: u64,
}

impl Promise {
    /// More than a stream that keeps this promise can have, uncompressed: headers and padding take at most 1024 bytes an
    /// entry.
    pub fn most(&self) -> u64 {
        self.bytes
            .saturating_add(1024 * MAX_FILES as u64)
            .saturating_add(MAX_MANIFEST + SLACK)
    }
}

/// Unpacks `input` into the fresh folder `dir`, which holds the archive and its manifest afterwards.
pub fn unpack<R: Read>(input: R, dir: &Path, promise: &Promise) -> Result<Manifest, ArchiveError> {
    unpack_as(input, dir, promise, Naming::Ours)
}

/// The same for a stream whose members are named otherwise.
pub fn unpack_as<R: Read>(
    input: R,
    dir: &Path,
    promise: &Promise,
    naming: Naming,
) -> Result<Manifest, ArchiveError> {
    fs::DirBuilder::new()
        .mode(0o700)
        .create(dir)
        .map_err(ArchiveError::at("make folder", dir))?;
    let images = dir.join(IMAGES);
    fs::DirBuilder::new()
        .mode(0o700)
        .create(&images)
        .map_err(ArchiveError::at("make folder", &images))?;
    let mut decoder = zstd::Decoder::new(input).map_err(broken)?;
    decoder.window_log_max(WINDOW_LOG).map_err(broken)?;
    // Whatever is beyond is a bomb and ends as truncated.
    let mut tar = Archive::new(decoder.take(promise.most()));
    // Raw: extension headers are handed to us, and refused, instead of being buffered.
    let mut entries = tar.entries().map_err(broken)?.raw(true);
    let Some(first) = entries.next() else {
        return Err(ArchiveError::Refused("the stream is empty".to_owned()));
    };
    let manifest = read_manifest(first.map_err(broken)?, promise)?;
    let mut awaited: BTreeMap<String, &FileEntry> = manifest
        .files
        .iter()
        .map(|file| (naming.of(&file.path), file))
        .collect();
    for entry in entries {
        let entry = entry.map_err(broken)?;
        let name = plain_name(&entry)?;
        let Some(expected) = awaited.remove(&name) else {
            return Err(ArchiveError::Refused(format!(
                "{name:?} came twice, or is not in the manifest"
            )));
        };
        write_verified(entry, &dir.join(&expected.path), expected)?;
    }
    if let Some(missing) = awaited.keys().next() {
        return Err(ArchiveError::Mismatch(format!(
            "{missing} and {} more are missing",
            awaited.len() - 1
        )));
    }
    manifest.store(dir)?;
    Ok(manifest)
}

fn broken(source: std::io::Error) -> ArchiveError {
    ArchiveError::Io {
        what: "read the archive stream".to_owned(),
        source,
    }
}

fn read_manifest<R: Read>(entry: Entry<'_, R>, promise: &Promise) -> Result<Manifest, ArchiveError> {
    let name = plain_name(&entry)?;
    if name != MANIFEST {
        return Err(ArchiveError::Refused(format!(
            "the stream begins with {name:?} instead of {MANIFEST}"
        )));
    }
    if entry.size() > MAX_MANIFEST {
        return Err(ArchiveError::Refused(format!(
            "manifest of {} bytes",
            entry.size()
        )));
    }
    let mut json = Vec::new();
    entry.take(MAX_MANIFEST).read_to_end(&mut json).map_err(broken)?;
    let manifest = Manifest::parse(&json)?;
    let digest = manifest.digest();
    if digest != promise.digest {
        return Err(ArchiveError::Mismatch(format!(
            "the digest is {digest}, and {} was expected",
            promise.digest
        )));
    }
    if manifest.bytes() != promise.bytes {
        let bytes = manifest.bytes();
        return Err(ArchiveError::Mismatch(format!(
            "the size is {bytes}, and {} was expected",
            promise.bytes
        )));
    }
    Ok(manifest)
}

fn plain_name<R: Read>(entry: &Entry<'_, R>) -> Result<String, ArchiveError> {
    let kind = entry.header().entry_type();
    let path = entry.path_bytes();
    let name = String::from_utf8_lossy(&path).into_owned();
    if kind == EntryType::Regular {
        Ok(name)
    } else {
        Err(ArchiveError::Refused(format!(
            "{name:?} is a {kind:?} entry, only plain files are allowed"
        )))
    }
}

fn write_verified<R: Read>(
    mut entry: Entry<'_, R>,
    path: &Path,
    expected: &FileEntry,
) -> Result<(), ArchiveError> {
    if entry.size() != expected.size {
        let size = entry.size();
        return Err(ArchiveError::Mismatch(format!(
            "{} has {size} bytes, not {}",
            expected.path, expected.size
        )));
    }
    let mut file: File = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(ArchiveError::at("create", path))?;
    let mut hash = Sha256::new();
    let mut written = 0u64;
    let mut buffer = vec![0; CHUNK];
    loop {
        let read = entry.read(&mut buffer).map_err(broken)?;
        if read == 0 {
            break;
        }
        hash.update(&buffer[..read]);
        file.write_all(&buffer[..read])
            .map_err(ArchiveError::at("write", path))?;
        written += read as u64;
    }
    if written != expected.size || hex::encode(hash.finalize()) != expected.sha256 {
        return Err(ArchiveError::Mismatch(format!(
            "the content of {} is not what the manifest says",
            expected.path
        )));
    }
    Ok(())
}
