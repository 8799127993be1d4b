//! Where a container is connected to, seen from the node. The kernel knows it at once; a broker lists a new client up
//! to five seconds late.

use std::collections::BTreeSet;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use shadow_core::wire::Peer;

use super::quiet::{first_process, if_there};
use super::{ContainerId, NodeError};
use crate::layout;

/// `st` of an established connection.
const ESTABLISHED: &str = "01";
/// `st` of a socket that others connect to.
const LISTENING: &str = "0A";
/// Connections that are named; a message with more of them would be too long.
const MOST: usize = 512;

/// Established TCP connections of the container's network to this port, wherever it is.
pub fn count(id: &ContainerId, port: u16) -> Result<u32, NodeError> {
    let Some(process) = if_there(first_process(&layout::runc_state(id)))? else {
        return Ok(0);
    };
    let table = tables(&process.to_string())?;
    let to_it = rows(&table).filter(|row| row.state == ESTABLISHED && row.port == port);
    Ok(u32::try_from(to_it.count()).unwrap_or(u32::MAX))
}

/// Established TCP connections that the network of a process has made; `None` when there are too many to name.
pub(super) fn made(process: &str) -> Result<Option<Vec<Peer>>, NodeError> {
    Ok(peers(&tables(process)?))
}

/// Both tables of a process' network; none of a process that has ended.
fn tables(process: &str) -> Result<String, NodeError> {
    let mut text = String::new();
    for family in ["tcp", "tcp6"] {
        let path = format!("/proc/{process}/net/{family}");
        let read = fs::read_to_string(&path).map_err(NodeError::at("read", path.as_ref()));
        text += &if_there(read)?.unwrap_or_default();
    }
    Ok(text)
}

/// Where the network of a process is listened on at an address of its own, which its copy does not have.
pub(super) fn bound(process: &str) -> Result<Vec<SocketAddr>, NodeError> {
    Ok(bound_in(&tables(process)?))
}

fn bound_in(table: &str) -> Vec<SocketAddr> {
    let anywhere = |address: &IpAddr| address.is_unspecified() || address.is_loopback();
    let listening = rows(table).filter(|row| row.state == LISTENING && !anywhere(&row.own));
    let bound: BTreeSet<SocketAddr> = listening.map(|row| SocketAddr::new(row.own, row.local)).collect();
    bound.into_iter().collect()
}

fn peers(table: &str) -> Option<Vec<Peer>> {
    let of = |state: &'static str| rows(table).filter(move |row| row.state == state);
    let serves: BTreeSet<u16> = of(LISTENING).map(|row| row.local).collect();
    let made: BTreeSet<Peer> = of(ESTABLISHED)
        .filter(|row| !serves.contains(&row.local))
        .map(|row| Peer {
            local: row.local,
            address: row.address,
            port: row.port,
        })
        .collect();
    (made.len() <= MOST).then(|| made.into_iter().collect())
}

/// A line of the kernel's table: `sl local_address rem_address st …`, addresses as `ADDRESS:PORT` in hexadecimal.
struct Row<'a> {
    own: IpAddr,
    local: u16,
    address: IpAddr,
    port: u16,
    state: &'a str,
}

/// Those that can be read; a heading cannot.
fn rows(table: &str) -> impl Iterator<Item = Row<'_>> {
    table.lines().filter_map(|line| {
        let mut columns = line.split_whitespace().skip(1);
        let (own, local) = columns.next()?.rsplit_once(':')?;
        let (address, port) = columns.next()?.rsplit_once(':')?;
        let port_of = |text: &str| u16::from_str_radix(text, 16).ok();
        Some(Row {
            own: address_of(own)?,
            local: port_of(local)?,
            address: address_of(address)?,
            port: port_of(port)?,
            state: columns.next()?,
        })
    })
}

/// Words of four bytes, each in the order of the machine.
fn address_of(text: &str) -> Option<IpAddr> {
    let word = |at: usize| {
        let word = u32::from_str_radix(text.get(at..at + 8)?, 16).ok()?;
        Some(word.to_ne_bytes())
    };
    match text.len() {
        8 => Some(Ipv4Addr::from(word(0)?).into()),
        32 => {
            let words = [word(0)?, word(8)?, word(16)?, word(24)?];
            let mut bytes = [0; 16];
            bytes.copy_from_slice(&words.concat());
            Some(Ipv6Addr::from(bytes).to_canonical())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
        0: 00000000:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0\n\
        1: 0A01F40A:C350 0A0A600A:1628 01 00000000:00000000 02:00000000 00000000     0        0 2 2 0\n\
        2: 0A01F40A:C351 0A0A600A:1628 02 00000000:00000000 01:00000000 00000000     0        0 3 2 0\n\
        3: 0A01F40A:1F90 0A02F40A:1628 06 00000000:00000000 03:00000000 00000000     0        0 0 2 0\n";

    /// An application that serves on 8080, asks a broker, and is asked from 10.244.2.10.
    const TABLE6: &str = "  sl  local_address                         remote_address                        st\n\
        0: 00000000000000000000000000000000:1F90 00000000000000000000000000000000:0000 0A\n\
        1: 0000000000000000FFFF00000A01F40A:C352 0000000000000000FFFF00000A0A600A:1628 01\n\
        2: 0000000000000000FFFF00000A01F40A:1F90 0000000000000000FFFF00000A02F40A:A000 01\n\
        3: B80D0120000000000000000001000000:C353 B80D0120000000000000000001000000:1627 01\n\
        4: B80D0120000000000000000002000000:C353 B80D0120000000000000000001000000:1627 01\n";

    #[test]
    fn connections_that_were_made_are_told_from_those_that_were_taken() {
        let peer = |local, address: &str, port| Peer {
            local,
            address: address.parse().unwrap(),
            port,
        };
        let both = format!("{TABLE}{TABLE6}");
        let wanted = [
            peer(50_000, "10.96.10.10", 5_672),
            peer(50_002, "10.96.10.10", 5_672),
            peer(50_003, "2001:db8::1", 5_671),
        ];
        assert_eq!(peers(&both).unwrap(), wanted);
        assert_eq!(peers("").unwrap(), []);
        let many: String = (0..=MOST)
            .map(|n| format!("0: 0A01F40A:{n:04X} 0A0A600A:1628 01\n"))
            .collect();
        assert_eq!(peers(&many), None);
    }

    #[test]
    fn a_listener_at_an_address_of_the_pods_own_is_told_from_one_everywhere() {
        let own = "0: 0A01F40A:1F90 00000000:0000 0A\n1: 0100007F:1F91 00000000:0000 0A\n";
        assert_eq!(
            bound_in(&format!("{TABLE}{own}")),
            ["10.244.1.10:8080".parse().unwrap()]
        );
    }

    #[test]
    fn this_kernel_has_the_table() {
        assert!(
            fs::read_to_string("/proc/self/net/tcp")
                .unwrap()
                .contains("rem_address")
        );
    }
}
