//! An image as one file in the OCI layout, as `cargo xtask images` writes it. Guarantee: what was opened is whole, since each part
//! was held against its digest.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use oci_client::manifest::{OciImageIndex, OciImageManifest};
use sha2::{Digest, Sha256};

/// More than any index or manifest of ours has.
const MOST: u64 = 4 << 20;

/// An archive that was read.
#[derive(Clone, Debug)]
pub struct Archive {
    /// Its file.
    pub path: PathBuf,
    /// Digest of the image, `sha256:…`.
    pub digest: String,
    /// The manifest, byte for byte: its digest is that of the image.
    pub manifest: Vec<u8>,
    /// What kind of manifest it is.
    pub media_type: String,
    /// Configuration and layers.
    pub parts: Vec<Part>,
}

/// A piece of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// `sha256:…`.
    pub digest: String,
    /// Bytes.
    pub size: u64,
    /// Where it begins in the file.
    pub offset: u64,
}

/// Why an archive cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// No such file.
    #[error(
        "there is no image archive {}. The archives come with the release, in its folder images. To name another folder, type: \
         images push --from DIR, or install --images DIR", .0.display()
    )]
    Missing(PathBuf),
    /// The file cannot be read.
    #[error("image archive {} cannot be read: {error}", .path.display())]
    Unreadable {
        /// File.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// It is another file, or only a piece of it.
    #[error("{} is no whole image archive: {why}. Copy or build it again", .path.display())]
    Broken {
        /// File.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
}

impl Archive {
    /// Reads all of it.
    pub fn open(path: &Path) -> Result<Self, ArchiveError> {
        let file = File::open(path).map_err(|error| {
            let path = path.to_owned();
            if error.kind() == io::ErrorKind::NotFound {
                ArchiveError::Missing(path)
            } else {
                ArchiveError::Unreadable { path, error }
            }
        })?;
        read(path, file).map_err(|why| ArchiveError::Broken {
            path: path.to_owned(),
            why,
        })
    }

    /// Bytes of the image.
    pub fn size(&self) -> u64 {
        self.manifest.len() as u64 + self.parts.iter().map(|part| part.size).sum::<u64>()
    }
}

fn read(path: &Path, mut file: File) -> Result<Archive, String> {
    let places = places(&file).map_err(|error| error.to_string())?;
    let index = places.get("index.json").ok_or("it has no index.json")?;
    let index = bytes(&mut file, *index)?;
    let index: OciImageIndex =
        serde_json::from_slice(&index).map_err(|_| "its index.json is not that of an image".to_owned())?;
    let [described] = index.manifests.as_slice() else {
        return Err(format!("it holds {} images, not one", index.manifests.len()));
    };
    let place = |digest: &str| {
        let hex = digest.strip_prefix("sha256:").unwrap_or_default();
        let found = places.get(&format!("blobs/sha256/{hex}")).copied();
        found.ok_or_else(|| format!("it lacks {digest}"))
    };
    let manifest = bytes(&mut file, place(&described.digest)?)?;
    same(&described.digest, &Sha256::digest(&manifest))?;
    let named: OciImageManifest =
        serde_json::from_slice(&manifest).map_err(|_| "its manifest is not that of one image".to_owned())?;
    let mut parts = Vec::new();
    for digest in [&named.config]
        .into_iter()
        .chain(&named.layers)
        .map(|one| &one.digest)
    {
        let (offset, size) = place(digest)?;
        same(digest, &hashed(&mut file, offset, size)?)?;
        parts.push(Part {
            digest: digest.clone(),
            size,
            offset,
        });
    }
    Ok(Archive {
        path: path.to_owned(),
        digest: described.digest.clone(),
        media_type: described.media_type.clone(),
        manifest,
        parts,
    })
}

/// Where each file of it begins, and its size.
fn places(file: &File) -> io::Result<HashMap<String, (u64, u64)>> {
    let mut places = HashMap::new();
    for entry in tar::Archive::new(file).entries_with_seek()? {
        let entry = entry?;
        let name = entry.path()?.to_string_lossy().into_owned();
        let name = name.trim_start_matches("./").to_owned();
        places.insert(name, (entry.raw_file_position(), entry.size()));
    }
    Ok(places)
}

fn bytes(file: &mut File, (offset, size): (u64, u64)) -> Result<Vec<u8>, String> {
    if size > MOST {
        return Err(format!("its manifest has {size} bytes"));
    }
    let mut bytes = Vec::new();
    let read = file
        .seek(SeekFrom::Start(offset))
        .and_then(|_| file.take(size).read_to_end(&mut bytes));
    read.map_err(|error| error.to_string())?;
    Ok(bytes)
}

fn hashed(file: &mut File, offset: u64, size: u64) -> Result<Vec<u8>, String> {
    let mut hash = Sha256::new();
    let read = file
        .seek(SeekFrom::Start(offset))
        .and_then(|_| io::copy(&mut file.take(size), &mut hash));
    read.map_err(|error| error.to_string())?;
    Ok(hash.finalize().to_vec())
}

fn same(digest: &str, found: &[u8]) -> Result<(), String> {
    if digest == format!("sha256:{}", hex::encode(found)) {
        Ok(())
    } else {
        Err(format!("{digest} has other bytes than it should"))
    }
}
