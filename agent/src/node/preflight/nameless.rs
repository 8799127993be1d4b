//! Kernel objects that have no name in a file system: CRIU dumps a few kinds of them.

use super::descriptors::Opened;

/// Kinds of nameless files that CRIU dumps. Maps of eBPF are none of them: CRIU dumps those where it was compiled with libbpf, and
/// Debian's is not.
const KNOWN: [&str; 7] = [
    "[eventfd]",
    "[eventpoll]",
    "inotify",
    "[fanotify]",
    "[signalfd]",
    "[timerfd]",
    "[pidfd]",
];

pub(super) fn obstacle(opened: &Opened) -> Option<String> {
    of_kind(opened.link.strip_prefix("anon_inode:")?)
}

/// The same of one that was closed and is still mapped.
pub(super) fn of_kind(kind: &str) -> Option<String> {
    if KNOWN.contains(&kind) {
        return None;
    }
    let name = kind.trim_matches(['[', ']']);
    let way_out = match name {
        "io_uring" => "let the application use epoll (for instance UV_USE_IO_URING=0)",
        "userfaultfd" => "turn off what handles page faults in the application",
        "perf_event" => "end the profiler",
        _ => "CRIU cannot dump that",
    };
    Some(format!("an open {name}; {way_out}"))
}

#[cfg(test)]
mod tests {
    use super::super::descriptors::tests::linked;
    use super::*;

    #[test]
    fn kinds_are_judged_as_criu_does() {
        for kind in KNOWN {
            assert_eq!(linked(&format!("anon_inode:{kind}")).obstacle(), None);
        }
        for kind in [
            "[userfaultfd]",
            "[perf_event]",
            "bpf-prog",
            "bpf-map",
            "kvm-vm",
            "[whatever]",
        ] {
            assert!(
                linked(&format!("anon_inode:{kind}")).obstacle().is_some(),
                "{kind}"
            );
        }
    }
}
