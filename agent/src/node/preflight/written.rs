//! How much a container has written to its own file system: what its dump saves beside the memory.

use std::collections::HashSet;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::super::NodeError;
use crate::archive::layer;

/// Bytes of all files in the upper directory of an overlay, as the layer of a dump holds them: without holes, and once however many
/// names a file has. What is deleted meanwhile holds nothing.
pub(super) fn bytes(upper: &Path) -> Result<u64, NodeError> {
    let mut seen = HashSet::new();
    below(upper, &mut seen)
}

fn below(folder: &Path, seen: &mut HashSet<(u64, u64)>) -> Result<u64, NodeError> {
    let listing = match fs::read_dir(folder) {
        Ok(listing) => listing,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(NodeError::at("read folder", folder)(error)),
    };
    let mut sum = 0_u64;
    for entry in listing {
        let path = entry.map_err(NodeError::at("read folder", folder))?.path();
        let facts = match fs::symlink_metadata(&path) {
            Ok(facts) => facts,
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Err(NodeError::at("look at", &path)(error)),
        };
        let more = if facts.is_dir() {
            below(&path, seen)?
        } else if facts.is_file() && (facts.nlink() == 1 || seen.insert((facts.dev(), facts.ino()))) {
            layer::held(&facts)
        } else {
            0
        };
        sum = sum.saturating_add(more);
    }
    Ok(sum)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn files_count_once_without_their_holes_and_links_do_not_count() {
        let upper = tempfile::tempdir().unwrap();
        let dir = upper.path().join("var/log");
        fs::create_dir_all(&dir).unwrap();
        fs::write(dir.join("one"), [1; 100]).unwrap();
        fs::hard_link(dir.join("one"), upper.path().join("again")).unwrap();
        symlink(dir.join("one"), upper.path().join("link")).unwrap();
        fs::File::create(upper.path().join("sparse"))
            .unwrap()
            .set_len(1 << 40)
            .unwrap();
        assert_eq!(bytes(upper.path()).unwrap(), 100);
    }

    #[test]
    fn what_has_gone_meanwhile_holds_nothing() {
        assert_eq!(bytes(Path::new("/not/there")).unwrap(), 0);
    }
}
