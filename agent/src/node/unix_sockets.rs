//! The kernel's table of unix sockets, with the one thing that `/proc/net/unix` leaves out: which socket each is connected to.
//!
//! Asked by netlink, as `ss` and CRIU do (`man 7 sock_diag`). The answer is of the network namespace of the thread that asks.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::thread;

use nix::sched::{CloneFlags, setns};
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, recv, sendto, socket,
};

use super::NodeError;

/// A socket that something may be connected to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct UnixSocket {
    /// Inode of the socket at the other end; none for one that is not connected, or whose other end is closed.
    pub(super) peer: Option<u32>,
    /// Path that it is bound to; begins with `@` for a name outside the file system.
    pub(super) name: Option<String>,
}

/// Sockets by inode.
pub(super) type Table = BTreeMap<u32, UnixSocket>;

const SOCK_DIAG_BY_FAMILY: u16 = 20;
const REQUEST_AND_DUMP: u16 = 0x301;
const ERROR: u16 = 2;
const DONE: u16 = 3;
const UNIX: u8 = 1;
/// `UDIAG_SHOW_NAME` and `UDIAG_SHOW_PEER`.
const NAME_AND_PEER: u32 = 0b101;
const NAME: u16 = 0;
const PEER: u16 = 2;
/// Lengths of the fixed parts: of a netlink message, of an answer about one socket, of an attribute.
const HEADER: usize = 16;
const SOCKET: usize = 16;
const ATTRIBUTE: usize = 4;
/// The kernel answers in pieces of half this size at most.
const PIECE: usize = 64 * 1024;

/// The table of a process' network namespace.
pub(super) fn of(process: &str) -> Result<Table, NodeError> {
    let namespace = Path::new("/proc").join(process).join("ns/net");
    let namespace = File::open(&namespace).map_err(NodeError::at("open", &namespace))?;
    // Only this thread joins it.
    thread::scope(|scope| {
        let asked = scope.spawn(|| {
            setns(&namespace, CloneFlags::CLONE_NEWNET)
                .map_err(NodeError::call("join the pod's network namespace"))?;
            ask()
        });
        asked
            .join()
            .map_err(|_| NodeError::Unfit("asking for unix sockets crashed".to_owned()))?
    })
}

fn ask() -> Result<Table, NodeError> {
    let failed = || NodeError::call("ask the kernel for its unix sockets");
    let kernel = socket(
        AddressFamily::Netlink,
        SockType::Raw,
        SockFlag::SOCK_CLOEXEC,
        SockProtocol::NetlinkSockDiag,
    )
    .map_err(failed())?;
    let to = NetlinkAddr::new(0, 0);
    sendto(kernel.as_raw_fd(), &request(), &to, MsgFlags::empty()).map_err(failed())?;
    let (mut table, mut piece) = (Table::new(), vec![0; PIECE]);
    loop {
        let length = recv(kernel.as_raw_fd(), &mut piece, MsgFlags::empty()).map_err(failed())?;
        if read(piece.get(..length).unwrap_or_default(), &mut table)? {
            return Ok(table);
        }
    }
}

/// All unix sockets, whatever their state, with name and peer.
fn request() -> Vec<u8> {
    let length: u32 = 40;
    let mut bytes = Vec::new();
    bytes.extend(length.to_ne_bytes());
    bytes.extend(SOCK_DIAG_BY_FAMILY.to_ne_bytes());
    bytes.extend(REQUEST_AND_DUMP.to_ne_bytes());
    // Number of the request and port: there is one of each.
    bytes.extend([0; 8]);
    bytes.extend([UNIX, 0, 0, 0]);
    bytes.extend(u32::MAX.to_ne_bytes());
    // No certain inode.
    bytes.extend(0_u32.to_ne_bytes());
    bytes.extend(NAME_AND_PEER.to_ne_bytes());
    bytes.extend([0; 8]);
    bytes
}

