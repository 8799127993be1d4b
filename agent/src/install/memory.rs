//! A file system of our own for archives, in memory and with a size: whatever is written there, the node's `/run`, in which the
//! container runtime and systemd keep their state, has the room that it had.
//!
//! Guarantees: what tells containers that go on (markers and notes) is kept when it is mounted over a folder of an earlier version; a
//! folder with archives of moves under way is left as it is until the next start. Mounted twice, it is mounted once; its size follows
//! the option.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sys::stat::stat;
use tracing::{info, warn};

use super::InstallError;
use crate::layout;
use crate::node::NodeError;

/// Size of the file system, as tmpfs understands it: bytes, `8G`, or a share of the node's memory such as `25%`.
const SIZE: &str = "SHADOW_ARCHIVES_SIZE";
const USUAL: &str = "25%";
/// Small files that outlive the moves that wrote them; markers that moves are over lie there on nodes of an earlier version only
/// (`keys/markers.rs` takes them over).
const KEPT: [&str; 2] = ["over", "frozen"];

/// What is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    /// A file system of its own.
    Mounted,
    /// A folder with archives.
    InUse,
    /// A folder without, or none.
    Free,
}

/// Mounts it. Runs in the node's namespaces.
pub(super) fn mount_own() -> Result<(), InstallError> {
    let size = std::env::var(SIZE).ok().filter(|size| !size.is_empty());
    let size = lawful(size.as_deref().unwrap_or(USUAL))?;
    mount_on(Path::new(layout::RUN), size)
}

/// Takes it away, with all that is in it.
pub(super) fn unmount() -> Result<(), InstallError> {
    let run = Path::new(layout::RUN);
    if found(run)? == Found::Mounted {
        umount2(run, MntFlags::MNT_DETACH).map_err(NodeError::call("unmount /run/shadow"))?;
    }
    Ok(())
}

fn lawful(size: &str) -> Result<&str, InstallError> {
    let digits = size.trim_end_matches(['k', 'K', 'm', 'M', 'g', 'G', '%']);
    let is_number = !digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit());
    if is_number && size.len() <= digits.len() + 1 && digits.chars().any(|c| c != '0') {
        return Ok(size);
    }
    Err(InstallError::Unfit(format!(
        "{SIZE}: {size:?} is no size. Write a number of bytes, one with k, m or g, or a share of the node's memory, for example 25%"
    )))
}

fn mount_on(run: &Path, size: &str) -> Result<(), InstallError> {
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    match found(run)? {
        Found::Mounted => {
            let size = format!("size={size}");
            let again = mount(
                None::<&str>,
                run,
                None::<&str>,
                MsFlags::MS_REMOUNT | flags,
                Some(size.as_str()),
            );
            if let Err(error) = again {
                warn!(%error, size, "the file system for archives keeps its size");
            }
            return Ok(());
        }
        Found::InUse => {
            warn!(
                folder = %run.display(),
                "archives of moves lie in the folder; it gets a file system of its own when the agent is started next"
            );
            return Ok(());
        }
        Found::Free => {}
    }
    let kept = kept(run).map_err(InstallError::at("read what is kept in", run))?;
    fs::create_dir_all(run).map_err(InstallError::at("make folder", run))?;
    let options = format!("size={size},mode=0755");
    let of = |options: &str| mount(Some("shadow"), run, Some("tmpfs"), flags, Some(options));
    // Older kernels do not know `noswap`.
    match of(&format!("{options},noswap")) {
        Err(Errno::EINVAL) => of(&options),
        mounted => mounted,
    }
    .map_err(NodeError::call("mount a file system for archives"))?;
    for (path, content) in kept {
        let path = run.join(path);
        let folder = path.parent().unwrap_or(run);
        fs::create_dir_all(folder).map_err(InstallError::at("make folder", folder))?;
        fs::write(&path, content).map_err(InstallError::at("write", &path))?;
    }
    info!(folder = %run.display(), size, "archives have a file system of their own");
    Ok(())
}

