//! What a queue, its exchanges and our user must be like before a port is put before it. Asked before anything is
//! changed.

use lapin::options::{ExchangeDeleteOptions, ExchangeUnbindOptions};
use lapin::types::FieldTable;
use serde_json::Value;
use shadow_core::names;
use shadow_core::unfenced::{Setting, Unfenced};

use super::change::readings;
use super::topology::{ExchangeDocument, Port, Route, Topology};
use crate::broker::permissions::PROBE;
use crate::broker::{Broker, BrokerError, QueueFacts, QueueKind, Sufficiency};

/// An exchange of the application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExchangeFacts {
    /// Name.
    pub name: String,
    /// Type, e.g. `topic`.
    pub kind: String,
}

/// Types whose bindings decide each for itself. Others share messages out among their bindings, so that a second binding
/// beside the first changes what the first one gets.
const INDEPENDENT: [&str; 4] = ["fanout", "direct", "topic", "headers"];

type Limited = fn(Setting) -> Unfenced;

/// Arguments, and the policy keys beside them, under which two queues in a row are not what one queue was.
const ONE_QUEUE_ONLY: [(&str, &str, Limited); 3] = [
    ("x-max-length", "max-length", Unfenced::LengthLimited),
    ("x-max-length-bytes", "max-length-bytes", Unfenced::LengthLimited),
    ("x-max-priority", "max-priority", Unfenced::Prioritised),
];

/// Policy keys that decide about messages; a backlog queue must have them as the primary queue has them.
const MESSAGE_POLICIES: [&str; 6] = [
    "message-ttl",
    "dead-letter-exchange",
    "dead-letter-routing-key",
    "dead-letter-strategy",
    "delivery-limit",
    "overflow",
];

impl QueueFacts {
    /// Whether a port may be put before this queue, given what stands before it and the exchanges that feed it; the error
    /// names what is in the way.
    ///
    /// New messages wait in a second queue, the backlog, which holds them alone. It is declared exactly like this one,
    /// since the application declares it itself:
    /// - dead-lettering by argument is copied: it acts on what the application rejects, in either queue (`x-death` then
    ///   names the backlog);
    /// - a time to live is copied if it is 120 s or more: a message waits as long in both queues together as it would
    ///   have in one;
    /// - a maximum length is refused: what overflows while it waits would be dropped without the application ever having
    ///   been late;
    /// - priorities are refused: what is urgent in the backlog would wait for what is not in the queue;
    /// - what a policy sets must apply to the backlog, too, which is looked at when it has been declared.
    pub fn can_be_adopted(&self, seen: &Topology, exchanges: &[ExchangeFacts]) -> Result<(), BrokerError> {
        let no = |reason: Unfenced| Err(self.not_adopted(reason));
        if self.kind != QueueKind::Classic {
            return no(Unfenced::NotClassic);
        }
        if self.name.len() > names::LONGEST_PORTED_QUEUE {
            return no(Unfenced::NameTooLong);
        }
        self.can_be_held()?;
        for (argument, policy, limited) in ONE_QUEUE_ONLY {
            if self.arguments.contains_key(argument) || self.policy_definition.contains_key(policy) {
                return no(limited(Setting {
                    argument: argument.to_owned(),
                    policy: policy.to_owned(),
                }));
            }
        }
        let routes = || seen.direct.iter().chain(&seen.fed);
        if routes().next().is_none() {
            return no(Unfenced::NotBound);
        }
        routes().try_for_each(|route| self.route_can_be_copied(route, exchanges))
    }

    fn route_can_be_copied(&self, route: &Route, exchanges: &[ExchangeFacts]) -> Result<(), BrokerError> {
        let exchange = exchanges.iter().find(|exchange| exchange.name == route.exchange);
        let named = || route.exchange.clone();
        let reason = match exchange {
            None => Unfenced::ExchangeUnseen { exchange: named() },
            Some(exchange) if !INDEPENDENT.contains(&exchange.kind.as_str()) => Unfenced::ExchangeShares {
                exchange: named(),
                kind: exchange.kind.clone(),
            },
            Some(_) if readings(&route.arguments).is_empty() => {
                Unfenced::BindingArguments { exchange: named() }
            }
            Some(_) => return Ok(()),
        };
        Err(self.not_adopted(reason))
    }

    pub(super) fn not_adopted(&self, reason: Unfenced) -> BrokerError {
        BrokerError::CannotAdopt {
            queue: self.name.clone(),
            reason,
        }
    }

    /// Whether a helper queue that was declared like this one is like it under the policies as well.
    pub(super) fn has_policies_of(&self, helper: &Self) -> Result<(), BrokerError> {
        let of = |facts: &Self, key: &str| facts.policy_definition.get(key).cloned().unwrap_or(Value::Null);
        for key in MESSAGE_POLICIES {
            if of(self, key) != of(helper, key) {
                return Err(self.not_adopted(Unfenced::PolicyDiffers {
                    key: key.to_owned(),
                    queue: of(self, key).to_string(),
                    helper: of(helper, key).to_string(),
                }));
            }
        }
        let mut limits = ONE_QUEUE_ONLY
            .iter()
            .map(|(_, policy, _)| *policy)
            .chain(["expires"]);
        let limit = limits.find(|policy| helper.policy_definition.contains_key(*policy));
        limit.map_or(Ok(()), |key| {
            Err(self.not_adopted(Unfenced::HelperLimited {
                helper: helper.name.clone(),
                key: key.to_owned(),
            }))
        })
    }
}

