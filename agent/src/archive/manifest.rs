//! List of an archive's files with size and SHA-256; its digest stands for the whole archive.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{ArchiveError, IMAGES, LAYER, MANIFEST, SPEC};

/// More entries than any dump has; a flood is refused.
pub const MAX_FILES: usize = 20_000;
const CHUNK: usize = 256 * 1024;

/// One file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// Path below the archive, `/` as separator.
    pub path: String,
    /// Bytes.
    pub size: u64,
    /// Lower-case hex.
    pub sha256: String,
}

/// All files of an archive but the manifest itself, sorted by path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Layout of the archive.
    pub version: u32,
    /// Files, sorted by path, each path once.
    pub files: Vec<FileEntry>,
}

impl Manifest {
    /// Hashes the files of an archive folder.
    pub fn of(dir: &Path) -> Result<Self, ArchiveError> {
        let mut paths = Vec::new();
        for name in [LAYER, SPEC] {
            if dir.join(name).exists() {
                paths.push(name.to_owned());
            }
        }
        let images = dir.join(IMAGES);
        for entry in fs::read_dir(&images).map_err(ArchiveError::at("read folder", &images))? {
            let entry = entry.map_err(ArchiveError::at("read folder", &images))?;
            paths.push(format!("{IMAGES}/{}", entry.file_name().to_string_lossy()));
        }
        paths.sort();
        let files = paths
            .into_iter()
            .map(|path| hash_file(dir, path))
            .collect::<Result<_, _>>()?;
        let manifest = Self { version: 1, files };
        manifest.check()?;
        Ok(manifest)
    }

    /// Reads a manifest and checks that it is lawful.
    pub fn parse(json: &[u8]) -> Result<Self, ArchiveError> {
        let manifest: Self = serde_json::from_slice(json)
            .map_err(|error| ArchiveError::Refused(format!("manifest is not readable: {error}")))?;
        manifest.check()?;
        Ok(manifest)
    }

    /// Reads the manifest of an archive folder.
    pub fn load(dir: &Path) -> Result<Self, ArchiveError> {
        let path = dir.join(MANIFEST);
        Self::parse(&fs::read(&path).map_err(ArchiveError::at("read", &path))?)
    }

    /// Writes the manifest into the archive folder.
    pub fn store(&self, dir: &Path) -> Result<(), ArchiveError> {
        let path = dir.join(MANIFEST);
        let json = serde_json::to_vec(self)
            .map_err(|error| ArchiveError::Refused(format!("manifest is not writable: {error}")))?;
        fs::write(&path, json).map_err(ArchiveError::at("write", &path))
    }

    /// SHA-256 over `sha256 size path` lines; independent of how the manifest is written down.
    pub fn digest(&self) -> String {
        let mut hash = Sha256::new();
        for file in &self.files {
            hash.update(format!("{} {} {}\n", file.sha256, file.size, file.path));
        }
        hex::encode(hash.finalize())
    }

    /// Size of all files.
    pub fn bytes(&self) -> u64 {
        self.files
            .iter()
            .map(|file| file.size)
            .fold(0, u64::saturating_add)
    }

    fn check(&self) -> Result<(), ArchiveError> {
        if self.version != 1 {
            return refuse(format!(
                "manifest version {} is not known, only version 1 is",
                self.version
            ));
        }
        if self.files.len() > MAX_FILES {
            return refuse(format!(
                "it has {} files, and at most {MAX_FILES} are allowed",
                self.files.len()
            ));
        }
        for file in &self.files {
            check_name(&file.path)?;
        }
        for (former, latter) in self.files.iter().zip(self.files.iter().skip(1)) {
            if former.path >= latter.path {
                return refuse(format!("{:?} is listed twice or not in order", latter.path));
            }
        }
        Ok(())
    }
}

/// Accepts the rw layer, the spec and plain names directly below `images/`.
pub fn check_name(path: &str) -> Result<(), ArchiveError> {
    if path == LAYER || path == SPEC {
        return Ok(());
    }
    let lawful = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    match path.strip_prefix(IMAGES).and_then(|rest| rest.strip_prefix('/')) {
        Some(name)
            if (1..=90).contains(&name.len()) && name.chars().all(lawful) && !name.starts_with('.') =>
        {
            Ok(())
        }
        Some(_) | None => refuse(format!("{path:?} is not a name that an archive may contain")),
    }
}

fn refuse<T>(why: String) -> Result<T, ArchiveError> {
    Err(ArchiveError::Refused(why))
}

fn hash_file(dir: &Path, path: String) -> Result<FileEntry, ArchiveError> {
    let full = dir.join(&path);
    let metadata = fs::symlink_metadata(&full).map_err(ArchiveError::at("look at", &full))?;
    if !metadata.is_file() {
        return refuse(format!("{path} is not a plain file"));
    }
    let mut file = File::open(&full).map_err(ArchiveError::at("open", &full))?;
    let mut hash = Sha256::new();
    let mut size = 0u64;
    let mut buffer = vec![0; CHUNK];
    loop {
        let read = file.read(&mut buffer).map_err(ArchiveError::at("read", &full))?;
        if read == 0 {
            break;
        }
        hash.update(&buffer[..read]);
        size += read as u64;
    }
    Ok(FileEntry {
        path,
        size,
        sha256: hex::encode(hash.finalize()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join(IMAGES)).unwrap();
        fs::write(dir.path().join("images/pages-1.img"), b"pages").unwrap();
        fs::write(dir.path().join(LAYER), b"layer").unwrap();
        fs::write(dir.path().join(SPEC), b"{}").unwrap();
        dir
    }

    #[test]
    fn digest_changes_with_one_byte_and_survives_a_round_trip() {
        let dir = sample();
        let before = Manifest::of(dir.path()).unwrap();
        before.store(dir.path()).unwrap();
        assert_eq!(Manifest::load(dir.path()).unwrap(), before);
        assert_eq!(before.bytes(), 12);
        fs::write(dir.path().join("images/pages-1.img"), b"pagez").unwrap();
        assert_ne!(Manifest::of(dir.path()).unwrap().digest(), before.digest());
    }

    #[test]
    fn names_that_leave_the_archive_are_refused() {
        for bad in [
            "../x",
            "/etc/passwd",
            "images/../x",
            "images/a/b",
            "images/",
            "images/.hidden",
            "else",
            "",
        ] {
            assert!(check_name(bad).is_err(), "{bad:?} was accepted");
        }
        for good in [LAYER, SPEC, "images/core-1.img", "images/tmpfs-dev-73.tar.gz.img"] {
            assert!(check_name(good).is_ok(), "{good:?} was refused");
        }
    }

    #[test]
    fn a_link_among_the_images_is_refused() {
        let dir = sample();
        std::os::unix::fs::symlink("/etc/passwd", dir.path().join("images/x.img")).unwrap();
        let error = Manifest::of(dir.path()).unwrap_err();
        assert!(error.to_string().contains("not a plain file"), "{error}");
    }

    #[test]
    fn duplicate_entries_are_refused() {
        let entry = FileEntry {
            path: SPEC.into(),
            size: 0,
            sha256: String::new(),
        };
        let manifest = Manifest {
            version: 1,
            files: vec![entry.clone(), entry],
        };
        assert!(Manifest::parse(&serde_json::to_vec(&manifest).unwrap()).is_err());
    }
}
