//! Archive folder → stream (zstd level 1 over tar), in constant memory. The manifest goes first, so that the receiver
//! knows what to expect before it writes a byte.

use std::fs::{self, File};
use std::io::{BufReader, Write};
use std::path::Path;

use tar::{Builder, EntryType, Header};

use super::{ArchiveError, MANIFEST, Manifest, Naming};

/// Of zstd: as fast as the network, and half the bytes.
pub const LEVEL: i32 = 1;

/// Streams the archive in `dir` to `output`.
pub fn pack<W: Write>(dir: &Path, output: W) -> Result<W, ArchiveError> {
    let encoder = zstd::Encoder::new(output, LEVEL).map_err(failed)?;
    let encoder = members(dir, encoder, Naming::Ours)?;
    encoder.finish().map_err(failed)
}

/// Streams the archive in `dir` to `output` as a bare tar.
pub fn members<W: Write>(dir: &Path, output: W, naming: Naming) -> Result<W, ArchiveError> {
    let manifest = Manifest::load(dir)?;
    let mut tar = Builder::new(output);
    let path = dir.join(MANIFEST);
    let json = fs::read(&path).map_err(ArchiveError::at("read", &path))?;
    tar.append(&header(&naming.of(MANIFEST), json.len() as u64)?, json.as_slice())
        .map_err(failed)?;
    for entry in &manifest.files {
        let path = dir.join(&entry.path);
        let file = File::open(&path).map_err(ArchiveError::at("open", &path))?;
        tar.append(
            &header(&naming.of(&entry.path), entry.size)?,
            BufReader::with_capacity(256 * 1024, file),
        )
        .map_err(failed)?;
    }
    tar.into_inner().map_err(failed)
}

fn failed(source: std::io::Error) -> ArchiveError {
    ArchiveError::Io {
        what: "write the archive stream".to_owned(),
        source,
    }
}

fn header(path: &str, size: u64) -> Result<Header, ArchiveError> {
    let mut header = Header::new_ustar();
    header
        .set_path(path)
        .map_err(ArchiveError::at("name", Path::new(path)))?;
    header.set_entry_type(EntryType::Regular);
    header.set_mode(0o600);
    header.set_size(size);
    header.set_cksum();
    Ok(header)
}
