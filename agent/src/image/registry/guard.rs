//! Which addresses are never dialled, whatever a name resolves to.
//!
//! Who writes a migration names a host, and the agent dials it from inside the cluster: what listens on link-local
//! addresses (the cloud's metadata, with its credentials) or on the agent's own loopback is none of their business.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// Metadata services beyond the link-local range.
const METADATA: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
];

/// Why no registry may have this address; `None` for an address that one may have. Loopback is judged by its caller.
pub(super) fn unlawful(address: IpAddr) -> Option<&'static str> {
    let address = address.to_canonical();
    if METADATA.contains(&address) {
        return Some("a metadata service");
    }
    if address.is_unspecified() || address.is_multicast() {
        return Some("not the address of one host");
    }
    match address {
        IpAddr::V4(v4) if v4.is_link_local() => Some("link-local, as metadata services are"),
        IpAddr::V4(v4) if v4.is_broadcast() || v4.octets()[0] == 0 => Some("not the address of one host"),
        IpAddr::V6(v6) if v6.is_unicast_link_local() => Some("link-local, as metadata services are"),
        IpAddr::V4(_) | IpAddr::V6(_) => None,
    }
}

/// Whether a host is this machine by its very name.
pub(super) fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || bare
            .parse::<IpAddr>()
            .is_ok_and(|address| address.to_canonical().is_loopback())
}

/// The system's resolver without the addresses that are never dialled.
#[derive(Clone, Copy, Debug)]
pub(super) struct GuardedResolver;

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let own = is_loopback(name.as_str());
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let (lawful, unlawful): (Vec<_>, Vec<_>) = found.partition(|found| is_lawful(found.ip(), own));
            if lawful.is_empty() {
                let why = format!(
                    "{} resolves to {unlawful:?}, which cannot be a registry; link-local and loopback addresses are not \
                     called",
                    name.as_str()
                );
                return Err(io::Error::new(io::ErrorKind::PermissionDenied, why).into());
            }
            let addresses: Addrs = Box::new(lawful.into_iter());
            Ok(addresses)
        })
    }
}

fn is_lawful(address: IpAddr, own: bool) -> bool {
    unlawful(address).is_none() && address.to_canonical().is_loopback() == own
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_and_nowhere_are_never_dialled() {
        for bad in [
            "169.254.169.254",
            "::ffff:169.254.169.254",
            "fe80::1",
            "fd00:ec2::254",
            "100.100.100.200",
            "0.0.0.0",
            "0.1.2.3",
            "::",
            "224.0.0.1",
            "ff02::1",
            "255.255.255.255",
        ] {
            assert!(unlawful(bad.parse().unwrap()).is_some(), "{bad} was allowed");
        }
        for good in [
            "10.100.0.1",
            "192.168.1.1",
            "93.184.216.34",
            "2001:db8::1",
            "fd00::1",
        ] {
            assert!(unlawful(good.parse().unwrap()).is_none(), "{good} was refused");
        }
    }

    #[test]
    fn a_name_that_resolves_to_loopback_is_not_this_machine() {
        let loopback = "127.0.0.1".parse().unwrap();
        assert!(is_lawful(loopback, is_loopback("localhost")));
        assert!(!is_lawful(loopback, is_loopback("registry.example.org")));
        for own in [
            "localhost",
            "127.0.0.1",
            "127.1.2.3",
            "[::1]",
            "[::ffff:127.0.0.1]",
        ] {
            assert!(is_loopback(own), "{own}");
        }
        assert!(!is_loopback("localhost.example.org"));
    }
}
