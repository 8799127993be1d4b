//! SHA-256 of what passes through a writer.

use sha2::{Digest as _, Sha256};
use std::io::{self, Write};

/// Hands everything on to `inner` and knows the digest and the size of what it handed on.
pub(super) struct Digesting<W> {
    inner: W,
    hash: Sha256,
    size: u64,
}

impl<W: Write> Digesting<W> {
    pub(super) fn new(inner: W) -> Self {
        Self {
            inner,
            hash: Sha256::new(),
            size: 0,
        }
    }

    /// The writer below, the digest in the form `sha256:…`, and the number of bytes.
    pub(super) fn finish(self) -> (W, String, u64) {
        (self.inner, named(self.hash), self.size)
    }
}

impl<W: Write> Write for Digesting<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.hash.update(&bytes[..written]);
        self.size += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// The digest of these bytes, in the form `sha256:…`.
pub(super) fn of(bytes: &[u8]) -> String {
    named(Sha256::new_with_prefix(bytes))
}

fn named(hash: Sha256) -> String {
    let hex: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const ABC: &str = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn digest_is_the_published_one() {
        assert_eq!(of(b"abc"), ABC);
    }

    #[test]
    fn writer_digests_what_it_hands_on() {
        let mut writer = Digesting::new(Vec::new());
        writer.write_all(b"a").unwrap();
        writer.write_all(b"bc").unwrap();
        assert_eq!(writer.finish(), (b"abc".to_vec(), ABC.to_owned(), 3));
    }
}