/// Takes up what a piece of the answer says; true when it was the last one.
fn read(mut piece: &[u8], table: &mut Table) -> Result<bool, NodeError> {
    while let (Some(length), Some(kind)) = (u32_at(piece, 0), u16_at(piece, 4)) {
        let length = length as usize;
        let Some(body) = piece.get(HEADER..length) else {
            break;
        };
        match kind {
            DONE => return Ok(true),
            ERROR => {
                let errno = u32_at(body, 0).unwrap_or_default().wrapping_neg();
                let errno = i32::try_from(errno).unwrap_or_default();
                return Err(NodeError::call("ask the kernel for its unix sockets")(
                    nix::Error::from_raw(errno),
                ));
            }
            _ => table.extend(one(body)),
        }
        piece = piece.get(aligned(length)..).unwrap_or_default();
    }
    Ok(false)
}

fn one(body: &[u8]) -> Option<(u32, UnixSocket)> {
    let inode = u32_at(body, 4)?;
    let mut socket = UnixSocket::default();
    let mut attributes = body.get(SOCKET..)?;
    while let (Some(length), Some(kind)) = (u16_at(attributes, 0), u16_at(attributes, 2)) {
        let length = usize::from(length);
        let Some(value) = attributes.get(ATTRIBUTE..length) else {
            break;
        };
        match kind {
            PEER => socket.peer = u32_at(value, 0).filter(|inode| *inode != 0),
            NAME => socket.name = name(value),
            _ => {}
        }
        attributes = attributes.get(aligned(length)..).unwrap_or_default();
    }
    Some((inode, socket))
}

/// A name outside the file system begins with a zero.
fn name(value: &[u8]) -> Option<String> {
    let (mark, value) = match value.split_first()? {
        (0, rest) => ("@", rest),
        _ => ("", value),
    };
    let text = String::from_utf8_lossy(value);
    Some(format!("{mark}{}", text.trim_end_matches('\0')))
}

/// Everything begins at a multiple of four bytes.
fn aligned(length: usize) -> usize {
    length.next_multiple_of(4)
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    let bytes = bytes.get(at..at + 2)?.try_into().ok()?;
    Some(u16::from_ne_bytes(bytes))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at + 4)?.try_into().ok()?;
    Some(u32::from_ne_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};

    use super::*;

    fn inode(socket: &impl AsRawFd) -> u32 {
        let fd = socket.as_raw_fd();
        let link = std::fs::read_link(format!("/proc/self/fd/{fd}")).unwrap();
        let link = link.to_string_lossy().into_owned();
        link.trim_start_matches("socket:[")
            .trim_end_matches(']')
            .parse()
            .unwrap()
    }

    #[test]
    fn this_kernel_tells_both_ends_of_a_connection_and_their_names() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("app.sock");
        let listener = UnixListener::bind(&path).unwrap();
        let client = UnixStream::connect(&path).unwrap();
        let (server, _) = listener.accept().unwrap();
        let (one, other) = UnixStream::pair().unwrap();
        let hidden = SocketAddr::from_abstract_name("shadow-test").unwrap();
        let hidden = UnixListener::bind_addr(&hidden);
        let (closed, gone) = UnixStream::pair().unwrap();
        drop(gone);

        let table = of("self").unwrap();
        let seen = |socket: &UnixStream| table.get(&inode(socket)).unwrap();
        assert_eq!(seen(&client).peer, Some(inode(&server)));
        assert_eq!(seen(&server).peer, Some(inode(&client)));
        assert_eq!(seen(&server).name.as_deref(), path.to_str());
        assert_eq!(seen(&client).name, None);
        assert_eq!(seen(&one).peer, Some(inode(&other)));
        assert_eq!(seen(&closed).peer, None);
        assert_eq!(table.get(&inode(&listener)).unwrap().peer, None);
        let hidden = table.get(&inode(&hidden.unwrap())).unwrap();
        assert_eq!(hidden.name.as_deref(), Some("@shadow-test"));
    }

    #[test]
    fn a_refusal_of_the_kernel_is_an_error_and_half_a_message_is_none() {
        let mut refusal = Vec::from(20_u32.to_ne_bytes());
        refusal.extend(ERROR.to_ne_bytes());
        refusal.extend([0; 10]);
        refusal.extend((-2_i32).to_ne_bytes());
        let mut table = Table::new();
        let error = read(&refusal, &mut table).unwrap_err().to_string();
        assert!(
            error.contains("ENOENT") || error.contains("No such file"),
            "{error}"
        );
        assert!(!read(&refusal[..18], &mut table).unwrap());
        assert!(!read(&[], &mut table).unwrap());
        assert_eq!(table, Table::new());
    }
}
