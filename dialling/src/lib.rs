//! The one way to a host that a user names: resolve it, judge its addresses, dial one that was judged.
//!
//! Guarantee: no name is resolved a second time between judgement and dial, so a name that resolves to another address a moment
//! later (DNS rebinding) leads nowhere else. What is judged, and how, stands in `shadow_core::dialling`.
//!
//! TLS goes on to verify the name that the user wrote: only the address is ours.

mod resolver;

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, PoisonError, RwLock};

use futures::future::BoxFuture;
use shadow_core::dialling::{Peer, Refusal, Rules, bare};
use tokio::net::TcpStream;

pub use resolver::{GuardedNames, refusal_of};

/// Set by kubelet in every container.
const API_SERVER: &str = "KUBERNETES_SERVICE_HOST";

/// What a name resolves to.
pub trait Names: Send + Sync + fmt::Debug {
    /// Its addresses, each with the port.
    fn addresses<'a>(&'a self, host: &'a str, port: u16) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>>;
}

/// The system's resolver.
#[derive(Clone, Copy, Debug)]
struct SystemNames;

impl Names for SystemNames {
    fn addresses<'a>(&'a self, host: &'a str, port: u16) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
        Box::pin(async move { Ok(tokio::net::lookup_host((host, port)).await?.collect()) })
    }
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// It is not dialled.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The name does not resolve, or nobody answers.
    #[error(transparent)]
    Failed(#[from] io::Error),
}

/// Guards what is dialled. Clones share what becomes known of the nodes.
#[derive(Clone, Debug)]
pub struct Guard {
    rules: Arc<RwLock<Rules>>,
    names: Arc<dyn Names>,
}

impl Guard {
    /// With the system's resolver, and the API server that kubelet names.
    pub fn new(mut rules: Rules) -> Self {
        let named: Option<IpAddr> = std::env::var(API_SERVER)
            .ok()
            .and_then(|host| bare(&host).parse().ok());
        rules.api_server.extend(named);
        Self::with_names(rules, Arc::new(SystemNames))
    }

    /// For programs that run beside what they dial, such as tests.
    pub fn of_this_machine(peer: Peer) -> Self {
        Self::new(Rules::of_this_machine(peer))
    }

    /// With another resolver.
    pub fn with_names(rules: Rules, names: Arc<dyn Names>) -> Self {
        Self {
            rules: Arc::new(RwLock::new(rules)),
            names,
        }
    }

    /// The nodes that are known by now.
    pub fn nodes_are(&self, nodes: Vec<IpAddr>) {
        self.rules.write().unwrap_or_else(PoisonError::into_inner).nodes = nodes;
    }

    /// By what is judged at the moment.
    pub fn rules(&self) -> Rules {
        self.rules.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The addresses of a host that may be dialled.
    pub async fn resolved(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, DialError> {
        self.resolved_as(host, host, port).await
    }

    /// The same of a host that users and operators call by another name.
    pub async fn resolved_as(
        &self,
        listed: &str,
        host: &str,
        port: u16,
    ) -> Result<Vec<SocketAddr>, DialError> {
        let rules = self.rules();
        rules.judge_host(listed, port)?;
        self.judged(host, port, |address| rules.judge(listed, port, address))
            .await
    }

    /// The addresses of `host` that `judge` lets through; the first refusal if there are none.
    async fn judged(
        &self,
        host: &str,
        port: u16,
        judge: impl Fn(IpAddr) -> Result<(), Refusal>,
    ) -> Result<Vec<SocketAddr>, DialError> {
        let found = self.names.addresses(bare(host), port).await?;
        let (mut lawful, mut refused) = (Vec::new(), None);
        for address in found {
            match judge(address.ip()) {
                Ok(()) => lawful.push(address),
                Err(refusal) => refused = refused.or(Some(refusal)),
            }
        }
        match refused {
            Some(refusal) if lawful.is_empty() => Err(refusal.into()),
            Some(_) | None => Ok(lawful),
        }
    }

    /// A connection to one of these addresses, tried in their order.
    pub async fn dial(&self, host: &str, port: u16) -> Result<TcpStream, DialError> {
        let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
        for address in self.resolved(host, port).await? {
            match TcpStream::connect(address).await {
                Ok(connected) => return Ok(connected),
                Err(error) => last = error,
            }
        }
        Err(last.into())
    }
}

#[cfg(test)]
mod tests;
