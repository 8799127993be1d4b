//! Where our parts may dial when a user of a namespace names the host: brokers, their management API, registries.
//!
//! A user chooses the host, and we dial it from inside the cluster with other rights and past other network policies than the
//! user's own pods have. So loopback, link-local addresses, metadata services, the API server and the nodes are never dialled, whatever a name
//! resolves to. What may be dialled beyond that is the operator's word, given at install.
//!
//! Guarantee: no list of an operator allows a metadata service.

mod block;
mod place;
mod ranges;

use std::fmt;
use std::net::IpAddr;

pub use block::{BadBlock, Block};
pub use place::{BadHost, HostPattern, List, Place};
pub use ranges::Unlawful;

/// Whom we dial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// A broker, or its management API.
    Broker,
    /// A registry of checkpoint images.
    Registry,
}

impl Peer {
    /// The option of `install` that allows one.
    fn option(self) -> &'static str {
        match self {
            Self::Broker => "--allow-broker",
            Self::Registry => "--allow-registry",
        }
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Broker => "broker",
            Self::Registry => "registry",
        })
    }
}

/// The operator's word, and what the cluster has for itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Whom they are for.
    pub peer: Peer,
    /// The only ones that are dialled; all when empty.
    pub only: Vec<Place>,
    /// Dialled although their range, or the node that has them, speaks against it.
    pub exempt: Vec<Block>,
    /// Addresses of the API server.
    pub api_server: Vec<IpAddr>,
    /// Addresses of nodes.
    pub nodes: Vec<IpAddr>,
    /// Whether a transport without TLS is refused.
    pub require_tls: bool,
}

impl Rules {
    /// Without any word of an operator.
    pub fn of(peer: Peer) -> Self {
        Self {
            peer,
            only: Vec::new(),
            exempt: Vec::new(),
            api_server: Vec::new(),
            nodes: Vec::new(),
            require_tls: false,
        }
    }

    /// For programs that run beside what they dial.
    pub fn of_this_machine(peer: Peer) -> Self {
        Self {
            exempt: Block::LOOPBACK.to_vec(),
            ..Self::of(peer)
        }
    }

    /// Judges a host as it is written, before a name is resolved. `Ok`: its addresses decide.
    pub fn judge_host(&self, host: &str, port: u16) -> Result<(), Refusal> {
        if let Ok(address) = bare(host).parse() {
            return self.judge(host, port, address);
        }
        let decides = |place: &Place| match place {
            Place::Host(pattern) => pattern.matches(host, Some(port)),
            Place::Block(_) => true,
        };
        if self.only.is_empty() || self.only.iter().any(decides) {
            return Ok(());
        }
        Err(self.not_listed(host, port))
    }

    /// Judges an address that a host has.
    pub fn judge(&self, host: &str, port: u16, address: IpAddr) -> Result<(), Refusal> {
        let listed = |place: &Place| place.allows(host, port, address);
        if !self.only.is_empty() && !self.only.iter().any(listed) {
            return Err(self.not_listed(host, port));
        }
        self.judge_address(host, address)
    }

    /// Judges an address by what it is, for a host to which one that is allowed has led us.
    pub fn judge_address(&self, host: &str, address: IpAddr) -> Result<(), Refusal> {
        match self.unlawful(address) {
            None => Ok(()),
            Some(why) => Err(Refusal::Address {
                peer: self.peer,
                host: host.to_owned(),
                address,
                why,
            }),
        }
    }

    fn unlawful(&self, address: IpAddr) -> Option<Unlawful> {
        let why = self.why_not(address)?;
        let exempt = self.exempt.iter().any(|block| block.contains(address));
        (why.is_final() || !exempt).then_some(why)
    }

    fn why_not(&self, address: IpAddr) -> Option<Unlawful> {
        let address = address.to_canonical();
        let inner = match address {
            IpAddr::V6(v6) => ranges::carried(v6).map(IpAddr::V4),
            IpAddr::V4(_) => None,
        };
        let is_one_of = |list: &[IpAddr]| {
            let same = |one: &IpAddr| one.to_canonical() == address || Some(one.to_canonical()) == inner;
            list.iter().any(same)
        };
        ranges::of_range(address)
            .or_else(|| is_one_of(&self.api_server).then_some(Unlawful::ApiServer))
            .or_else(|| is_one_of(&self.nodes).then_some(Unlawful::Node))
    }

    /// Judges a transport without TLS.
    pub fn judge_plain(&self, transport: Transport, host: &str) -> Result<(), Refusal> {
        if self.require_tls {
            return Err(Refusal::Plain {
                transport,
                host: host.to_owned(),
            });
        }
        Ok(())
    }

    fn not_listed(&self, host: &str, port: u16) -> Refusal {
        Refusal::NotListed {
            peer: self.peer,
            host: host.to_owned(),
            port,
            only: List(self.only.clone()).to_string(),
        }
    }
}

/// A host without the brackets of IPv6.
pub fn bare(host: &str) -> &str {
    let inner = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    inner.unwrap_or(host)
}

/// A way of talking that has a variant with TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// AMQP, 0-9-1 or 1.0.
    Amqp,
    /// The broker's management API.
    Management,
    /// A registry.
    Registry,
}

impl Transport {
    /// Scheme without and with TLS.
    pub fn schemes(self) -> (&'static str, &'static str) {
        match self {
            Self::Amqp => ("amqp", "amqps"),
            Self::Management | Self::Registry => ("http", "https"),
        }
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Amqp => "AMQP",
            Self::Management => "the management API",
            Self::Registry => "the registry",
        })
    }
}

/// Why something is not dialled, and the way out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The operator has a list, and it is not on it.
    NotListed {
        /// Whom.
        peer: Peer,
        /// As it is written.
        host: String,
        /// Its port.
        port: u16,
        /// The list.
        only: String,
    },
    /// Of its address.
    Address {
        /// Whom.
        peer: Peer,
        /// As it is written.
        host: String,
        /// What it is, or resolves to.
        address: IpAddr,
        /// Why.
        why: Unlawful,
    },
    /// Without TLS, where the operator requires it.
    Plain {
        /// What it is for.
        transport: Transport,
        /// `host` or `host:port`.
        host: String,
    },
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotListed {
                peer,
                host,
                port,
                only,
            } => write!(
                f,
                "{peer} {host}:{port} is not dialled: the administrator of the cluster allows only {only}. To allow it, type: kubectl shadow \
                 install {} {host}:{port} (beside the flags of before)",
                peer.option()
            ),
            Self::Address {
                peer,
                host,
                address,
                why,
            } => {
                let is = if bare(host).parse() == Ok(*address) {
                    "its address is"
                } else {
                    "it resolves to"
                };
                write!(
                    f,
                    "{peer} {host} is not dialled: {is} {address}, which is {why}. "
                )?;
                if why.is_final() {
                    return write!(f, "Name the {peer}'s own address");
                }
                write!(
                    f,
                    "Name another address of the {peer}, such as its Service. If this one is meant, an administrator of the cluster has to \
                     allow it; type: kubectl shadow install --allow-address {address} (beside the flags of before)"
                )
            }
            Self::Plain { transport, host } => {
                let (plain, encrypted) = transport.schemes();
                write!(
                    f,
                    "{transport} at {host} is not dialled over {plain}://, which is not encrypted: the administrator of the cluster requires TLS \
                     (install --require-tls). Name it with {encrypted}://, and put the authority of its certificate into ca.crt of the Secret"
                )
            }
        }
    }
}

impl std::error::Error for Refusal {}

#[cfg(test)]
mod tests;
