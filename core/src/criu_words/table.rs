//! The table. The first row that fits an error of the log counts.

/// A message and what it means.
pub(super) struct Row {
    /// What CRIU prints, with `{}` for what differs.
    pub(super) says: &'static str,
    /// What it prints some lines before about the same thing; `{0}` is what the message itself says, in decimal.
    pub(super) beside: Option<&'static str>,
    /// What is in the way; `{0}` and so on are what differs, first in the message, then beside it.
    pub(super) means: &'static str,
    /// What to do.
    pub(super) way_out: &'static str,
    /// It lasts milliseconds.
    pub(super) passes: bool,
}

const LASTING: Row = Row {
    says: "",
    beside: None,
    means: "",
    way_out: "",
    passes: false,
};

/// Dumps first, then restores.
pub(super) const ROWS: &[Row] = &[
    Row {
        says: "External socket is used",
        beside: Some("Runaway socket: ino {} peer_ino {} family {} name {}"),
        means: "a unix socket is connected to {3} of a process outside the container",
        way_out: "let the application talk to it by TCP, or close the connection before the move",
        ..LASTING
    },
    Row {
        says: "Found a closed in-flight socket to {}",
        beside: Some("Collected: ino {0} peer_ino {} name {}"),
        means: "a connection to the unix socket {2} was closed before the application had accepted it",
        way_out: "this passes by itself: try again, at a time with fewer connections",
        passes: true,
    },
    Row {
        says: "Non-empty write queue on an in-flight socket {}",
        means: "a connection to a unix socket of the application carries data and is not accepted yet",
        way_out: "this passes by itself: try again, at a time with fewer connections",
        passes: true,
        ..LASTING
    },
    Row {
        says: "send_fds failed (-22)",
        means: "a process has a file open that cannot be handed to CRIU, as an io_uring",
        way_out: "let the application use epoll (for instance UV_USE_IO_URING=0)",
        ..LASTING
    },
    Row {
        says: "Unsupported proto 262 for socket",
        means: "a process has a socket of the protocol MPTCP open",
        way_out: "a Go program listens so unless its environment has GODEBUG=multipathtcp=0",
        ..LASTING
    },
    Row {
        says: "Unknown socket collected (family {})",
        means: "a process has a socket of the address family {0} open, which CRIU does not know",
        way_out: "let the application close it",
        ..LASTING
    },
    Row {
        says: "Can't dump corked dgram socket",
        means: "a UDP socket holds a datagram that is put together piece by piece (UDP_CORK)",
        way_out: "this passes by itself: try again",
        passes: true,
        ..LASTING
    },
    Row {
        says: "Can't dump ghost file {} of {} size",
        means: "the deleted file {0} of {1} bytes is open, more than CRIU keeps (1 MB)",
        way_out: "let the application close it, or use memory without a name (memfd_create) for it",
        ..LASTING
    },
    Row {
        says: "Can't dump file {} of that type [{}] ({})",
        means: "a process has something open that CRIU cannot dump (fd {0}: {2})",
        way_out: "let the application close it",
        ..LASTING
    },
    Row {
        says: "Can't lookup mount={} for fd={} path={}",
        means: "the file {2} is open on a mount that the container does not have any more",
        way_out: "let the application close it",
        ..LASTING
    },
    Row {
        says: "Can't get rlimit {}: Operation not permitted",
        means: "the container runs as another user or group than root, and CRIU lacks CAP_SYS_RESOURCE on this node",
        way_out: "let it run as root (securityContext: runAsUser: 0, runAsGroup: 0), or use nodes that have the capability",
        ..LASTING
    },
    Row {
        says: "Can't dump nested {} namespace for {}",
        means: "a process has a {0} namespace of its own inside the container",
        way_out: "turn off the sandbox that made it",
        ..LASTING
    },
    Row {
        says: "Unseizable non-zombie {} found",
        means: "a process is being debugged",
        way_out: "detach the debugger (gdb, strace)",
        ..LASTING
    },
    Row {
        says: "pidfd pid {} is not a part of process tree",
        means: "a process holds a pidfd of a process outside the container",
        way_out: "let the application close it",
        ..LASTING
    },
    Row {
        says: "fsnotify: \tCan't dump that handle",
        means: "a process watches a file by inotify that CRIU cannot find again, as one of /sys or /proc",
        way_out: "let the application end the watch",
        ..LASTING
    },
    Row {
        says: "Unknown shit {} (/secretmem",
        means: "a process has secret memory (memfd_secret)",
        way_out: "let the application do without",
        ..LASTING
    },
    Row {
        says: "with SysVIPC shmem map @{} doesn't live in IPC ns",
        means: "a process has System V shared memory that is not of its own container",
        way_out: "let the application use memory without a name (memfd_create, an anonymous mapping)",
        ..LASTING
    },
    Row {
        says: "Connected TCP socket, consider using --tcp-established option",
        means: "CRIU's settings on this node do not let it close TCP connections",
        way_out: "delete this node's shadow-agent pod, whose successor writes /etc/criu/runc.conf again (tcp-close)",
        ..LASTING
    },
    Row {
        says: "Can't fork for {}: File exists",
        means: "the process number {0} is taken where the copy is restored",
        way_out: "try again; if it comes again, another process runs in the copy's container",
        passes: true,
        ..LASTING
    },
    Row {
        says: "File {} has bad size {} (expect {})",
        means: "the file /{0}, which a process has open, has {1} bytes in the new pod and had {2} in the old one",
        way_out: "keep it on a volume that moves along, let nothing else write it, or let the application close it",
        ..LASTING
    },
    Row {
        says: "File {} has bad mode {} (expect {})",
        means: "the file /{0}, which a process has open, has the mode {1} in the new pod and had {2} in the old one",
        way_out: "let nothing change its mode, or let the application close it",
        ..LASTING
    },
    Row {
        says: "Can't open fake fifo {} [{}]: {}",
        means: "the pipe /{1}, which a process has open, is not in the new pod ({2})",
        way_out: "make it in the container's own files, or let the application close it",
        ..LASTING
    },
    Row {
        says: "Can't open file {} on restore: {}",
        means: "the file or folder /{0}, which a process uses, cannot be opened in the new pod ({1})",
        way_out: "keep it on a volume that moves along or in the container's own files, or let the application close it",
        ..LASTING
    },
    Row {
        says: "Can't bind inet socket (id {}): Cannot assign requested address",
        beside: Some("inet: \tRestore: family {} type {} proto {} port {} state {} src_addr {}"),
        means: "the application listens on {6}, port {4}, an address that the new pod does not have",
        way_out: "let the application listen on 0.0.0.0",
        ..LASTING
    },
    Row {
        says: "Can't bind inet socket (id {}): Address already in use",
        beside: Some("inet: \tRestore: family {} type {} proto {} port {} state {} src_addr {}"),
        means: "the application listens on {6}, port {4}, which another container of the new pod has taken",
        way_out: "give that container another port",
        ..LASTING
    },
    Row {
        says: "Can't bind id {} ino {} addr {}: {}",
        means: "the application listens on the unix socket {2}, which cannot be made in the new pod ({3})",
        way_out: "make it in a folder that the image or a volume of its own has",
        ..LASTING
    },
    Row {
        says: "Can't restore sub-task in NS (cflags {})",
        means: "a process has a network or mounts of its own inside the container",
        way_out: "turn off the sandbox that made them",
        ..LASTING
    },
    Row {
        says: "fsnotify: Unable to open {}: {}",
        means: "a process watches {0}, which is not in the new pod ({1})",
        way_out: "keep it on a volume that moves along, or let the application end the watch",
        ..LASTING
    },
    Row {
        says: "Head magic doesn't match for {}",
        means: "the file {0} of the archive is damaged",
        way_out: "try again; if it comes again, look at the target node's memory",
        ..LASTING
    },
    Row {
        says: "Can't read pages data ({})",
        means: "the memory in the archive is damaged or cut short",
        way_out: "try again; if it comes again, look at the target node's memory",
        ..LASTING
    },
];
