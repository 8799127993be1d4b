//! The file of a recording: as it is, or packed if its name ends in `.zst`. Guarantee: what was flushed can be read, even if the file
//! was never ended.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Result, Write};
use std::path::Path;

/// Where a recording goes.
pub enum Sink {
    /// Lines.
    Plain(File),
    /// The same lines, packed.
    Packed(zstd::Encoder<'static, File>),
}

/// The first bytes of what is packed.
const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

impl Sink {
    /// A new file; one that is there already is not written over.
    pub fn create(path: &Path) -> Result<Self> {
        let file = OpenOptions::new().write(true).create_new(true).open(path)?;
        if path.extension().is_some_and(|end| end == "zst") {
            Ok(Self::Packed(zstd::Encoder::new(
                file,
                zstd::DEFAULT_COMPRESSION_LEVEL,
            )?))
        } else {
            Ok(Self::Plain(file))
        }
    }

    /// Ends it.
    pub fn finish(self) -> Result<()> {
        match self {
            Self::Plain(_) => Ok(()),
            Self::Packed(packed) => packed.finish().map(drop),
        }
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        match self {
            Self::Plain(file) => file.write(bytes),
            Self::Packed(packed) => packed.write(bytes),
        }
    }

    fn flush(&mut self) -> Result<()> {
        match self {
            Self::Plain(file) => file.flush(),
            Self::Packed(packed) => packed.flush(),
        }
    }
}

/// What such a file says. One that is torn says what stands before that.
pub fn read(path: &Path) -> Result<Vec<u8>> {
    let bytes = std::fs::read(path)?;
    if !bytes.starts_with(&MAGIC) {
        return Ok(bytes);
    }
    let mut text = Vec::new();
    match zstd::Decoder::new(bytes.as_slice())?.read_to_end(&mut text) {
        Ok(_) => Ok(text),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(text),
        Err(error) => Err(error),
    }
}
