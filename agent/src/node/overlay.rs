//! Finds a container's rw layer: the upper directory of the overlay that is its root file system.

use std::fs;
use std::path::{Path, PathBuf};

use super::{ContainerId, NodeError};
use crate::layout;

/// Upper directory of a running container.
pub fn upper_of(id: &ContainerId) -> Result<PathBuf, NodeError> {
    let path = Path::new("/proc/self/mountinfo");
    let table = fs::read_to_string(path).map_err(NodeError::at("read", path))?;
    let root = layout::bundle(id).join("rootfs");
    find_upper(&table, &root).ok_or_else(|| {
        NodeError::Unfit(format!(
            "{} is not an overlay mount; only containerd's snapshotter overlayfs is supported",
            root.display()
        ))
    })
}

fn find_upper(table: &str, mount_point: &Path) -> Option<PathBuf> {
    let mut found = None;
    for line in table.lines() {
        let (left, right) = line.split_once(" - ")?;
        let point = left.split(' ').nth(4).map(unescape);
        let mut right = right.split(' ');
        if point.as_deref() != mount_point.to_str() || right.next() != Some("overlay") {
            continue;
        }
        let options = right.nth(1).unwrap_or_default();
        let upper = options
            .split(',')
            .find_map(|option| option.strip_prefix("upperdir="));
        // The last line wins: it is the mount on top.
        found = upper.map(|upper| PathBuf::from(unescape(upper)));
    }
    found
}

/// The kernel writes space, tab, newline and backslash as octal.
fn unescape(field: &str) -> String {
    let mut text = field.to_owned();
    for (octal, plain) in [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")] {
        text = text.replace(octal, plain);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "\
22 1 0:20 / / rw - ext4 /dev/vda rw
30 22 0:50 / /run/x/rootfs rw,relatime shared:9 - overlay overlay rw,lowerdir=/l1:/l2,upperdir=/var/a\\040b/fs,workdir=/w
31 22 0:51 / /run/y/rootfs rw - tmpfs tmpfs rw
";

    #[test]
    fn upper_directory_is_found_and_unescaped() {
        assert_eq!(
            find_upper(TABLE, Path::new("/run/x/rootfs")),
            Some(PathBuf::from("/var/a b/fs"))
        );
    }

    #[test]
    fn other_file_systems_have_none() {
        assert_eq!(find_upper(TABLE, Path::new("/run/y/rootfs")), None);
        assert_eq!(find_upper(TABLE, Path::new("/nowhere")), None);
    }
}
