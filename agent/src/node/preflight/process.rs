//! One process: its memory, who debugs it, and what it has open and mapped.

use std::fs;
use std::path::Path;

use shadow_core::wire::Preflight;

use super::{descriptors, maps, users};

/// Looks at one process, by its folder in `/proc`.
pub(super) fn look(process: &Path, found: &mut Preflight) {
    let status = fs::read_to_string(process.join("status")).unwrap_or_default();
    let kilobytes = |name| {
        field(&status, name)
            .and_then(|text| text.split(' ').next()?.parse::<u64>().ok())
            .unwrap_or(0)
    };
    found.memory_bytes += 1024 * (kilobytes("RssAnon") + kilobytes("RssShmem"));
    let who = who(&status);
    found.not_root.extend(users::other_than_root(&status, &who));
    if field(&status, "TracerPid").is_some_and(|tracer| tracer != "0") {
        found.obstacles.push(format!(
            "{who} is being debugged; detach the debugger (gdb, strace)"
        ));
    }
    for (number, opened) in descriptors::of(process) {
        if let Some(what) = opened.obstacle() {
            found.obstacles.push(format!("{who} has {what} (fd {number})"));
        }
    }
    if let Some(what) = maps::obstacle(process) {
        found.obstacles.push(format!("{who} has {what} in its memory"));
    }
}

/// Number and name of a process, by its folder in `/proc`.
pub(super) fn name(process: &Path) -> String {
    who(&fs::read_to_string(process.join("status")).unwrap_or_default())
}

/// The same, as the container knows them.
fn who(status: &str) -> String {
    let pid = field(status, "NSpid").and_then(|ids| ids.split_whitespace().last());
    format!(
        "process {} ({})",
        pid.unwrap_or("?"),
        field(status, "Name").unwrap_or("?")
    )
}

pub(super) fn field<'a>(status: &'a str, name: &str) -> Option<&'a str> {
    status
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
        .map(str::trim)
}

#[cfg(test)]
pub(super) mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// A folder of `/proc` as the kernel would show it.
    pub(in super::super) fn process(links: &[&str], status: &str, maps: &str) -> Preflight {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("fd")).unwrap();
        for (number, link) in links.iter().enumerate() {
            symlink(link, dir.path().join("fd").join(number.to_string())).unwrap();
        }
        fs::write(dir.path().join("status"), status).unwrap();
        fs::write(dir.path().join("maps"), maps).unwrap();
        let mut found = Preflight::default();
        look(dir.path(), &mut found);
        found
    }

    pub(in super::super) const STATUS: &str = "Name:\torders\nTracerPid:\t0\nNSpid:\t4711\t1\nRssAnon:\t    2048 kB\nRssFile:\t 512 kB\nRssShmem:\t 1024 kB\n";

    #[test]
    fn an_ordinary_process_has_no_obstacle_and_its_memory_is_counted() {
        let links = [
            "/dev/null",
            "pipe:[4711]",
            "anon_inode:[eventpoll]",
            "anon_inode:[eventfd]",
            "anon_inode:inotify",
            "anon_inode:[timerfd]",
            "/memfd:buffer (deleted)",
            "/etc/hosts",
        ];
        let found = process(&links, STATUS, "7f00-7f01 r--p 0 00:00 0 [vdso]\n");
        assert_eq!(
            found,
            Preflight {
                memory_bytes: 3 * 1024 * 1024,
                ..Preflight::default()
            }
        );
    }

    #[test]
    fn process_descriptor_and_way_out_are_named() {
        let found = process(&["/dev/null", "anon_inode:[io_uring]"], STATUS, "");
        let [said] = found.obstacles.as_slice() else {
            panic!("{found:?}");
        };
        for word in ["process 1 (orders)", "io_uring", "fd 1", "epoll"] {
            assert!(said.contains(word), "{said}");
        }
    }

    #[test]
    fn what_is_mapped_and_closed_and_who_is_debugged_are_found() {
        let traced = STATUS.replace("TracerPid:\t0", "TracerPid:\t99");
        let maps = "7f00-7f01 rw-s 0 00:0e 1 anon_inode:[io_uring]\n";
        let found = process(&[], &traced, maps);
        assert_eq!(found.obstacles.len(), 2, "{found:?}");
        assert!(found.obstacles[0].contains("debugged"), "{found:?}");
        assert!(found.obstacles[1].contains("in its memory"), "{found:?}");
    }
}