fn found(run: &Path) -> Result<Found, InstallError> {
    let above = run.parent().unwrap_or(Path::new("/"));
    let device = |path: &Path| stat(path).map(|seen| seen.st_dev);
    match (device(run), device(above)) {
        (Err(Errno::ENOENT), _) => return Ok(Found::Free),
        (Ok(own), Ok(above)) if own != above => return Ok(Found::Mounted),
        (Ok(_), Ok(_)) => {}
        (Err(errno), _) | (_, Err(errno)) => {
            return Err(InstallError::at("look at", run)(errno.into()));
        }
    }
    let keys = run.join("keys");
    match fs::read_dir(&keys) {
        Ok(mut keys) => Ok(if keys.next().is_some() {
            Found::InUse
        } else {
            Found::Free
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Found::Free),
        Err(error) => Err(InstallError::at("read folder", &keys)(error)),
    }
}

/// Relative paths and contents.
fn kept(run: &Path) -> io::Result<Vec<(PathBuf, Vec<u8>)>> {
    let mut kept = Vec::new();
    for folder in KEPT {
        let listing = match fs::read_dir(run.join(folder)) {
            Ok(listing) => listing,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        for entry in listing {
            let entry = entry?;
            if entry.file_type()?.is_file() {
                kept.push((Path::new(folder).join(entry.file_name()), fs::read(entry.path())?));
            }
        }
    }
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_a_number_of_bytes_or_a_share_of_memory() {
        for size in ["25%", "8G", "512m", "1073741824"] {
            assert_eq!(lawful(size).unwrap(), size);
        }
        for size in ["", "0", "a lot", "8GB", "-1", "25%,mode=0777", "%"] {
            let error = lawful(size).unwrap_err().to_string();
            assert!(error.starts_with(SIZE), "{size}: {error}");
        }
    }

    #[test]
    fn a_folder_with_archives_is_left_and_what_is_kept_is_read_from_one_without() {
        let root = tempfile::tempdir().unwrap();
        let run = root.path().join("shadow");
        assert_eq!(found(&run).unwrap(), Found::Free);
        fs::create_dir_all(run.join("over")).unwrap();
        fs::write(run.join("over/key"), b"1").unwrap();
        fs::create_dir_all(run.join("keys")).unwrap();
        assert_eq!(found(&run).unwrap(), Found::Free);
        assert_eq!(kept(&run).unwrap(), [(PathBuf::from("over/key"), b"1".to_vec())]);
        fs::create_dir_all(run.join("keys/a-1-0")).unwrap();
        assert_eq!(found(&run).unwrap(), Found::InUse);
        assert_eq!(found(Path::new("/proc")).unwrap(), Found::Mounted);
    }

    /// In a mount namespace of its own, as the tests of the cluster have it; needs root.
    #[test]
    fn a_flood_stays_inside_and_markers_survive_the_mount() {
        let root = tempfile::tempdir().unwrap();
        let run = root.path().join("shadow");
        fs::create_dir_all(run.join("over")).unwrap();
        fs::write(run.join("over/key"), b"1").unwrap();
        let seen = std::thread::spawn(move || {
            nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNS).unwrap();
            let private = MsFlags::MS_PRIVATE | MsFlags::MS_REC;
            mount(None::<&str>, "/", None::<&str>, private, None::<&str>).unwrap();
            mount_on(&run, "1m").unwrap();
            let flood = fs::write(run.join("flood"), vec![1; 2 << 20]).unwrap_err();
            fs::remove_file(run.join("flood")).unwrap();
            mount_on(&run, "4m").unwrap();
            let fits = fs::write(run.join("flood"), vec![1; 2 << 20]).is_ok();
            (flood.kind(), fits, fs::read(run.join("over/key")).unwrap())
        });
        assert_eq!(
            seen.join().unwrap(),
            (io::ErrorKind::StorageFull, true, b"1".to_vec())
        );
        assert!(!root.path().join("shadow/flood").exists());
    }
}
