//! What CRIU cannot dump, found in `/proc` before anything is frozen.
//!
//! CRIU's own rule is followed: of what has no name in a file system it knows a few kinds, and refuses all others. What
//! cannot be read (a process that ends, a descriptor that is closed meanwhile) is no obstacle: the dump decides.

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use nix::sys::stat::{major, minor};
use shadow_core::wire::Preflight;

use super::freezer::Freezer;
use super::{ContainerId, NodeError, connections};

/// Named in one message; who has more has the same kind of trouble again.
const AT_MOST: usize = 5;
/// CRIU's limit for files that are open and deleted, bytes.
const GHOST: u64 = 1024 * 1024;
/// Kinds of nameless files that CRIU dumps.
const KNOWN: [&str; 8] = [
    "[eventfd]",
    "[eventpoll]",
    "inotify",
    "[fanotify]",
    "[signalfd]",
    "[timerfd]",
    "[pidfd]",
    "bpf-map",
];
/// Protocols of sockets that CRIU dumps, as the kernel calls them.
const SPOKEN: [&str; 14] = [
    "TCP",
    "TCPv6",
    "UDP",
    "UDPv6",
    "UDP-Lite",
    "UDPLITEv6",
    "RAW",
    "RAWv6",
    "UNIX",
    "UNIX-STREAM",
    "UNIX-DGRAM",
    "UNIX-SEQPACKET",
    "NETLINK",
    "PACKET",
];

/// Looks at all processes of a container. Runs in the node's namespaces.
pub fn look(id: &ContainerId) -> Result<Preflight, NodeError> {
    let folder = Freezer::of(id)?.processes();
    let mut found = Preflight::default();
    let pids = members(folder.parent().unwrap_or(&folder))?;
    for pid in &pids {
        look_at(&Path::new("/proc").join(pid), &mut found);
    }
    if let Some(first) = pids.first() {
        found.peers = connections::made(first)?;
        let bound = connections::bound(first)?;
        found.obstacles.extend(bound.iter().map(|address| {
            format!(
                "the pod listens on {address} only, an address that its copy does not have; let the application listen on \
                 0.0.0.0"
            )
        }));
    }
    found.obstacles.truncate(AT_MOST);
    Ok(found)
}

/// Ids of the processes in a cgroup and in those below it.
fn members(cgroup: &Path) -> Result<Vec<String>, NodeError> {
    let list = cgroup.join("cgroup.procs");
    let text = fs::read_to_string(&list).map_err(NodeError::at("read", &list))?;
    let mut pids: Vec<String> = text.lines().map(str::to_owned).collect();
    let listing = fs::read_dir(cgroup).map_err(NodeError::at("read folder", cgroup))?;
    for entry in listing.flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            pids.extend(members(&entry.path())?);
        }
    }
    Ok(pids)
}

/// Looks at one process, by its folder in `/proc`.
fn look_at(process: &Path, found: &mut Preflight) {
    let status = fs::read_to_string(process.join("status")).unwrap_or_default();
    let field = |name: &str| {
        status
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
            .map(str::trim)
    };
    let kilobytes = |name| {
        field(name)
            .and_then(|text| text.split(' ').next()?.parse::<u64>().ok())
            .unwrap_or(0)
    };
    found.memory_bytes += 1024 * (kilobytes("RssAnon") + kilobytes("RssShmem"));
    let pid = field("NSpid").and_then(|ids| ids.split_whitespace().last());
    let who = format!(
        "process {} ({})",
        pid.unwrap_or("?"),
        field("Name").unwrap_or("?")
    );
    if field("TracerPid").is_some_and(|tracer| tracer != "0") {
        found.obstacles.push(format!(
            "{who} is being debugged; detach the debugger (gdb, strace)"
        ));
    }
    for (number, opened) in descriptors(process) {
        if let Some(what) = opened.obstacle() {
            found.obstacles.push(format!("{who} has {what} (fd {number})"));
        }
    }
    if let Some(what) = mapped(process) {
        found.obstacles.push(format!("{who} has {what} in its memory"));
    }
}

/// An open file, as far as CRIU cares.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Opened {
    /// Where its link leads.
    link: String,
    /// Major and minor number of a character device.
    device: Option<(u64, u64)>,
    /// It is a block device.
    block: bool,
    /// Size of a file that has no name any more.
    nameless: Option<u64>,
    /// Protocol of a socket.
    protocol: Option<String>,
}

