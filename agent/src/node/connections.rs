//! Where a container is connected to, seen from the node. The kernel knows it at once; a broker lists a new client up
//! to five seconds late.

use std::fs;

use super::quiet::{first_process, if_there};
use super::{ContainerId, NodeError};
use crate::layout;

/// `st` of an established connection.
const ESTABLISHED: &str = "01";

/// Established TCP connections of the container's network to this port, wherever it is.
pub fn count(id: &ContainerId, port: u16) -> Result<u32, NodeError> {
    let Some(process) = if_there(first_process(&layout::runc_state(id)))? else {
        return Ok(0);
    };
    let mut found = 0;
    for family in ["tcp", "tcp6"] {
        let path = format!("/proc/{process}/net/{family}");
        let read = fs::read_to_string(&path).map_err(NodeError::at("read", path.as_ref()));
        found += if_there(read)?.map_or(0, |table| established(&table, port));
    }
    Ok(found)
}

/// Columns: `sl local_address rem_address st …`, addresses as `ADDRESS:PORT` in hexadecimal.
fn established(table: &str, port: u16) -> u32 {
    let is_ours = |line: &&str| {
        let mut columns = line.split_whitespace().skip(2);
        let remote = columns.next().and_then(|address| address.rsplit_once(':'));
        let to = remote.and_then(|(_, port)| u16::from_str_radix(port, 16).ok());
        to == Some(port) && columns.next() == Some(ESTABLISHED)
    };
    u32::try_from(table.lines().filter(is_ours).count()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
        0: 00000000:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0\n\
        1: 0A01F40A:C350 0A0A600A:1628 01 00000000:00000000 02:00000000 00000000     0        0 2 2 0\n\
        2: 0A01F40A:C351 0A0A600A:1628 02 00000000:00000000 01:00000000 00000000     0        0 3 2 0\n\
        3: 0A01F40A:1F90 0A02F40A:1628 06 00000000:00000000 03:00000000 00000000     0        0 0 2 0\n";

    #[test]
    fn only_established_connections_to_the_port_count() {
        assert_eq!(established(TABLE, 5672), 1);
        assert_eq!(established(TABLE, 5671), 0);
        assert_eq!(established("", 5672), 0);
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
