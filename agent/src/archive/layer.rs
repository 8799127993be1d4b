//! A container's rw layer (the overlay's upper directory) → OCI layer.
//!
//! Guarantees: what overlayfs marks as deleted becomes a whiteout, what it marks as opaque an opaque whiteout; owners,
//! modes, times, hard links and extended attributes are kept; what a layer cannot express is an error, not a gap.
//! Holes of files stay holes, and the layer is never larger than it may be.
//! Sockets are left out: CRIU makes them when it binds them again.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File, Metadata};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use tar::{Builder, EntryType, Header};

use super::ArchiveError;
use super::bounded::Bounded;

/// Bytes of holes in all files of a container.
const HOLES: u64 = 32_000_000_000;
/// Prefix of a deleted name.
pub const WHITEOUT: &str = ".wh.";
/// Marks a folder that hides what lies below it.
pub const OPAQUE: &str = ".wh..wh..opq";

/// Writes the layer of `upper` to `output`, at most `most` bytes.
pub fn save<W: Write>(upper: &Path, output: W, most: u64) -> Result<W, ArchiveError> {
    let mut layer = Layer {
        tar: Builder::new(Bounded::to(output, most)),
        upper,
        seen: HashMap::new(),
        holes: 0,
    };
    layer.folder(Path::new(""))?;
    layer
        .tar
        .into_inner()
        .map(Bounded::into_inner)
        .map_err(ArchiveError::at("finish the layer of", upper))
}

struct Layer<'a, W: Write> {
    tar: Builder<Bounded<W>>,
    /// Bytes of holes so far.
    holes: u64,
    upper: &'a Path,
    /// First name of each file that has several.
    seen: HashMap<(u64, u64), PathBuf>,
}