fn descriptors(process: &Path) -> Vec<(String, Opened)> {
    let Ok(listing) = fs::read_dir(process.join("fd")) else {
        return Vec::new();
    };
    let mut all: Vec<_> = listing
        .flatten()
        .filter_map(|entry| {
            Some((
                entry.file_name().into_string().ok()?,
                Opened::read(&entry.path())?,
            ))
        })
        .collect();
    all.sort_by_key(|(number, _)| number.parse::<u32>().unwrap_or(u32::MAX));
    all
}

impl Opened {
    fn read(path: &PathBuf) -> Option<Self> {
        let link = fs::read_link(path).ok()?.to_string_lossy().into_owned();
        let mut opened = Self {
            link,
            ..Self::default()
        };
        if let Ok(metadata) = fs::metadata(path) {
            let (kind, device) = (metadata.file_type(), metadata.rdev());
            opened.device = kind.is_char_device().then(|| (major(device), minor(device)));
            opened.block = kind.is_block_device();
            let ghost = kind.is_file() && metadata.nlink() == 0 && opened.link.ends_with(" (deleted)");
            opened.nameless = ghost.then(|| metadata.blocks() * 512);
            if kind.is_socket() {
                opened.protocol = xattr::get_deref(path, "system.sockprotoname")
                    .ok()
                    .flatten()
                    .map(|name| String::from_utf8_lossy(&name).trim_end_matches('\0').to_owned());
            }
        }
        Some(opened)
    }

    /// What is wrong with it and what to do, as a part of a sentence.
    fn obstacle(&self) -> Option<String> {
        if let Some(kind) = self.link.strip_prefix("anon_inode:") {
            return unknown_kind(kind);
        }
        if let Some(protocol) = self.protocol.as_deref() {
            return unknown_protocol(protocol);
        }
        if let Some(what) = of_this_pod(&self.link) {
            return Some(what);
        }
        if self.block {
            return Some(format!(
                "the disk {} open, which cannot be taken to another node",
                self.link
            ));
        }
        if let Some((major, minor)) = self.device {
            return unknown_device(major, minor, &self.link);
        }
        // What was made without a name, by memfd_create, is dumped whatever its size.
        let size = self.nameless.filter(|_| !self.link.starts_with("/memfd:"))?;
        (size > GHOST).then(|| {
            format!(
                "the deleted file {} of {} MB open, more than CRIU keeps (1 MB); let the application close it",
                self.link.trim_end_matches(" (deleted)"),
                size.div_ceil(1_000_000)
            )
        })
    }
}

