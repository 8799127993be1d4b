//! Writes the archive: tar, compressed by gzip. Guarantee: a file that is there already is not written over, and others on this
//! machine cannot read the new one.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::Timestamp;
use tar::{Builder, Header};

use super::File;

/// Writes the files below a folder of this name.
pub fn write(path: &Path, folder: &str, files: &[File], at: Timestamp) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path)?;
    let mut builder = Builder::new(GzEncoder::new(file, Compression::default()));
    for one in files {
        let mut header = Header::new_gnu();
        header.set_size(u64::try_from(one.text.len()).unwrap_or(u64::MAX));
        header.set_mode(0o600);
        header.set_mtime(u64::try_from(at.as_second()).unwrap_or(0));
        builder.append_data(&mut header, format!("{folder}/{}", one.path), one.text.as_bytes())?;
    }
    builder.into_inner()?.finish()?.flush()
}
