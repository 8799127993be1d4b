//! A block of addresses, as operators write one.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

/// `10.0.0.0/8`, `fd00::/8`, or one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    base: IpAddr,
    length: u8,
}

impl Block {
    /// IPv4 and IPv6 loopback.
    pub(super) const LOOPBACK: [Self; 2] = [
        Self {
            base: IpAddr::V4(std::net::Ipv4Addr::new(127, 0, 0, 0)),
            length: 8,
        },
        Self {
            base: IpAddr::V6(Ipv6Addr::LOCALHOST),
            length: 128,
        },
    ];

    /// Whether an address lies in it.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.base, address.to_canonical()) {
            (IpAddr::V4(base), IpAddr::V4(address)) => {
                same(base.to_bits().into(), address.to_bits().into(), 32 - self.length)
            }
            (IpAddr::V6(base), IpAddr::V6(address)) => {
                same(base.to_bits(), address.to_bits(), 128 - self.length)
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

/// Whether two addresses are equal but for so many bits at their end.
fn same(one: u128, other: u128, open: u8) -> bool {
    let apart = one ^ other;
    apart.checked_shr(open.into()).unwrap_or_default() == 0
}

/// Why a text is no block.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not an address or a block of addresses. Write one such as 10.1.2.3 or 10.1.0.0/16")]
pub struct BadBlock {
    text: String,
}

impl FromStr for Block {
    type Err = BadBlock;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = || BadBlock {
            text: text.chars().take(100).collect(),
        };
        let (base, length) = match text.split_once('/') {
            Some((base, length)) => (base, Some(length)),
            None => (text, None),
        };
        let base: IpAddr = base.parse().map_err(|_| bad())?;
        let longest = if base.is_ipv4() { 32 } else { 128 };
        let length = match length {
            Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => {
                digits.parse().map_err(|_| bad())?
            }
            Some(_) => return Err(bad()),
            None => longest,
        };
        if length > longest {
            return Err(bad());
        }
        Ok(Self { base, length })
    }
}

impl fmt::Display for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.base, self.length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_has_the_addresses_of_its_prefix_and_no_others() {
        for (block, address, inside) in [
            ("10.1.0.0/16", "10.1.255.255", true),
            ("10.1.0.0/16", "10.2.0.0", false),
            ("10.1.2.3/16", "10.1.9.9", true),
            ("10.1.2.3", "10.1.2.3", true),
            ("10.1.2.3", "10.1.2.4", false),
            ("10.1.2.3", "::ffff:10.1.2.3", true),
            ("0.0.0.0/0", "255.1.2.3", true),
            ("0.0.0.0/0", "fd00::1", false),
            ("::/0", "fd00::1", true),
            ("fd00::/8", "fdff::1", true),
            ("fd00::/8", "fe00::1", false),
            ("::1", "::1", true),
        ] {
            let parsed: Block = block.parse().unwrap();
            assert_eq!(
                parsed.contains(address.parse().unwrap()),
                inside,
                "{block} {address}"
            );
        }
    }

    #[test]
    fn what_is_no_block_is_named() {
        for bad in [
            "",
            "10.1",
            "10.1.2.3/33",
            "::/129",
            "10.0.0.0/+8",
            "10.0.0.0/",
            "mq.shop",
            "10.0.0.0/8/8",
        ] {
            let error = bad.parse::<Block>().unwrap_err().to_string();
            assert!(error.contains("10.1.0.0/16"), "{error}");
        }
    }
}
