//! A descriptor may be closed while what it gave is still mapped.

use std::fs;
use std::path::Path;

use super::{nameless, pod_volumes, shared_memory};

/// The first obstacle in the memory of a process, by its folder in `/proc`.
pub(super) fn obstacle(process: &Path) -> Option<String> {
    let maps = fs::read_to_string(process.join("maps")).unwrap_or_default();
    let mut kinds = maps.lines().filter_map(|line| {
        if let Some((_, kind)) = line.split_once("anon_inode:") {
            return nameless::of_kind(kind.trim());
        }
        let path = line.find('/').and_then(|at| line.get(at..))?;
        shared_memory::of_path(path).or_else(|| pod_volumes::of_path(path))
    });
    kinds.next()
}
