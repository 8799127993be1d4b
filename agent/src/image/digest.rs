//! SHA-256 digests, and streams that are hashed as they pass.
//!
//! How a digest is written is for `oci-spec` to say. Its types are not what we compute with: they stand for any algorithm,
//! also for those that nothing here could verify, and can only be made of a text, which may be refused. A [`Digest`] is
//! always one that was computed here or can be compared with one.

use std::fmt;
use std::io::{self, Read, Write};

use oci_spec::OciSpecError;
use oci_spec::image::{Digest as Written, DigestAlgorithm, Sha256Digest};
use sha2::{Digest as _, Sha256};

/// A SHA-256 hash; written as `sha256:` and 64 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Digest([u8; 32]);

impl Digest {
    /// Of some content.
    pub fn of(content: &[u8]) -> Self {
        Self(Sha256::digest(content).into())
    }

    /// Accepts a digest that came from outside.
    pub fn parse(text: &str) -> Option<Self> {
        Self::accept(&text.parse().ok()?)
    }

    /// Accepts what was read as a digest, if it is one of SHA-256.
    pub(super) fn accept(written: &Written) -> Option<Self> {
        let mut hash = [0; 32];
        let is_ours = *written.algorithm() == DigestAlgorithm::Sha256
            && hex::decode_to_slice(written.digest(), &mut hash).is_ok();
        is_ours.then_some(Self(hash))
    }

    /// As descriptors hold it.
    pub(super) fn to_spec(self) -> Result<Sha256Digest, OciSpecError> {
        hex::encode(self.0).parse()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", hex::encode(self.0))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Hashes and counts what passes.
pub struct Hashing<T> {
    inner: T,
    hash: Sha256,
    bytes: u64,
}

impl<T> Hashing<T> {
    /// Around a reader or a writer.
    pub fn new(inner: T) -> Self {
        Self {
            inner,
            hash: Sha256::new(),
            bytes: 0,
        }
    }

    /// Bytes that have passed.
    pub fn passed(&self) -> u64 {
        self.bytes
    }

    /// What is inside, and the digest of what has passed.
    pub fn finish(self) -> (T, Digest, u64) {
        (self.inner, Digest(self.hash.finalize().into()), self.bytes)
    }

    fn saw(&mut self, part: &[u8]) {
        self.hash.update(part);
        self.bytes += part.len() as u64;
    }
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let count = self.inner.write(buffer)?;
        self.saw(&buffer[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.saw(&buffer[..count]);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn digests_are_those_everyone_knows() {
        assert_eq!(Digest::of(b"").to_string(), EMPTY);
        let mut copy = Hashing::new(Vec::new());
        let mut source = Hashing::new(&b"some content"[..]);
        io::copy(&mut source, &mut copy).unwrap();
        let (written, digest, bytes) = copy.finish();
        assert_eq!((written.as_slice(), bytes), (&b"some content"[..], 12));
        assert_eq!(digest, Digest::of(b"some content"));
        assert_eq!(digest, source.finish().1);
    }

    #[test]
    fn what_is_no_digest_is_refused() {
        assert_eq!(Digest::parse(EMPTY), Some(Digest::of(b"")));
        for bad in [
            "",
            "sha256:",
            "sha256:../../etc",
            &EMPTY.to_uppercase(),
            &EMPTY.replace("sha256", "sha512"),
            &format!("sha512:{0}{0}", &EMPTY["sha256:".len()..]),
            "multihash+base58:QmRZxt2b1FVZPNqd8hsiykDL3TdBDeTSPX9Kv46HmX4Gx8",
            &format!("{EMPTY}0"),
            &EMPTY.replace('e', "/"),
        ] {
            assert!(Digest::parse(bad).is_none(), "{bad:?} was accepted");
        }
    }
}
