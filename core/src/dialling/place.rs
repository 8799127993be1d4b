//! What an operator allows by name or by address.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use super::bare;
use super::block::Block;
use crate::repository::Repository;

/// `host` or `host:port`; without a port all ports of the host are meant. `*.zone` means every host below a zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPattern {
    host: String,
    port: Option<u16>,
    below: bool,
}

/// Why a text is no [`HostPattern`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a host. Write one such as mq.example.org, mq.example.org:5671 or *.example.org")]
pub struct BadHost {
    text: String,
}

impl FromStr for HostPattern {
    type Err = BadHost;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (zone, below) = match text.strip_prefix("*.") {
            Some(zone) => (zone, true),
            None => (text, false),
        };
        match Repository::parse(&format!("{zone}/any")) {
            Ok(parsed) if parsed.path() == "any" => Ok(Self {
                host: parsed.host().to_owned(),
                port: parsed.port(),
                below,
            }),
            Ok(_) | Err(_) => Err(BadHost {
                text: text.chars().take(100).collect(),
            }),
        }
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let below = if self.below { "*." } else { "" };
        match self.port {
            Some(port) => write!(f, "{below}{}:{port}", self.host),
            None => write!(f, "{below}{}", self.host),
        }
    }
}

impl HostPattern {
    /// Whether it means this port of this host; an IPv6 host may stand in brackets.
    pub fn matches(&self, host: &str, port: Option<u16>) -> bool {
        let (host, own) = (bare(host).to_ascii_lowercase(), bare(&self.host));
        let named = if self.below {
            host.strip_suffix(own)
                .is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
        } else {
            host == own
        };
        named && (self.port.is_none() || self.port == port)
    }
}

/// A host or a block of addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// By its name, or by an address as it is written.
    Host(HostPattern),
    /// By the address that is dialled.
    Block(Block),
}

impl Place {
    pub(super) fn allows(&self, host: &str, port: u16, address: IpAddr) -> bool {
        match self {
            Self::Host(pattern) => pattern.matches(host, Some(port)),
            Self::Block(block) => block.contains(address),
        }
    }
}

impl FromStr for Place {
    type Err = BadHost;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(block) = text.parse() {
            return Ok(Self::Block(block));
        }
        text.parse().map(Self::Host)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(pattern) => pattern.fmt(f),
            Self::Block(block) => block.fmt(f),
        }
    }
}

/// Several, between commas; an empty text is an empty list, as an unset variable of a manifest is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct List<T>(pub Vec<T>);

impl<T> Default for List<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: FromStr> FromStr for List<T> {
    type Err = T::Err;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let named = text.split(',').map(str::trim).filter(|one| !one.is_empty());
        named.map(str::parse).collect::<Result<_, _>>().map(Self)
    }
}

impl<T: fmt::Display> fmt::Display for List<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&names.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_pattern_is_a_host_and_nothing_else() {
        for bad in ["", "http://x", "x/y", "x:y", "*", "x@y", "*.", "a.*.b"] {
            assert!(bad.parse::<HostPattern>().is_err(), "{bad:?} was accepted");
        }
        assert_eq!("".parse::<List<HostPattern>>().unwrap().0.len(), 0);
        assert_eq!(
            "10.0.0.1:5000, intern,"
                .parse::<List<HostPattern>>()
                .unwrap()
                .0
                .len(),
            2
        );
        assert!("intern,http://x".parse::<List<HostPattern>>().is_err());
    }

    #[test]
    fn a_pattern_means_its_host_its_port_and_what_is_below_its_zone() {
        for (pattern, host, port, meant) in [
            ("mq.shop", "mq.shop", 5672, true),
            ("mq.shop", "MQ.shop", 5672, true),
            ("mq.shop:5671", "mq.shop", 5671, true),
            ("mq.shop:5671", "mq.shop", 5672, false),
            ("mq.shop", "a.mq.shop", 5672, false),
            ("*.shop", "mq.shop", 5672, true),
            ("*.shop", "a.mq.shop", 5672, true),
            ("*.shop", "shop", 5672, false),
            ("*.shop", ".shop", 5672, false),
            ("*.shop", "mqshop", 5672, false),
            ("[::1]:5672", "[::1]", 5672, true),
            ("[::1]:5672", "::1", 5672, true),
        ] {
            let parsed: HostPattern = pattern.parse().unwrap();
            assert_eq!(parsed.matches(host, Some(port)), meant, "{pattern} {host}:{port}");
        }
    }

    #[test]
    fn an_address_alone_is_a_block_and_one_with_a_port_is_a_host() {
        assert!(matches!("10.0.0.1".parse(), Ok(Place::Block(_))));
        assert!(matches!("10.0.0.0/8".parse(), Ok(Place::Block(_))));
        assert!(matches!("10.0.0.1:5672".parse(), Ok(Place::Host(_))));
        assert!(matches!("mq.shop".parse(), Ok(Place::Host(_))));
    }
}
