//! Which addresses no broker and no registry has.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Metadata services of clouds beyond the link-local range: Alibaba, Azure, Oracle, and Google over IPv6.
const METADATA: [IpAddr; 4] = [
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)),
];
/// On link-local addresses: the clouds', and those that give credentials to containers on AWS.
const LINK_LOCAL_METADATA: [Ipv4Addr; 3] = [
    Ipv4Addr::new(169, 254, 169, 254),
    Ipv4Addr::new(169, 254, 170, 2),
    Ipv4Addr::new(169, 254, 170, 23),
];

/// Why an address is not dialled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unlawful {
    /// It hands out credentials of the cloud.
    Metadata,
    /// It is not the address of one host.
    NoHost,
    /// It is this machine.
    Loopback,
    /// It leads to the node itself or to its neighbours on the wire.
    LinkLocal,
    /// It is the API server's.
    ApiServer,
    /// It is a node's.
    Node,
}

impl Unlawful {
    /// Whether no list of an operator allows it.
    pub(super) fn is_final(self) -> bool {
        match self {
            Self::Metadata | Self::NoHost => true,
            Self::Loopback | Self::LinkLocal | Self::ApiServer | Self::Node => false,
        }
    }
}

impl fmt::Display for Unlawful {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Metadata => "a metadata service of a cloud, which hands out credentials",
            Self::NoHost => "not the address of one host",
            Self::Loopback => "loopback, that is our own pod",
            Self::LinkLocal => "link-local, as metadata services are",
            Self::ApiServer => "the API server's",
            Self::Node => "a node's",
        })
    }
}

/// What its range alone says of an address.
pub(super) fn of_range(address: IpAddr) -> Option<Unlawful> {
    let address = address.to_canonical();
    if METADATA.contains(&address) {
        return Some(Unlawful::Metadata);
    }
    if address.is_loopback() {
        return Some(Unlawful::Loopback);
    }
    if address.is_unspecified() || address.is_multicast() {
        return Some(Unlawful::NoHost);
    }
    match address {
        IpAddr::V4(v4) if LINK_LOCAL_METADATA.contains(&v4) => Some(Unlawful::Metadata),
        IpAddr::V4(v4) if v4.is_link_local() => Some(Unlawful::LinkLocal),
        IpAddr::V4(v4) if v4.is_broadcast() || v4.octets()[0] == 0 => Some(Unlawful::NoHost),
        // Amazon's services for instances and pods.
        IpAddr::V6(v6) if v6.segments()[..2] == [0xfd00, 0xec2] => Some(Unlawful::Metadata),
        IpAddr::V6(v6) if v6.is_unicast_link_local() => Some(Unlawful::LinkLocal),
        IpAddr::V6(v6) => carried(v6).and_then(|v4| of_range(v4.into())),
        IpAddr::V4(_) => None,
    }
}

/// The IPv4 address to which a translator or tunnel on the way would lead an IPv6 address: NAT64, 6to4, and the old notation of
/// IPv4 in IPv6.
pub(super) fn carried(v6: Ipv6Addr) -> Option<Ipv4Addr> {
    let [a, b, c, d, e, f, g, h] = v6.segments();
    let two = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    match [a, b, c, d, e, f] {
        [0x64, 0xff9b, 0, 0, 0, 0] | [0, 0, 0, 0, 0, 0] => Some(two(g, h)),
        [0x2002, high, low, ..] => Some(two(high, low)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_range_has_its_word() {
        for (address, why) in [
            ("169.254.169.254", Unlawful::Metadata),
            ("::ffff:169.254.169.254", Unlawful::Metadata),
            ("64:ff9b::169.254.169.254", Unlawful::Metadata),
            ("2002:a9fe:a9fe::1", Unlawful::Metadata),
            ("::169.254.169.254", Unlawful::Metadata),
            ("169.254.170.2", Unlawful::Metadata),
            ("169.254.170.23", Unlawful::Metadata),
            ("100.100.100.200", Unlawful::Metadata),
            ("168.63.129.16", Unlawful::Metadata),
            ("192.0.0.192", Unlawful::Metadata),
            ("fd00:ec2::254", Unlawful::Metadata),
            ("fd00:ec2::23", Unlawful::Metadata),
            ("fd20:ce::254", Unlawful::Metadata),
            ("127.0.0.1", Unlawful::Loopback),
            ("127.255.255.254", Unlawful::Loopback),
            ("::1", Unlawful::Loopback),
            ("::ffff:127.0.0.1", Unlawful::Loopback),
            ("64:ff9b::7f00:1", Unlawful::Loopback),
            ("169.254.1.1", Unlawful::LinkLocal),
            ("169.254.20.10", Unlawful::LinkLocal),
            ("fe80::1", Unlawful::LinkLocal),
            ("febf::1", Unlawful::LinkLocal),
            ("0.0.0.0", Unlawful::NoHost),
            ("0.1.2.3", Unlawful::NoHost),
            ("::", Unlawful::NoHost),
            ("224.0.0.1", Unlawful::NoHost),
            ("239.255.255.255", Unlawful::NoHost),
            ("ff02::1", Unlawful::NoHost),
            ("255.255.255.255", Unlawful::NoHost),
        ] {
            assert_eq!(of_range(address.parse().unwrap()), Some(why), "{address}");
        }
    }

    #[test]
    fn services_pods_and_the_world_are_allowed() {
        for address in [
            "10.96.0.10",
            "10.244.1.7",
            "100.64.0.1",
            "172.16.0.1",
            "192.168.1.1",
            "93.184.216.34",
            "170.254.169.254",
            "2001:db8::1",
            "fd00::1",
            "fd00:10:96::a",
            "64:ff9b::93.184.216.34",
            "2002:5db8:d822::1",
        ] {
            assert_eq!(of_range(address.parse().unwrap()), None, "{address}");
        }
    }
}