fn unknown_kind(kind: &str) -> Option<String> {
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

fn unknown_protocol(protocol: &str) -> Option<String> {
    let way_out = match protocol {
        "MPTCP" | "MPTCPv6" => "a Go program listens so unless its environment has GODEBUG=multipathtcp=0",
        _ => "let the application close it",
    };
    (!SPOKEN.contains(&protocol))
        .then(|| format!("a socket of the protocol {protocol} open, which CRIU cannot dump; {way_out}"))
}

/// A file that the copy has not, or has under another name.
fn of_this_pod(path: &str) -> Option<String> {
    if path.ends_with(" (deleted)") {
        return None;
    }
    if path.starts_with("/dev/shm/") {
        return Some(format!(
            "the shared memory {path}, whose content does not travel; let the application remove its name (shm_unlink) as soon as \
             it has opened it"
        ));
    }
    // Kubelet keeps each version of such a volume in a folder named after its time, which no other pod has.
    let versioned = path
        .split('/')
        .any(|part| part.starts_with("..20") && part.contains('_'));
    versioned.then(|| {
        format!(
            "the file {path} of a ConfigMap, Secret, token or downward API volume open, which the new pod has under another name; \
             let the application close it when it has read it"
        )
    })
}

/// Memory devices (null, zero, random …), terminals and tun are dumped.
fn unknown_device(major: u64, minor: u64, link: &str) -> Option<String> {
    const MEMORY: u64 = 1;
    const TUN: (u64, u64) = (10, 200);
    let terminal = matches!(major, 4 | 5 | 128..=143);
    (major != MEMORY && !terminal && (major, minor) != TUN).then(|| {
        format!("the device {link} open, whose state is in this node's kernel or hardware; let the application close it")
    })
}

/// A descriptor may be closed while what it gave is still mapped.
fn mapped(process: &Path) -> Option<String> {
    let maps = fs::read_to_string(process.join("maps")).unwrap_or_default();
    let mut kinds = maps.lines().filter_map(|line| {
        if let Some((_, kind)) = line.split_once("anon_inode:") {
            return unknown_kind(kind.trim());
        }
        let path = line.find('/').and_then(|at| line.get(at..))?;
        of_this_pod(path)
    });
    kinds.next()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn linked(link: &str) -> Opened {
        Opened {
            link: link.into(),
            ..Opened::default()
        }
    }

    /// A folder of `/proc` as the kernel would show it.
    fn process(links: &[&str], status: &str, maps: &str) -> Preflight {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("fd")).unwrap();
        for (number, link) in links.iter().enumerate() {
            symlink(link, dir.path().join("fd").join(number.to_string())).unwrap();
        }
        fs::write(dir.path().join("status"), status).unwrap();
        fs::write(dir.path().join("maps"), maps).unwrap();
        let mut found = Preflight::default();
        look_at(dir.path(), &mut found);
        found
    }

    const STATUS: &str = "Name:\torders\nTracerPid:\t0\nNSpid:\t4711\t1\nRssAnon:\t    2048 kB\nRssFile:\t 512 kB\nRssShmem:\t 1024 kB\n";

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
                obstacles: Vec::new(),
                memory_bytes: 3 * 1024 * 1024,
                peers: None,
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
    fn files_that_the_copy_has_not_are_named_with_the_way_out() {
        let versioned = "/etc/shop/..2026_11_29_10_00_00.123456789/prices.json";
        for (link, word) in [
            ("/dev/shm/psm_1a2b", "shm_unlink"),
            (versioned, "ConfigMap, Secret"),
        ] {
            let said = linked(link).obstacle().unwrap();
            assert!(said.contains(link) && said.contains(word), "{said}");
            let maps = format!("7f00-7f01 rw-s 00000000 00:0e 1                          {link}\n");
            let found = process(&[], STATUS, &maps);
            assert!(found.obstacles[0].contains(link), "{found:?}");
        }
        for link in [
            "/dev/shm/sem.x (deleted)",
            "/srv/..data/a",
            "/usr/share/2026_11/x",
        ] {
            assert_eq!(linked(link).obstacle(), None, "{link}");
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

    #[test]
    fn every_kind_is_judged_as_criu_does() {
        for kind in KNOWN {
            assert_eq!(linked(&format!("anon_inode:{kind}")).obstacle(), None);
        }
        for kind in [
            "[userfaultfd]",
            "[perf_event]",
            "bpf-prog",
            "kvm-vm",
            "[whatever]",
        ] {
            assert!(
                linked(&format!("anon_inode:{kind}")).obstacle().is_some(),
                "{kind}"
            );
        }
        for (device, known) in [
            ((1, 3), true),
            ((1, 9), true),
            ((5, 2), true),
            ((136, 0), true),
            ((10, 200), true),
            ((10, 229), false),
            ((10, 232), false),
            ((226, 128), false),
        ] {
            let opened = Opened {
                device: Some(device),
                ..linked("/dev/x")
            };
            assert_eq!(opened.obstacle().is_none(), known, "{device:?}");
        }
        for (size, known) in [(0, true), (GHOST, true), (GHOST + 512, false)] {
            let opened = Opened {
                nameless: Some(size),
                ..linked("/tmp/x (deleted)")
            };
            assert_eq!(opened.obstacle().is_none(), known, "{size}");
        }
        for (protocol, known) in [("TCP", true), ("ALG", false), ("AF_VSOCK", false)] {
            let opened = Opened {
                protocol: Some(protocol.into()),
                ..linked("socket:[1]")
            };
            assert_eq!(opened.obstacle().is_none(), known, "{protocol}");
        }
    }

    #[test]
    fn this_kernel_tells_what_this_process_has_open() {
        use std::io::Write;
        use std::net::{TcpListener, UdpSocket};
        use std::os::unix::net::{UnixDatagram, UnixStream};
        let _open = (
            TcpListener::bind("127.0.0.1:0").unwrap(),
            TcpListener::bind("[::1]:0"),
            UdpSocket::bind("127.0.0.1:0").unwrap(),
            UnixStream::pair().unwrap(),
            UnixDatagram::pair().unwrap(),
        );
        let mut large = tempfile::tempfile_in("/tmp").unwrap();
        large.write_all(&vec![1; 2 << 20]).unwrap();
        let found = descriptors(Path::new("/proc/self"));
        let sockets: Vec<_> = found.iter().filter(|(_, o)| o.protocol.is_some()).collect();
        assert!(sockets.len() >= 6, "{found:?}");
        for (_, socket) in sockets {
            assert_eq!(socket.obstacle(), None, "{socket:?}");
        }
        let ghosts = found.iter().filter(|(_, o)| o.nameless.is_some());
        let said: Vec<_> = ghosts.filter_map(|(_, o)| o.obstacle()).collect();
        assert!(
            said.iter()
                .any(|what| what.contains("2 MB") || what.contains("3 MB")),
            "{said:?}"
        );
    }
}
