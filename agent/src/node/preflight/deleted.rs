//! Files that are open and have no name any more.

use super::descriptors::Opened;

/// CRIU's limit for files that are open and deleted, bytes.
const GHOST: u64 = 1024 * 1024;
const MARK: &str = " (deleted)";

/// Whether the kernel says so of a path.
pub(super) fn is_deleted(path: &str) -> bool {
    path.ends_with(MARK)
}

pub(super) fn obstacle(opened: &Opened) -> Option<String> {
    // What was made without a name, by memfd_create, is dumped whatever its size.
    let size = opened.nameless.filter(|_| !opened.link.starts_with("/memfd:"))?;
    (size > GHOST).then(|| {
        format!(
            "the deleted file {} of {} MB open, more than CRIU keeps (1 MB); let the application close it",
            opened.link.trim_end_matches(MARK),
            size.div_ceil(1_000_000)
        )
    })
}

#[cfg(test)]
mod tests {
    use super::super::descriptors::tests::linked;
    use super::*;

    #[test]
    fn sizes_are_judged_as_criu_does() {
        for (size, known) in [(0, true), (GHOST, true), (GHOST + 512, false)] {
            let opened = Opened {
                nameless: Some(size),
                ..linked("/tmp/x (deleted)")
            };
            assert_eq!(opened.obstacle().is_none(), known, "{size}");
        }
    }
}
