//! Protocols of sockets.

use super::descriptors::Opened;

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

pub(super) fn obstacle(opened: &Opened) -> Option<String> {
    let protocol = opened.protocol.as_deref()?;
    let way_out = match protocol {
        "MPTCP" | "MPTCPv6" => "a Go program listens so unless its environment has GODEBUG=multipathtcp=0",
        _ => "let the application close it",
    };
    (!SPOKEN.contains(&protocol))
        .then(|| format!("a socket of the protocol {protocol} open, which CRIU cannot dump; {way_out}"))
}

#[cfg(test)]
mod tests {
    use super::super::descriptors::tests::linked;
    use super::*;

    #[test]
    fn protocols_are_judged_as_criu_does() {
        for (protocol, known) in [("TCP", true), ("ALG", false), ("AF_VSOCK", false)] {
            let opened = Opened {
                protocol: Some(protocol.into()),
                ..linked("socket:[1]")
            };
            assert_eq!(opened.obstacle().is_none(), known, "{protocol}");
        }
    }
}
