//! How much an archive may take on this node: what its folder has left, and, as that is memory, what the node has left.

use std::fs;
use std::io;
use std::path::Path;

use nix::sys::statvfs::statvfs;

const MEMORY: &str = "/proc/meminfo";

/// Bytes.
pub(crate) fn for_archives(keys: &Path) -> io::Result<u64> {
    let disk = statvfs(keys)?;
    let left = disk.blocks_available() * disk.fragment_size();
    let memory = available(&fs::read_to_string(MEMORY)?);
    Ok(memory.map_or(left, |memory| left.min(memory)))
}

/// What a writable layer may take of it: the images of the processes lie beside it, and a folder that is full to the last byte
/// takes no note either.
pub(crate) fn for_layer(keys: &Path) -> io::Result<u64> {
    let room = for_archives(keys)?;
    Ok(room - room / 8)
}

/// `MemAvailable:   12345 kB`
fn available(meminfo: &str) -> Option<u64> {
    let line = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))?;
    Some(1024 * line.trim().trim_end_matches(" kB").parse::<u64>().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_that_is_left_is_read_in_bytes() {
        let text = "MemTotal:       24000000 kB\nMemFree:  1 kB\nMemAvailable:   2048 kB\n";
        assert_eq!(available(text), Some(2 << 20));
        assert_eq!(available("MemTotal: 1 kB\n"), None);
    }

    #[test]
    fn room_is_what_the_folder_and_the_machine_have() {
        let dir = tempfile::tempdir().unwrap();
        let room = for_archives(dir.path()).unwrap();
        let memory = available(&fs::read_to_string(MEMORY).unwrap()).unwrap();
        assert!(room > 0 && room <= memory * 2, "{room} of {memory}");
    }
}
