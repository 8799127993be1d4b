//! OCI layer → root file system of the new container.
//!
//! Every step resolves one name below an open folder and follows no symbolic link, so neither the layer nor the image
//! below can lead a write out of the root. Devices are refused. The container does not run yet and nobody else writes.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path};

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags, OFlag, openat};
use nix::sys::stat::{FchmodatFlags, Mode, SFlag, UtimensatFlags, fchmodat, fstatat, mkdirat, utimensat};
use nix::sys::time::TimeSpec;
use nix::unistd::{Gid, Uid, UnlinkatFlags, fchownat, linkat, mkfifoat, symlinkat, unlinkat};
use tar::{Archive, Entry, EntryType};
use xattr::FileExt;

use super::ArchiveError;
use super::layer::{OPAQUE, WHITEOUT};

/// Applies the layer to `root`.
pub fn apply<R: Read>(layer: R, root: &Path) -> Result<(), ArchiveError> {
    let top = openat(AT_FDCWD, root, folder_flags() & !OFlag::O_NOFOLLOW, Mode::empty())
        .map_err(ArchiveError::call("open", root))?;
    let mut archive = Archive::new(layer);
    for entry in archive
        .entries()
        .map_err(ArchiveError::at("read the layer for", root))?
    {
        let mut entry = entry.map_err(ArchiveError::at("read the layer for", root))?;
        let path = entry
            .path()
            .map_err(ArchiveError::at("read a name for", root))?
            .into_owned();
        let Some((parents, name)) = split(&path)? else {
            continue;
        };
        let folder = descend(&top, &parents)?;
        if let Some(hidden) = name.as_bytes().strip_prefix(WHITEOUT.as_bytes()) {
            if name == OPAQUE {
                empty(&folder).map_err(ArchiveError::call("empty", &path))?;
            } else {
                check_plain(OsStr::from_bytes(hidden), &path)?;
                remove(&folder, OsStr::from_bytes(hidden)).map_err(ArchiveError::call("remove", &path))?;
            }
            continue;
        }
        place(&top, &folder, &name, &path, &mut entry)?;
    }
    Ok(())
}

fn folder_flags() -> OFlag {
    OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC
}

/// Splits into parent names and last name; `None` for the root itself.
fn split(path: &Path) -> Result<Option<(Vec<OsString>, OsString)>, ArchiveError> {
    let mut names = Vec::new();
    for part in path.components() {
        match part {
            Component::Normal(name) => names.push(name.to_owned()),
            Component::CurDir => {}
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => {
                return Err(ArchiveError::Refused(format!(
                    "{path:?} leads out of the container"
                )));
            }
        }
    }
    Ok(names.pop().map(|last| (names, last)))
}

fn check_plain(name: &OsStr, path: &Path) -> Result<(), ArchiveError> {
    let bytes = name.as_bytes();
    if bytes.is_empty() || bytes == b"." || bytes == b".." || bytes.contains(&b'/') {
        return Err(ArchiveError::Refused(format!("{path:?} is not a whiteout")));
    }
    Ok(())
}

fn descend(top: &OwnedFd, parents: &[OsString]) -> Result<OwnedFd, ArchiveError> {
    let mut folder = top
        .try_clone()
        .map_err(ArchiveError::at("open", Path::new("/")))?;
    for name in parents {
        folder = openat(&folder, name.as_os_str(), folder_flags(), Mode::empty())
            .map_err(ArchiveError::call("enter", Path::new(name)))?;
    }
    Ok(folder)
}

fn place<R: Read>(
    top: &OwnedFd,
    folder: &OwnedFd,
    name: &OsStr,
    path: &Path,
    entry: &mut Entry<'_, R>,
) -> Result<(), ArchiveError> {
    let failed = || ArchiveError::call("place", path);
    let attributes = attributes(entry).map_err(ArchiveError::at("read attributes of", path))?;
    let kind = entry.header().entry_type();
    let is_folder =
        kind == EntryType::Directory && kind_of(folder, name).map_err(failed())? == Some(SFlag::S_IFDIR);
    if !is_folder {
        remove(folder, name).map_err(failed())?;
    }
    if kind.is_dir() {
        if !is_folder {
            mkdirat(folder, name, Mode::S_IRWXU).map_err(failed())?;
        }
    } else if kind.is_file() || kind.is_gnu_sparse() {
        write_file(folder, name, path, entry)?;
    } else if kind.is_fifo() {
        mkfifoat(folder, name, Mode::S_IRWXU).map_err(failed())?;
    } else if kind.is_symlink() {
        let target = link_name(entry, path)?;
        symlinkat(target.as_os_str(), folder, name).map_err(failed())?;
    } else if kind.is_hard_link() {
        let target = link_name(entry, path)?;
        let Some((parents, last)) = split(Path::new(&target))? else {
            return Err(ArchiveError::Refused(format!("{path:?} links to nothing")));
        };
        let from = descend(top, &parents)?;
        return linkat(&from, last.as_os_str(), folder, name, AtFlags::empty()).map_err(failed());
    } else {
        return Err(ArchiveError::Refused(format!("{path:?} is a {kind:?} entry")));
    }
    dress(folder, name, path, entry, &attributes)
}