impl<W: Write> Layer<'_, W> {
    fn folder(&mut self, below: &Path) -> Result<(), ArchiveError> {
        let full = self.upper.join(below);
        let mut names: Vec<OsString> = Vec::new();
        for entry in fs::read_dir(&full).map_err(ArchiveError::at("read folder", &full))? {
            names.push(entry.map_err(ArchiveError::at("read folder", &full))?.file_name());
        }
        names.sort();
        for name in names {
            self.entry(below, &name)?;
        }
        Ok(())
    }

    fn entry(&mut self, below: &Path, name: &OsStr) -> Result<(), ArchiveError> {
        let path = below.join(name);
        let full = self.upper.join(&path);
        let failed = ArchiveError::at("save", &full);
        let metadata = fs::symlink_metadata(&full).map_err(ArchiveError::at("look at", &full))?;
        let kind = metadata.file_type();
        if name.as_bytes().starts_with(WHITEOUT.as_bytes()) {
            return Err(ArchiveError::Refused(format!(
                "{} has a name reserved for whiteouts",
                path.display()
            )));
        }
        if kind.is_char_device() && metadata.rdev() == 0 {
            let mut marker = OsString::from(WHITEOUT);
            marker.push(name);
            return self.marker(&below.join(marker));
        }
        if kind.is_socket() {
            return Ok(());
        }
        if kind.is_char_device() || kind.is_block_device() {
            return Err(ArchiveError::Refused(format!(
                "{} is a device node that the container made; a container with such a file cannot be moved",
                path.display()
            )));
        }
        if kind.is_symlink() {
            let target = fs::read_link(&full).map_err(ArchiveError::at("read link", &full))?;
            let mut header = header(&metadata, EntryType::Symlink);
            return self.tar.append_link(&mut header, &path, target).map_err(failed);
        }
        let opaque = self.attributes(&full)?;
        if kind.is_dir() {
            let mut header = header(&metadata, EntryType::Directory);
            self.tar
                .append_data(&mut header, &path, io::empty())
                .map_err(failed)?;
            if opaque {
                self.marker(&path.join(OPAQUE))?;
            }
            return self.folder(&path);
        }
        if kind.is_fifo() {
            let mut header = header(&metadata, EntryType::Fifo);
            return self
                .tar
                .append_data(&mut header, &path, io::empty())
                .map_err(failed);
        }
        self.file(&path, &full, &metadata)
    }

    fn file(&mut self, path: &Path, full: &Path, metadata: &Metadata) -> Result<(), ArchiveError> {
        let failed = ArchiveError::at("save", full);
        if metadata.nlink() > 1 {
            let inode = (metadata.dev(), metadata.ino());
            if let Some(first) = self.seen.get(&inode) {
                let mut header = header(metadata, EntryType::Link);
                return self.tar.append_link(&mut header, path, first).map_err(failed);
            }
            self.seen.insert(inode, path.to_owned());
        }
        if held(metadata) < metadata.len() {
            return self.sparse(path, full, metadata);
        }
        let mut header = header(metadata, EntryType::Regular);
        header.set_size(metadata.len());
        let file = File::open(full).map_err(ArchiveError::at("open", full))?;
        self.tar.append_data(&mut header, path, file).map_err(failed)
    }

    /// Holes are named and not copied. The target makes them again, which takes it time for each byte all the same.
    fn sparse(&mut self, path: &Path, full: &Path, metadata: &Metadata) -> Result<(), ArchiveError> {
        self.holes = self.holes.saturating_add(metadata.len() - held(metadata));
        if self.holes > HOLES {
            return Err(ArchiveError::Refused(format!(
                "{} has holes: with it the files of this container have more than {} GB of them. Delete it, or put it into a volume",
                path.display(),
                HOLES / 1_000_000_000
            )));
        }
        let mut file = File::open(full).map_err(ArchiveError::at("open", full))?;
        self.tar
            .append_file(path, &mut file)
            .map_err(ArchiveError::at("save", full))
    }

    fn marker(&mut self, path: &Path) -> Result<(), ArchiveError> {
        let mut header = Header::new_gnu();
        header.set_entry_type(EntryType::Regular);
        header.set_mode(0o600);
        header.set_size(0);
        self.tar
            .append_data(&mut header, path, io::empty())
            .map_err(ArchiveError::at("save", path))
    }

    /// Announces the extended attributes of the next entry; says whether overlayfs marks it opaque.
    fn attributes(&mut self, full: &Path) -> Result<bool, ArchiveError> {
        let failed = |source| ArchiveError::at("read attributes of", full)(source);
        let mut opaque = false;
        let mut kept: Vec<(String, Vec<u8>)> = Vec::new();
        for name in xattr::list(full).map_err(failed)? {
            let value = xattr::get(full, &name).map_err(failed)?.unwrap_or_default();
            let name = name.to_string_lossy().into_owned();
            match Attribute::of(&name) {
                Attribute::Opaque => opaque = value == b"y",
                Attribute::Foreign => {
                    return Err(ArchiveError::Refused(format!(
                        "{} has the attribute {name}: turn the overlayfs features redirect_dir and metacopy off on this node",
                        full.display()
                    )));
                }
                Attribute::Private => {}
                Attribute::Kept => kept.push((format!("SCHILY.xattr.{name}"), value)),
            }
        }
        if !kept.is_empty() {
            let list = kept.iter().map(|(name, value)| (name.as_str(), value.as_slice()));
            self.tar.append_pax_extensions(list).map_err(failed)?;
        }
        Ok(opaque)
    }
}

/// Bytes of a file that are on the disk, which may give it more than it needs.
pub(crate) fn held(metadata: &Metadata) -> u64 {
    metadata.len().min(metadata.blocks().saturating_mul(512))
}

enum Attribute {
    Opaque,
    /// The content lies elsewhere: the upper directory alone does not say what the file is.
    Foreign,
    /// Bookkeeping of the node's overlayfs or security module.
    Private,
    Kept,
}

impl Attribute {
    fn of(name: &str) -> Self {
        match name
            .strip_prefix("trusted.overlay.")
            .or_else(|| name.strip_prefix("user.overlay."))
        {
            Some("opaque") => Self::Opaque,
            Some("redirect" | "metacopy") => Self::Foreign,
            Some(_) => Self::Private,
            None if name == "security.selinux" => Self::Private,
            None => Self::Kept,
        }
    }
}

fn header(metadata: &Metadata, kind: EntryType) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(metadata.mode() & 0o7777);
    header.set_uid(u64::from(metadata.uid()));
    header.set_gid(u64::from(metadata.gid()));
    header.set_mtime(u64::try_from(metadata.mtime()).unwrap_or(0));
    header.set_size(0);
    header
}
