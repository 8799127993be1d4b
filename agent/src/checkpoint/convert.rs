//! containerd's checkpoint archive → our layout.
//!
//! Only the members that we know are taken, each into a file whose name passes the manifest's rules.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use flate2::bufread::GzDecoder;
use tar::{Archive, EntryType};

use crate::archive::manifest::check_name;
use crate::archive::{ArchiveError, IMAGES, LAYER, SPEC};

const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Why an archive could not be converted.
#[derive(Debug, thiserror::Error)]
pub enum ConvertError {
    /// The file system failed.
    #[error("{path}: {source}", path = path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// A member has an unlawful name.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// Not an archive of containerd.
    #[error("{0}")]
    Unknown(String),
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> ConvertError {
    move |source| ConvertError::Io {
        path: path.to_owned(),
        source,
    }
}

/// Converts the archive at `source` into the fresh folder `partial`.
pub fn convert(source: &Path, partial: &Path) -> Result<(), ConvertError> {
    if partial.exists() {
        fs::remove_dir_all(partial).map_err(at(partial))?;
    }
    let images = partial.join(IMAGES);
    fs::DirBuilder::new()
        .mode(0o700)
        .recursive(true)
        .create(&images)
        .map_err(at(&images))?;
    let file = File::open(source).map_err(at(source))?;
    let mut tar = Archive::new(BufReader::with_capacity(256 * 1024, file));
    let mut spec = false;
    for entry in tar.entries().map_err(at(source))? {
        let entry = entry.map_err(at(source))?;
        if entry.header().entry_type() != EntryType::Regular {
            continue;
        }
        let path = entry.path().map_err(at(source))?.into_owned();
        let path = path.strip_prefix("./").unwrap_or(&path);
        if let Ok(image) = path.strip_prefix("checkpoint") {
            let name = format!("{IMAGES}/{}", image.display());
            check_name(&name)?;
            write(entry, &partial.join(name))?;
        } else if path == Path::new("spec.dump") {
            spec = true;
            write(entry, &partial.join(SPEC))?;
        } else if path == Path::new("rootfs-diff.tar") {
            write_layer(entry, &partial.join(LAYER))?;
        }
    }
    if spec {
        Ok(())
    } else {
        Err(ConvertError::Unknown(format!(
            "{} has no spec.dump; the runtime may not be containerd",
            source.display()
        )))
    }
}

/// containerd compresses the layer in spite of its name.
fn write_layer(layer: impl Read, path: &Path) -> Result<(), ConvertError> {
    let mut layer = BufReader::new(layer);
    if layer.fill_buf().map_err(at(path))?.starts_with(&GZIP) {
        write(GzDecoder::new(layer), path)
    } else {
        write(layer, path)
    }
}

fn write(mut content: impl Read, path: &Path) -> Result<(), ConvertError> {
    let mut file = File::create(path).map_err(at(path))?;
    io::copy(&mut content, &mut file).map(drop).map_err(at(path))
}
