//! Files that are open or mapped and have no name any more.

use super::descriptors::Opened;

/// CRIU's limit for such files, bytes.
const GHOST: u64 = 1024 * 1024;
const MARK: &str = " (deleted)";
/// What never had a name: CRIU dumps it whatever its size.
const NEVER_NAMED: [&str; 3] = ["/memfd:", "/dev/zero", "/SYSV"];

/// Whether the kernel says so of a path.
pub(super) fn is_deleted(path: &str) -> bool {
    path.ends_with(MARK)
}

pub(super) fn obstacle(opened: &Opened) -> Option<String> {
    of_mapped(&opened.link, || opened.nameless)
}

/// The same of one that was closed and is still mapped; its size is asked for if it matters.
pub(super) fn of_mapped(path: &str, size: impl FnOnce() -> Option<u64>) -> Option<String> {
    if !is_deleted(path) || NEVER_NAMED.iter().any(|kind| path.starts_with(kind)) {
        return None;
    }
    let size = size().filter(|size| *size > GHOST)?;
    Some(format!(
        "the deleted file {} of {} MB open, more than CRIU keeps (1 MB); let the application close it, or use memory without a \
         name (memfd_create) for it",
        path.trim_end_matches(MARK),
        size.div_ceil(1_000_000)
    ))
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
