//! A descriptor may be closed while what it gave is still mapped.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::{deleted, nameless, pod_volumes, shared_memory};

/// The first obstacle in the memory of a process, by its folder in `/proc`.
pub(super) fn obstacle(process: &Path) -> Option<String> {
    let maps = fs::read_to_string(process.join("maps")).unwrap_or_default();
    maps.lines().find_map(|line| of_mapping(process, line))
}

/// A line is `7f00-7f01 rw-s 00000000 00:0e 1    /path`.
fn of_mapping(process: &Path, line: &str) -> Option<String> {
    if let Some((_, kind)) = line.split_once("anon_inode:") {
        return nameless::of_kind(kind.trim());
    }
    let path = line.find('/').and_then(|at| line.get(at..))?;
    if path.starts_with("/secretmem") {
        return Some(
            "secret memory (memfd_secret), which CRIU cannot read; let the application do without".to_owned(),
        );
    }
    shared_memory::of_path(path)
        .or_else(|| pod_volumes::of_path(path))
        .or_else(|| deleted::of_mapped(path, || size(process, line)))
}

/// Bytes of the file that is mapped there, if it has no name any more.
fn size(process: &Path, line: &str) -> Option<u64> {
    let (from, to) = line.split_once(' ')?.0.split_once('-')?;
    let plain = |address| u64::from_str_radix(address, 16).ok();
    let name = format!("{:x}-{:x}", plain(from)?, plain(to)?);
    let file = fs::metadata(process.join("map_files").join(name)).ok()?;
    (file.is_file() && file.nlink() == 0).then(|| file.blocks() * 512)
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::process::{Command, Stdio};

    use super::*;

    /// A process that maps a deleted file of so many bytes and has closed it; it has said so.
    fn mapping(bytes: usize) -> (std::process::Child, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("segment");
        fs::write(&path, vec![1; bytes]).unwrap();
        let program = "import mmap, os, sys\n\
            fd = os.open(sys.argv[1], os.O_RDWR)\n\
            m = mmap.mmap(fd, 0)\n\
            os.close(fd)\n\
            os.unlink(sys.argv[1])\n\
            print(flush=True)\n\
            sys.stdin.read()\n";
        let mut child = Command::new("python3")
            .args(["-c", program])
            .arg(&path)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
        (child, folder)
    }

    #[test]
    fn a_large_deleted_file_that_is_only_mapped_is_found_and_a_small_one_is_none() {
        for (bytes, wanted) in [(2 << 20, Some("segment of 3 MB")), (4096, None)] {
            let (mut child, _folder) = mapping(bytes);
            let found = obstacle(&Path::new("/proc").join(child.id().to_string()));
            match wanted {
                Some(wanted) => assert!(found.as_ref().unwrap().contains(wanted), "{found:?}"),
                None => assert_eq!(found, None),
            }
            child.stdin.take().unwrap().flush().unwrap();
            assert!(child.wait().unwrap().success());
        }
    }

    #[test]
    fn shared_memory_without_a_name_is_no_file() {
        let lines = [
            "7f00-7f01 rw-s 00000000 00:01 228                        /dev/zero (deleted)",
            "7f00-7f01 rw-s 00000000 00:01 2052                       /memfd:buffer (deleted)",
            "7f00-7f01 rw-s 00000000 00:01 32770                      /SYSV00000000 (deleted)",
        ];
        for line in lines {
            let large = || Some(1 << 30);
            assert_eq!(
                deleted::of_mapped(&line[line.find('/').unwrap()..], large),
                None,
                "{line}"
            );
        }
        let secret = "7f00-7f01 rw-s 00000000 00:11 3                          /secretmem (deleted)";
        assert!(
            of_mapping(Path::new("/proc/self"), secret)
                .unwrap()
                .contains("memfd_secret")
        );
    }
}
