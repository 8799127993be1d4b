//! Files on the node: replaced in one step, and only when they differ.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use super::InstallError;

/// Puts a file in place; a program that runs from the old one goes on.
pub fn place(path: &Path, content: &[u8], mode: u32) -> Result<(), InstallError> {
    if fs::read(path).ok().as_deref() == Some(content) {
        return Ok(());
    }
    make_parent(path)?;
    let next = beside(path);
    fs::write(&next, content).map_err(InstallError::at("write", &next))?;
    fs::set_permissions(&next, Permissions::from_mode(mode))
        .map_err(InstallError::at("set mode of", &next))?;
    fs::rename(&next, path).map_err(InstallError::at("replace", path))
}

/// Makes a symbolic link.
pub fn link(path: &Path, target: &Path) -> Result<(), InstallError> {
    if fs::read_link(path).ok().as_deref() == Some(target) {
        return Ok(());
    }
    make_parent(path)?;
    let next = beside(path);
    remove(&next)?;
    symlink(target, &next).map_err(InstallError::at("link", &next))?;
    fs::rename(&next, path).map_err(InstallError::at("replace", path))
}

/// Removes a file; says whether it was there.
pub fn remove(path: &Path) -> Result<bool, InstallError> {
    gone(fs::remove_file(path), path)
}

/// Removes a folder and all in it; says whether it was there.
pub fn remove_folder(path: &Path) -> Result<bool, InstallError> {
    gone(fs::remove_dir_all(path), path)
}

fn gone(removed: io::Result<()>, path: &Path) -> Result<bool, InstallError> {
    match removed {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(InstallError::at("remove", path)(error)),
    }
}

fn make_parent(path: &Path) -> Result<(), InstallError> {
    let parent = path.parent().unwrap_or(Path::new("/"));
    fs::create_dir_all(parent).map_err(InstallError::at("make folder", parent))
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".next");
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_placed_replaced_and_removed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/b");
        place(&path, b"one", 0o755).unwrap();
        place(&path, b"two", 0o755).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o755);
        assert!(remove(&path).unwrap());
        assert!(!remove(&path).unwrap());
    }

    #[test]
    fn a_link_follows_its_target() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("runc");
        link(&path, Path::new("/one")).unwrap();
        link(&path, Path::new("/two")).unwrap();
        assert_eq!(fs::read_link(&path).unwrap(), Path::new("/two"));
    }
}
