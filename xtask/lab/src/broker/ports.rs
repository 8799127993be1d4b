//! Free ports of the loopback address.

use anyhow::{Context, Result};
use std::net::{Ipv4Addr, TcpListener};

/// `N` different ports which nobody listened on a moment ago.
pub(super) fn free<const N: usize>() -> Result<[u16; N]> {
    let mut ports = [0; N];
    // All are held until all are known, so that none is given twice.
    let mut held = Vec::with_capacity(N);
    for port in &mut ports {
        let listener =
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("find a free port on 127.0.0.1")?;
        *port = listener.local_addr()?.port();
        held.push(listener);
    }
    drop(held);
    Ok(ports)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_differ_and_are_free() {
        let [first, second] = free::<2>().unwrap();
        assert_ne!(first, second);
        drop(TcpListener::bind((Ipv4Addr::LOCALHOST, first)).unwrap());
    }
}
