//! What stands at the broker between the application's exchanges and a primary queue, read, never remembered.
//!
//! Guarantee: [`Topology::state`] depends on nothing but what the broker says now, so that whoever comes after a crash
//! sees the same. Read through the management API, which asks the broker's own tables (not statistics).

use serde::Deserialize;
use serde_json::{Map, Value};
use shadow_core::names;
use shadow_core::unfenced::Unfenced;

use crate::broker::facts::table;
use crate::broker::{Broker, BrokerError};

const ASK: &str = "read exchanges and bindings";

/// Names of the two exchanges that stand before an adopted queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    /// The queue.
    pub primary: String,
    /// Exchange bound to what the queue was bound to.
    pub exchange: String,
    /// Its alternate exchange.
    pub side: String,
}

/// A binding from an exchange of the application, to the queue or to its port.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Route {
    /// Exchange of the application.
    #[serde(rename = "source")]
    pub exchange: String,
    /// Routing key.
    pub routing_key: String,
    /// Arguments.
    #[serde(default, deserialize_with = "table")]
    pub arguments: Map<String, Value>,
    /// The broker's own fingerprint of key and arguments. Unlike `arguments` it tells a 32-bit 5 from a 64-bit 5.
    pub properties_key: String,
}

/// All that stands there.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Topology {
    /// The port exchange exists.
    pub port: bool,
    /// The side exchange exists.
    pub side: bool,
    /// Exchanges of the application → queue.
    pub direct: Vec<Route>,
    /// Exchanges of the application → port.
    pub fed: Vec<Route>,
    /// Port → queue.
    pub serves: bool,
    /// Side → these queues.
    pub branches: Vec<String>,
    /// Bindings from our exchanges that we never make.
    pub foreign: Vec<String>,
}

/// What a topology amounts to.
#[derive(Clone, Debug, PartialEq)]
pub enum PortState {
    /// The application's exchanges feed the queue directly, and nothing of ours is there.
    NotAdopted,
    /// Parts of ours are there. The queue gets every message exactly once all the same: `direct` are the bindings that do
    /// not pass through the port (an adoption or a giving back that did not end, or a producer that bound the queue
    /// again).
    HalfAdopted {
        /// Bindings past the port.
        direct: Vec<Route>,
    },
    /// Every message comes through the port.
    Adopted,
    /// Every new message goes to the branches instead.
    Fenced,
    /// The same, but the queue gets messages past the fence, which the branches get as well: what came through
    /// `strays` since the fence comes twice.
    Breached {
        /// Bindings past the fence.
        strays: Vec<Route>,
    },
}

impl Port {
    /// The port of this queue.
    pub fn of(queue: &str) -> Self {
        Self {
            primary: queue.to_owned(),
            exchange: names::port_exchange(queue),
            side: names::side_exchange(queue),
        }
    }
}

impl Route {
    /// Whether it matches the same messages of the same exchange.
    pub fn same(&self, other: &Self) -> bool {
        self.exchange == other.exchange
            && self.routing_key == other.routing_key
            && self.properties_key == other.properties_key
    }

    /// Looks the same in JSON and is another binding: the types of numbers differ.
    pub(super) fn twin(&self, other: &Self) -> bool {
        !self.same(other)
            && self.exchange == other.exchange
            && self.routing_key == other.routing_key
            && self.arguments == other.arguments
    }

    pub(super) fn is_in(&self, routes: &[Self]) -> bool {
        routes.iter().any(|route| route.same(self))
    }
}

impl Topology {
    /// What it amounts to.
    pub fn state(&self) -> PortState {
        let direct = || self.direct.clone();
        match (self.serves, self.fed.is_empty(), self.direct.is_empty()) {
            _ if !self.port && !self.side => PortState::NotAdopted,
            (true, false, true) => PortState::Adopted,
            (false, false, true) => PortState::Fenced,
            (false, false, false) => PortState::Breached { strays: direct() },
            (true, false, false) | (true | false, true, true | false) => {
                PortState::HalfAdopted { direct: direct() }
            }
        }
    }
}

impl Broker {
    /// Reads what stands before a queue. Needs the management API.
    pub async fn topology(&self, port: &Port) -> Result<Topology, BrokerError> {
        let management = self.management(ASK)?;
        let Some(mut direct) = management.bindings::<Vec<Route>>(&port.primary).await? else {
            let (host, vhost) = (self.endpoint.host.clone(), self.endpoint.vhost.clone());
            let queue = port.primary.clone();
            return Err(BrokerError::NoSuchQueue { host, vhost, queue });
        };
        // Every queue is bound to the default exchange, and an adopted one to its port.
        direct.retain(|route| !route.exchange.is_empty() && route.exchange != port.exchange);
        let mut seen = Topology {
            port: self.stands(port, &port.exchange, Some(&port.side)).await?,
            side: self.stands(port, &port.side, None).await?,
            direct,
            ..Topology::default()
        };
        if seen.port {
            let fed = management.bindings_of_exchange(&port.exchange, "destination");
            seen.fed = fed.await?.unwrap_or_default();
        }
        for way in self.ways_out(seen.port, &port.exchange).await? {
            if way.is_queue(&port.primary) {
                seen.serves = true;
            } else {
                seen.foreign.push(way.described());
            }
        }
        for way in self.ways_out(seen.side, &port.side).await? {
            if way.destination_type == "queue" {
                seen.branches.push(way.destination);
            } else {
                seen.foreign.push(way.described());
            }
        }
        Ok(seen)
    }

    /// What a queue's topology amounts to.
    pub async fn port_state(&self, port: &Port) -> Result<PortState, BrokerError> {
        Ok(self.topology(port).await?.state())
    }

    async fn ways_out(&self, stands: bool, exchange: &str) -> Result<Vec<WayOut>, BrokerError> {
        if !stands {
            return Ok(Vec::new());
        }
        let ways = self.management(ASK)?.bindings_of_exchange(exchange, "source");
        Ok(ways.await?.unwrap_or_default())
    }

    /// Whether one of our exchanges is there; an error when somebody else's has its name.
    async fn stands(&self, port: &Port, name: &str, alternate: Option<&str>) -> Result<bool, BrokerError> {
        let found: Option<ExchangeDocument> = self.management(ASK)?.exchange(name).await?;
        let Some(exchange) = found else {
            return Ok(false);
        };
        let aside = exchange
            .arguments
            .get("alternate-exchange")
            .and_then(Value::as_str);
        if exchange.kind == "fanout" && exchange.durable && !exchange.auto_delete && aside == alternate {
            return Ok(true);
        }
        Err(BrokerError::CannotAdopt {
            queue: port.primary.clone(),
            reason: Unfenced::NameTaken {
                exchange: name.to_owned(),
            },
        })
    }
}

/// An exchange as the management API describes it.
#[derive(Debug, Deserialize)]
pub(super) struct ExchangeDocument {
    #[serde(rename = "type")]
    pub(super) kind: String,
    #[serde(default)]
    pub(super) durable: bool,
    #[serde(default)]
    pub(super) auto_delete: bool,
    #[serde(default, deserialize_with = "table")]
    pub(super) arguments: Map<String, Value>,
}

#[derive(Debug, Deserialize)]
struct WayOut {
    source: String,
    destination: String,
    destination_type: String,
}

impl WayOut {
    fn is_queue(&self, name: &str) -> bool {
        self.destination_type == "queue" && self.destination == name
    }

    fn described(&self) -> String {
        format!(
            "{} to {} {}",
            self.source, self.destination_type, self.destination
        )
    }
}
