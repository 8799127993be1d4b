//! A `.tar.gz` whose bytes depend on its files alone: their order, times and owners come from here.

use anyhow::{Context, Result};
use flate2::Compression;
use flate2::GzBuilder;
use tar::{Builder, EntryType, Header};

/// gzip's word for a system that is not known.
const ANY_SYSTEM: u8 = 255;

/// One file.
pub(super) struct Entry {
    path: String,
    mode: u32,
    bytes: Vec<u8>,
}

impl Entry {
    /// A file that is read.
    pub(super) fn file(path: &str, bytes: Vec<u8>) -> Self {
        Self {
            path: path.to_owned(),
            mode: 0o644,
            bytes,
        }
    }

    /// A file that is run.
    pub(super) fn program(path: &str, bytes: Vec<u8>) -> Self {
        Self {
            mode: 0o755,
            ..Self::file(path, bytes)
        }
    }
}

/// The archive of these files.
pub(super) fn packed(mut entries: Vec<Entry>) -> Result<Vec<u8>> {
    entries.sort_by(|one, other| one.path.cmp(&other.path));
    let gzip = GzBuilder::new()
        .mtime(0)
        .operating_system(ANY_SYSTEM)
        .write(Vec::new(), Compression::default());
    let mut archive = Builder::new(gzip);
    for entry in &entries {
        let mut header = Header::new_gnu();
        header.set_entry_type(EntryType::Regular);
        header.set_mode(entry.mode);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_size(entry.bytes.len() as u64);
        archive
            .append_data(&mut header, &entry.path, entry.bytes.as_slice())
            .with_context(|| format!("add {}", entry.path))?;
    }
    archive.into_inner()?.finish().context("end the archive")
}
