//! Against what CRIU really printed.

use std::collections::BTreeSet;

use super::*;

const PRINTED: &str = include_str!("printed.txt");

/// Log of each failure by its name.
fn printed() -> Vec<(&'static str, &'static str)> {
    let sections = PRINTED.split("\n## ").skip(1);
    sections
        .map(|section| section.split_once('\n').unwrap())
        .collect()
}

/// What the sentence has to name: object, path or address, way out.
const NAMED: &[(&str, &[&str])] = &[
    (
        "unix_to_outside.dump",
        &["/tmp/criu-words/app.sock", "outside the container", "by TCP"],
    ),
    (
        "unix_from_outside.dump",
        &["unix socket", "(without a name)", "by TCP"],
    ),
    (
        "unix_closed_unaccepted.dump",
        &["/tmp/criu-words/own.sock", "closed before", "try again"],
    ),
    (
        "unix_unaccepted_with_data.dump",
        &["not accepted yet", "try again"],
    ),
    ("io_uring.dump", &["io_uring", "UV_USE_IO_URING=0"]),
    ("mptcp.dump", &["MPTCP", "GODEBUG=multipathtcp=0"]),
    ("vsock.dump", &["address family 40", "close it"]),
    ("udp_corked.dump", &["UDP", "try again"]),
    (
        "deleted_and_open.dump",
        &["/tmp/criu-words/journal of 2097152 bytes", "1 MB", "memfd_create"],
    ),
    (
        "deleted_and_mapped.dump",
        &["/dev/shm/criu-words", "memfd_create"],
    ),
    ("userfaultfd.dump", &["fd 3", "userfaultfd", "close it"]),
    ("ebpf_map.dump", &["fd 3", "bpf-map", "close it"]),
    ("huge_memfd.dump", &["/memfd:huge", "close it"]),
    ("secret_memory.dump", &["memfd_secret", "do without"]),
    (
        "system_v_memory.dump",
        &["System V shared memory", "memfd_create"],
    ),
    ("other_user.dump", &["CAP_SYS_RESOURCE", "runAsUser: 0"]),
    ("other_group.dump", &["CAP_SYS_RESOURCE", "runAsGroup: 0"]),
    ("own_pid_namespace.dump", &["pid namespace", "sandbox"]),
    ("own_user_namespace.dump", &["user namespace", "sandbox"]),
    ("debugged.dump", &["debugged", "gdb"]),
    ("pidfd_of_another.dump", &["pidfd", "close it"]),
    ("watch_of_sys.dump", &["inotify", "end the watch"]),
    (
        "tcp_connection.dump",
        &["TCP connections", "/etc/criu/runc.conf", "shadow-agent"],
    ),
    ("own_network.restore", &["network", "sandbox"]),
    ("number_taken.restore", &["process number", "try again"]),
    (
        "file_longer.restore",
        &["/tmp/criu-words/state.db", "14 bytes", "had 5", "volume"],
    ),
    (
        "file_gone.restore",
        &["/tmp/criu-words/state.db", "No such file or directory", "volume"],
    ),
    (
        "file_of_other_mode.restore",
        &["/tmp/criu-words/state.db", "0100600", "0100644"],
    ),
    (
        "pipe_gone.restore",
        &["/tmp/criu-words/pipe", "No such file or directory"],
    ),
    (
        "folder_gone.restore",
        &["/tmp/criu-words/folder", "No such file or directory"],
    ),
    ("address_gone.restore", &["10.99.0.1", "port 18081", "0.0.0.0"]),
    ("port_taken.restore", &["127.0.0.1", "port 18081", "another port"]),
    (
        "folder_of_socket_gone.restore",
        &["/tmp/criu-words/folder/own.sock", "No such file or directory"],
    ),
    (
        "watched_gone.restore",
        &["/tmp/criu-words/watched", "end the watch"],
    ),
    ("image_damaged.restore", &["core-", "damaged", "try again"]),
    ("memory_gone.restore", &["memory in the archive", "try again"]),
];

#[test]
fn each_failure_that_criu_printed_is_told_with_object_place_and_way_out() {
    let (printed, named) = (printed(), NAMED.iter().map(|(name, _)| *name));
    let all: BTreeSet<&str> = printed.iter().map(|(name, _)| *name).collect();
    assert_eq!(all, named.collect());
    for (name, log) in printed {
        let found = explain(log).unwrap_or_else(|| panic!("{name} is not translated"));
        let (_, words) = NAMED.iter().find(|(one, _)| *one == name).unwrap();
        for word in *words {
            assert!(
                found.sentence.contains(word),
                "{name} does not say {word:?}: {}",
                found.sentence
            );
        }
        assert!(
            !found.sentence.contains("(unknown)"),
            "{name}: {}",
            found.sentence
        );
        assert!(!found.line.contains("Error"), "{name}: {}", found.line);
    }
}

#[test]
fn no_row_of_the_table_is_without_a_message() {
    let met: BTreeSet<&str> = printed()
        .iter()
        .filter_map(|(_, log)| Some(explain(log)?.cause))
        .collect();
    let rows: BTreeSet<&str> = ROWS.iter().map(|row| row.says).collect();
    assert_eq!(met, rows);
}

#[test]
fn only_states_that_last_milliseconds_pass() {
    let passing: Vec<&str> = printed()
        .iter()
        .filter(|(_, log)| explain(log).unwrap().passes)
        .map(|(name, _)| *name)
        .collect();
    let wanted = [
        "number_taken.restore",
        "udp_corked.dump",
        "unix_closed_unaccepted.dump",
        "unix_unaccepted_with_data.dump",
    ];
    assert_eq!(passing, wanted);
}

#[test]
fn a_failure_without_what_stands_beside_it_is_told_all_the_same() {
    let line = "(00.05) Error (criu/sk-unix.c:525): unix: Found a closed in-flight socket to 0x24e466\n";
    let found = explain(line).unwrap();
    assert!(found.sentence.contains("unix socket (unknown)"), "{found:?}");
    assert_eq!(found.line, "unix: Found a closed in-flight socket to 0x24e466");
    assert_eq!(found.process, None);
}

#[test]
fn what_is_not_known_keeps_criu_s_words() {
    let log = "(00.01) Warn  (criu/a.c:1): x\n(00.02) Error (criu/b.c:2): Can't setup RLIMIT_NOFILE for self\n\
        (00.03) Error (criu/c.c:3): something new\n(00.04) Error (criu/cr-dump.c:1975): Dumping FAILED.\n";
    assert_eq!(explain(log), None);
    assert_eq!(
        last_errors(log),
        "(00.03) Error (criu/c.c:3): something new | (00.04) Error (criu/cr-dump.c:1975): Dumping FAILED."
    );
    assert_eq!(
        last_errors("(00.01) begun\n(00.02) ended\n"),
        "(00.01) begun | (00.02) ended"
    );
}

#[test]
fn the_process_is_known_where_criu_says_it() {
    let (_, log) = printed()
        .into_iter()
        .find(|(name, _)| *name == "other_user.dump")
        .unwrap();
    assert!(explain(log).unwrap().process.is_some());
}