impl Broker {
    /// The exchanges that feed a queue, for [`QueueFacts::can_be_adopted`].
    pub async fn exchanges_of(&self, seen: &Topology) -> Result<Vec<ExchangeFacts>, BrokerError> {
        let mut names: Vec<&str> = seen
            .direct
            .iter()
            .chain(&seen.fed)
            .map(|r| r.exchange.as_str())
            .collect();
        names.sort_unstable();
        names.dedup();
        let management = self.management("look at exchanges")?;
        let mut all = Vec::new();
        for name in names {
            if let Some(found) = management.exchange::<ExchangeDocument>(name).await? {
                all.push(ExchangeFacts {
                    name: name.to_owned(),
                    kind: found.kind,
                });
            }
        }
        Ok(all)
    }

    /// Tries what a port needs, with names and keys that nothing has: configure and write on our exchanges, write on the
    /// queue, read on the exchanges that feed it. Changes nothing.
    pub async fn port_permissions_suffice(
        &self,
        port: &Port,
        seen: &Topology,
    ) -> Result<Sufficiency, BrokerError> {
        let mut missing = Vec::new();
        for exchange in [&port.exchange, &port.side] {
            let probe = format!("{exchange}{PROBE}");
            self.note(&mut missing, self.may_configure_exchange(&probe).await)?;
        }
        for route in seen.direct.iter().chain(&seen.fed) {
            let refused = [
                self.may_feed(port, route).await,
                self.may_bind(&port.primary, route).await,
            ];
            for tried in refused {
                self.note(&mut missing, tried)?;
            }
        }
        missing.dedup();
        Ok(if missing.is_empty() {
            Sufficiency::Sufficient
        } else {
            Sufficiency::Missing(missing)
        })
    }

    /// Why no port can be put before this queue; `None`: one can.
    pub async fn no_port_before(&self, facts: &QueueFacts) -> Result<Option<Unfenced>, BrokerError> {
        if !self.has_management() {
            return Ok(Some(Unfenced::NoManagement));
        }
        let port = Port::of(&facts.name);
        let seen = match self.topology(&port).await {
            // Somebody else's exchange has the name of ours: no port, but nothing that keeps a pod from parking.
            Err(BrokerError::CannotAdopt { reason, .. }) => return Ok(Some(reason)),
            looked => looked?,
        };
        if !seen.branches.is_empty() {
            return Err(BrokerError::LeftFenced {
                queue: facts.name.clone(),
                branches: seen.branches,
                port: port.exchange,
                side: port.side,
            });
        }
        let exchanges = self.exchanges_of(&seen).await?;
        match facts.can_be_adopted(&seen, &exchanges) {
            Err(BrokerError::CannotAdopt { reason, .. }) => return Ok(Some(reason)),
            answer => answer?,
        }
        Ok(match self.port_permissions_suffice(&port, &seen).await? {
            Sufficiency::Sufficient => None,
            Sufficiency::Missing(rights) => Some(Unfenced::Forbidden { rights }),
        })
    }

    async fn may_configure_exchange(&self, probe: &str) -> Result<(), BrokerError> {
        let careful = ExchangeDeleteOptions {
            if_unused: true,
            nowait: false,
        };
        let asked = self.ask("configure", probe, |channel| async move {
            channel.exchange_delete(probe.into(), careful).await
        });
        present_or_not(asked.await)
    }

    /// An unbind that matches nothing: write on our exchange, read on the application's.
    async fn may_feed(&self, port: &Port, route: &Route) -> Result<(), BrokerError> {
        let probe = format!("{}{PROBE}", port.exchange);
        let (probe, source) = (probe.as_str(), route.exchange.as_str());
        let asked = self.ask("bind to exchange", source, |channel| async move {
            let options = ExchangeUnbindOptions::default();
            let (key, none) = (PROBE.into(), FieldTable::default());
            channel
                .exchange_unbind(probe.into(), source.into(), key, options, none)
                .await
        });
        present_or_not(asked.await)
    }

    /// The same for the queue: write on it, read on the exchange.
    async fn may_bind(&self, queue: &str, route: &Route) -> Result<(), BrokerError> {
        let source = route.exchange.as_str();
        let asked = self.ask("unbind from its exchanges", queue, |channel| async move {
            let (key, none) = (PROBE.into(), FieldTable::default());
            channel.queue_unbind(queue.into(), source.into(), key, none).await
        });
        present_or_not(asked.await)
    }
}

/// Permissions are looked at before existence.
fn present_or_not(tried: Result<(), BrokerError>) -> Result<(), BrokerError> {
    match tried {
        Err(BrokerError::NoSuchQueue { .. }) => Ok(()),
        answer => answer,
    }
}
