//! The archive as a layer: written and read as it passes, never held.

use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use futures::Stream;
use oci_spec::image::Descriptor;

use super::ImageError;
use super::digest::{Digest, Hashing};
use super::manifest;
use super::registry::RegistryError;
use crate::archive::unpack::{Promise, unpack_as};
use crate::archive::{ArchiveError, Naming, pack};
use crate::checkpoint::settle;
use crate::layout::KeyFolder;
use crate::transfer::bridge::BodyReader;

/// A layer that was written.
#[derive(Clone, Debug)]
pub(super) struct Written {
    pub(super) descriptor: Descriptor,
    /// Digest of the tar within.
    pub(super) diff_id: Digest,
}

/// Writes the archive in `dir` as a layer; `done` counts what of it is written, uncompressed. The same archive gives the same bytes.
pub(super) fn write(dir: &Path, output: &mut dyn Write, done: &AtomicU64) -> Result<Written, ArchiveError> {
    let encoder = zstd::Encoder::new(Hashing::new(output), pack::LEVEL).map_err(failed)?;
    let plain = Counted {
        inner: Hashing::new(encoder),
        done,
    };
    let plain = pack::members(dir, plain, Naming::Runtime)?;
    let (encoder, diff_id, _) = plain.inner.finish();
    let (_, digest, size) = encoder.finish().map_err(failed)?.finish();
    Ok(Written {
        descriptor: manifest::layer(digest, size)?,
        diff_id,
    })
}

/// Counts what passes where others see it.
struct Counted<'a, W> {
    inner: W,
    done: &'a AtomicU64,
}

impl<W: Write> Write for Counted<'_, W> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let count = self.inner.write(buffer)?;
        self.done.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

fn failed(source: io::Error) -> ArchiveError {
    ArchiveError::Io {
        what: "write the image's layer".to_owned(),
        source,
    }
}

/// Unpacks a layer while it comes into `archive/` of the key. Nothing becomes visible there before all of it was
/// verified: each file against the archive's manifest, and the layer against its descriptor.
pub(super) async fn receive(
    body: impl Stream<Item = io::Result<Bytes>> + Send + 'static,
    descriptor: &Descriptor,
    promise: &Promise,
    folder: &KeyFolder,
    counter: &Arc<AtomicU64>,
) -> Result<(), ImageError> {
    let mut incoming = Incoming {
        body: Hashing::new(BodyReader::of(body, counter.clone())),
        size: descriptor.size(),
        broken: None,
        ended: false,
    };
    let (partial, archive) = (folder.partial(), folder.archive());
    let (promise, digest) = (promise.clone(), descriptor.digest().clone());
    tokio::task::spawn_blocking(move || {
        let unpacked = unpack_as(&mut incoming, &partial, &promise, Naming::Runtime);
        // If the layer itself is not what the manifest says, that is the reason, whatever it looked like inside.
        let to_the_end = matches!(unpacked, Ok(_) | Err(ArchiveError::Io { .. }));
        incoming.check(to_the_end, &digest)?;
        unpacked?;
        Ok(settle(&partial, &archive)?)
    })
    .await
    .map_err(|_| ImageError::Stopping)?
}

/// A layer on its way in, and what went wrong with it.
struct Incoming {
    body: Hashing<BodyReader>,
    size: u64,
    broken: Option<String>,
    ended: bool,
}

impl Read for Incoming {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self
            .body
            .read(buffer)
            .inspect_err(|error| self.broken = Some(error.to_string()))?;
        if self.body.passed() > self.size {
            return Err(io::Error::other("the layer is longer than its descriptor says"));
        }
        self.ended |= count == 0 && !buffer.is_empty();
        Ok(count)
    }
}

impl Incoming {
    /// Reads what the unpacker left, unless it gave up on the content, and compares.
    fn check(mut self, to_the_end: bool, digest: &oci_spec::image::Digest) -> Result<(), RegistryError> {
        if to_the_end && self.broken.is_none() {
            // Its error is remembered in `broken` or shows in the count.
            let rest = io::copy(&mut self, &mut io::sink());
            tracing::trace!(?rest, "layer read to its end");
        }
        let (_, seen, bytes) = self.body.finish();
        if let Some(why) = self.broken {
            return Err(RegistryError::Cut { bytes, why });
        }
        if bytes > self.size || (self.ended && bytes < self.size) {
            return Err(RegistryError::Wrong(format!(
                "the layer has {bytes} bytes or more, its manifest says {}",
                self.size
            )));
        }
        if self.ended && Digest::accept(digest) != Some(seen) {
            return Err(RegistryError::Wrong(format!(
                "the layer that arrived is {seen}, not {digest}"
            )));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::archive::{IMAGES, LAYER, Manifest, SPEC};

    #[test]
    fn every_byte_of_the_archive_is_counted_while_it_is_written() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join(IMAGES)).unwrap();
        fs::write(dir.path().join(IMAGES).join("pages-1.img"), vec![7; 500_000]).unwrap();
        for name in [LAYER, SPEC] {
            fs::write(dir.path().join(name), b"{}").unwrap();
        }
        let manifest = Manifest::of(dir.path()).unwrap();
        manifest.store(dir.path()).unwrap();
        let done = AtomicU64::new(0);
        write(dir.path(), &mut io::sink(), &done).unwrap();
        let counted = done.into_inner();
        assert!(
            counted >= manifest.bytes() && counted < manifest.bytes() + 100_000,
            "{counted}"
        );
    }
}
