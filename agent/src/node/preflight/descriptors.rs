//! What a process has open, as far as CRIU cares.

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use nix::sys::stat::{major, minor};

use super::{deleted, devices, nameless, pod_volumes, shared_memory, sockets};

/// An open file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Opened {
    /// Where its link leads.
    pub(super) link: String,
    /// Major and minor number of a character device.
    pub(super) device: Option<(u64, u64)>,
    /// It is a block device.
    pub(super) block: bool,
    /// Size of a file that has no name any more.
    pub(super) nameless: Option<u64>,
    /// Protocol of a socket.
    pub(super) protocol: Option<String>,
}

/// A descriptor is of one kind at most.
const KINDS: [fn(&Opened) -> Option<String>; 6] = [
    nameless::obstacle,
    sockets::obstacle,
    shared_memory::obstacle,
    pod_volumes::obstacle,
    devices::obstacle,
    deleted::obstacle,
];

/// Descriptors of a process, in order.
pub(super) fn of(process: &Path) -> Vec<(String, Opened)> {
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
    pub(super) fn obstacle(&self) -> Option<String> {
        KINDS.iter().find_map(|kind| kind(self))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) fn linked(link: &str) -> Opened {
        Opened {
            link: link.into(),
            ..Opened::default()
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
        let found = of(Path::new("/proc/self"));
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
