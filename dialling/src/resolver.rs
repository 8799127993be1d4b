//! The guard as the resolver of an HTTP client.
//!
//! An HTTP client asks no resolver for a host that is an address: who makes a request to one judges it first, by
//! `Rules::judge_host` or `Rules::judge_address`.

use std::error::Error;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use shadow_core::dialling::Refusal;

use super::{DialError, Guard};

/// The names that a client may be led to. The list of an operator is for the host that was asked for; of others, to which that one
/// leads (where a registry keeps its layers, who hands out its tokens), the address alone decides.
#[derive(Clone, Debug)]
pub struct GuardedNames {
    guard: Guard,
    host: String,
    listed: String,
    port: u16,
}

impl GuardedNames {
    /// For a client of this host.
    pub fn of(guard: Guard, host: &str, port: u16) -> Self {
        Self {
            guard,
            host: host.to_owned(),
            listed: host.to_owned(),
            port,
        }
    }

    /// The same, where users and operators call the host by another name.
    #[must_use]
    pub fn listed_as(mut self, name: &str) -> Self {
        name.clone_into(&mut self.listed);
        self
    }
}

impl Resolve for GuardedNames {
    fn resolve(&self, name: Name) -> Resolving {
        let of = self.clone();
        Box::pin(async move {
            let host = name.as_str();
            let found = if host.eq_ignore_ascii_case(&of.host) {
                of.guard.resolved_as(&of.listed, host, of.port).await
            } else {
                let rules = of.guard.rules();
                of.guard
                    .judged(host, 0, |address| rules.judge_address(host, address))
                    .await
            };
            match found {
                Ok(lawful) => {
                    // The client puts in the port of its request where this is none.
                    let lawful = lawful.into_iter().map(|mut address| {
                        address.set_port(0);
                        address
                    });
                    let addresses: Addrs = Box::new(lawful.collect::<Vec<_>>().into_iter());
                    Ok(addresses)
                }
                Err(DialError::Refused(refusal)) => Err(refusal.into()),
                Err(DialError::Failed(error)) => Err(error.into()),
            }
        })
    }
}

/// The refusal behind a request that failed, if it was one.
pub fn refusal_of(error: &reqwest::Error) -> Option<&Refusal> {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(inner) = cause {
        if let Some(refusal) = inner.downcast_ref() {
            return Some(refusal);
        }
        cause = inner.source();
    }
    None
}
