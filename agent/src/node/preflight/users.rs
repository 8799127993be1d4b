//! Users of processes: where CRIU may not read the limits of other users' processes, these cannot be dumped.

use shadow_core::wire::NotRoot;

use super::process::field;

/// The kernel compares real, effective and saved user and group, all of them; `None` when all are CRIU's own.
pub(super) fn other_than_root(status: &str, process: &str) -> Option<NotRoot> {
    let first = |name| {
        let all = field(status, name)?.split_whitespace().take(3);
        all.filter_map(|id| id.parse::<u32>().ok()).find(|id| *id != 0)
    };
    let (user, group) = (first("Uid"), first("Gid"));
    (user.is_some() || group.is_some()).then(|| NotRoot {
        process: process.to_owned(),
        user: user.unwrap_or(0),
        group: group.unwrap_or(0),
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::CommandExt;
    use std::path::Path;
    use std::process::{Command, Stdio};

    use shadow_core::wire::Preflight;

    use super::super::process;
    use super::*;

    /// User and group that the preflight sees of a process which runs as these.
    fn seen(user: u32, group: u32) -> Option<(u32, u32)> {
        let mut child = Command::new("cat")
            .uid(user)
            .gid(group)
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let mut found = Preflight::default();
        process::look(&Path::new("/proc").join(child.id().to_string()), &mut found);
        drop(child.stdin.take());
        assert!(child.wait().unwrap().success());
        found
            .not_root
            .first()
            .map(|process| (process.user, process.group))
    }

    #[test]
    fn a_process_of_another_user_or_group_is_told_from_one_of_root() {
        assert_eq!(seen(0, 0), None);
        assert_eq!(seen(1000, 0), Some((1000, 0)));
        assert_eq!(seen(0, 1000), Some((0, 1000)));
        let saved = "Uid:\t0\t0\t7\t0\nGid:\t0\t0\t0\t5\n";
        assert_eq!(other_than_root(saved, "x").map(|process| process.user), Some(7));
    }
}
