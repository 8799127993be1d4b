//! A piece of an image: bytes known by their digest.

use super::digest;
use anyhow::{Context, Result};
use oci_spec::image::{Descriptor, MediaType, Sha256Digest};
use std::fs;
use std::path::PathBuf;
use std::str::FromStr;

/// Bytes, their type, and the digest they are asked for by.
#[derive(Clone, Debug)]
pub(super) struct Blob {
    pub media_type: MediaType,
    /// In the form `sha256:…`.
    pub digest: String,
    pub size: u64,
    pub content: Content,
}

/// Large pieces stay on disk until they are needed.
#[derive(Clone, Debug)]
pub(super) enum Content {
    Bytes(Vec<u8>),
    File(PathBuf),
}

impl Blob {
    pub(super) fn new(media_type: MediaType, bytes: Vec<u8>) -> Self {
        let (digest, size) = (digest::of(&bytes), bytes.len() as u64);
        Self {
            media_type,
            digest,
            size,
            content: Content::Bytes(bytes),
        }
    }

    pub(super) fn bytes(&self) -> Result<Vec<u8>> {
        match &self.content {
            Content::Bytes(bytes) => Ok(bytes.clone()),
            Content::File(path) => fs::read(path).with_context(|| format!("read {}", path.display())),
        }
    }

    /// The digest without its algorithm, as it is used in paths.
    pub(super) fn hex(&self) -> &str {
        self.digest.strip_prefix("sha256:").unwrap_or(&self.digest)
    }

    pub(super) fn descriptor(&self) -> Result<Descriptor> {
        let digest = Sha256Digest::from_str(self.hex()).with_context(|| format!("digest {}", self.digest))?;
        Ok(Descriptor::new(self.media_type.clone(), self.size, digest))
    }
}