/// Owner first (it clears set-user-id), then mode, attributes and time.
fn dress<R: Read>(
    folder: &OwnedFd,
    name: &OsStr,
    path: &Path,
    entry: &Entry<'_, R>,
    attributes: &[(String, Vec<u8>)],
) -> Result<(), ArchiveError> {
    let failed = || ArchiveError::call("set owner and mode of", path);
    let unread = || ArchiveError::at("read the header of", path);
    let header = entry.header();
    let id = |id: u64| u32::try_from(id).map_err(|_| ArchiveError::Refused(format!("{path:?}: owner {id}")));
    let (uid, gid) = (
        id(header.uid().map_err(unread())?)?,
        id(header.gid().map_err(unread())?)?,
    );
    let (uid, gid) = (Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)));
    fchownat(folder, name, uid, gid, AtFlags::AT_SYMLINK_NOFOLLOW).map_err(failed())?;
    if header.entry_type() != EntryType::Symlink {
        let mode = Mode::from_bits_truncate(header.mode().map_err(unread())?);
        fchmodat(folder, name, mode, FchmodatFlags::FollowSymlink).map_err(failed())?;
    }
    if !attributes.is_empty() {
        let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
        let file = File::from(openat(folder, name, flags, Mode::empty()).map_err(failed())?);
        for (key, value) in attributes {
            file.set_xattr(key, value)
                .map_err(ArchiveError::at("set attributes of", path))?;
        }
    }
    let seconds = i64::try_from(header.mtime().map_err(unread())?).unwrap_or(0);
    let time = TimeSpec::new(seconds, 0);
    utimensat(folder, name, &time, &time, UtimensatFlags::NoFollowSymlink).map_err(failed())
}

fn write_file<R: Read>(
    folder: &OwnedFd,
    name: &OsStr,
    path: &Path,
    entry: &mut Entry<'_, R>,
) -> Result<(), ArchiveError> {
    let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let fd = openat(folder, name, flags, Mode::S_IRUSR | Mode::S_IWUSR)
        .map_err(ArchiveError::call("create", path))?;
    let mut file = File::from(fd);
    let written = if entry.header().entry_type().is_gnu_sparse() {
        with_holes(entry, &mut file)
    } else {
        io::copy(entry, &mut file).map(drop)
    };
    written.map_err(ArchiveError::at("write", path))
}

/// What is nothing but zeros stays a hole.
fn with_holes(content: &mut impl Read, file: &mut File) -> io::Result<()> {
    let mut block = vec![0; 64 * 1024];
    let mut length = 0_u64;
    loop {
        let mut filled = 0;
        while filled < block.len() {
            match content.read(&mut block[filled..])? {
                0 => break,
                more => filled += more,
            }
        }
        if filled == 0 {
            return file.set_len(length);
        }
        let read = &block[..filled];
        if read.iter().any(|byte| *byte != 0) {
            file.seek(SeekFrom::Start(length))?;
            file.write_all(read)?;
        }
        length += filled as u64;
    }
}

fn link_name<R: Read>(entry: &Entry<'_, R>, path: &Path) -> Result<OsString, ArchiveError> {
    match entry.link_name_bytes() {
        Some(name) => Ok(OsStr::from_bytes(&name).to_owned()),
        None => Err(ArchiveError::Refused(format!(
            "{path:?} is a link without a target"
        ))),
    }
}

fn attributes<R: Read>(entry: &mut Entry<'_, R>) -> io::Result<Vec<(String, Vec<u8>)>> {
    let mut found = Vec::new();
    if let Some(extensions) = entry.pax_extensions()? {
        for extension in extensions {
            let extension = extension?;
            let key = String::from_utf8_lossy(extension.key_bytes()).into_owned();
            if let Some(name) = key.strip_prefix("SCHILY.xattr.") {
                found.push((name.to_owned(), extension.value_bytes().to_vec()));
            }
        }
    }
    Ok(found)
}

fn kind_of(folder: &OwnedFd, name: &OsStr) -> nix::Result<Option<SFlag>> {
    match fstatat(folder, name, AtFlags::AT_SYMLINK_NOFOLLOW) {
        Ok(stat) => Ok(Some(SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT)),
        Err(Errno::ENOENT) => Ok(None),
        Err(errno) => Err(errno),
    }
}

/// Removes a name and all below it, if it is there.
fn remove(folder: &OwnedFd, name: &OsStr) -> nix::Result<()> {
    match kind_of(folder, name)? {
        None => Ok(()),
        Some(kind) if kind == SFlag::S_IFDIR => {
            empty(&openat(folder, name, folder_flags(), Mode::empty())?)?;
            unlinkat(folder, name, UnlinkatFlags::RemoveDir)
        }
        Some(_) => unlinkat(folder, name, UnlinkatFlags::NoRemoveDir),
    }
}

fn empty(folder: &OwnedFd) -> nix::Result<()> {
    let mut listing = Dir::openat(folder, ".", folder_flags(), Mode::empty())?;
    let mut names = Vec::new();
    for entry in listing.iter() {
        let name = entry?.file_name().to_bytes().to_vec();
        if name != b"." && name != b".." {
            names.push(name);
        }
    }
    for name in names {
        remove(folder, OsStr::from_bytes(&name))?;
    }
    Ok(())
}
