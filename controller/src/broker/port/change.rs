//! One change of exchanges and bindings, and the look that shows that it is in effect.
//!
//! Guarantee: [`Broker::apply`] returns `Ok` only when the broker's own tables show the change. An unbind with a wrong
//! key or argument matches nothing and succeeds, and JSON does not tell the types of numbers in arguments, so types are
//! tried until the broker's fingerprint of the binding is the wanted one.

use lapin::options::{
    ExchangeBindOptions, ExchangeDeclareOptions, ExchangeDeleteOptions, ExchangeUnbindOptions,
    QueueBindOptions,
};
use lapin::types::{AMQPValue, FieldTable, LongString, ShortString};
use lapin::{Channel, ExchangeKind};
use serde_json::{Map, Value};
use tracing::info;

use super::plan::Change;
use super::topology::{Port, Route, Topology};
use crate::broker::{Broker, BrokerError};

/// A whole number as one of the types that clients use for it; `None` when it does not fit.
type Typing = fn(i64) -> Option<AMQPValue>;

/// Most usual first.
const TYPINGS: [Typing; 5] = [
    |n| i32::try_from(n).ok().map(AMQPValue::LongInt),
    |n| Some(AMQPValue::LongLongInt(n)),
    |n| i16::try_from(n).ok().map(AMQPValue::ShortInt),
    |n| i8::try_from(n).ok().map(AMQPValue::ShortShortInt),
    |n| u32::try_from(n).ok().map(AMQPValue::LongUInt),
];

/// All ways in which these arguments can have been meant; none when they hold what we cannot write.
pub(super) fn readings(arguments: &Map<String, Value>) -> Vec<FieldTable> {
    let counts = arguments.values().any(Value::is_number);
    let typings = if counts { &TYPINGS[..] } else { &TYPINGS[..1] };
    typings
        .iter()
        .filter_map(|typing| reading(arguments, *typing))
        .collect()
}

fn reading(arguments: &Map<String, Value>, typing: Typing) -> Option<FieldTable> {
    let mut table = FieldTable::default();
    for (name, value) in arguments {
        let value = match value {
            Value::Null => AMQPValue::Void,
            Value::Bool(flag) => AMQPValue::Boolean(*flag),
            Value::String(text) => AMQPValue::LongString(LongString::from(text.as_str())),
            Value::Number(number) => typing(number.as_i64()?)?,
            Value::Array(_) | Value::Object(_) => return None,
        };
        table.insert(ShortString::from(name.as_str()), value);
    }
    Some(table)
}

impl Broker {
    /// Makes one change and returns what stands then.
    pub(super) async fn apply(
        &self,
        port: &Port,
        change: &Change,
        before: &Topology,
    ) -> Result<Topology, BrokerError> {
        let mut seen = before.clone();
        for arguments in change.arguments() {
            self.ask_for(port, change, &arguments).await?;
            let known = seen;
            seen = self.topology(port).await?;
            if change.shows_in(&seen) {
                info!(queue = port.primary, %change, "broker topology changed");
                return Ok(seen);
            }
            if let Some(other) = change.by_product(&known, &seen) {
                self.ask_for(port, &other, &arguments).await?;
                seen = self.topology(port).await?;
            }
        }
        Err(BrokerError::NotInEffect {
            host: self.endpoint.host.clone(),
            queue: port.primary.clone(),
            change: change.to_string(),
        })
    }

    async fn ask_for(&self, port: &Port, change: &Change, arguments: &FieldTable) -> Result<(), BrokerError> {
        let asked = self
            .change("change bindings of", &port.primary, |channel| {
                let arguments = arguments.clone();
                async move { call(&channel, port, change, arguments).await }
            })
            .await;
        asked.map_err(|error| self.worded(port, change, error))
    }

    /// Missing or unequal things are exchanges here, not queues.
    fn worded(&self, port: &Port, change: &Change, error: BrokerError) -> BrokerError {
        let reason = if let BrokerError::NoSuchQueue { .. } = &error {
            "an exchange or queue in it does not exist".to_owned()
        } else if let BrokerError::Mismatch { reason, .. } = &error {
            reason.clone()
        } else {
            return error;
        };
        BrokerError::ChangeRefused {
            host: self.endpoint.host.clone(),
            queue: port.primary.clone(),
            change: change.to_string(),
            reason,
        }
    }
}

impl Change {
    fn arguments(&self) -> Vec<FieldTable> {
        match self {
            Self::Feed(route) | Self::Unfeed(route) | Self::Own(route) | Self::Disown(route) => {
                readings(&route.arguments)
            }
            Self::DeclareSide
            | Self::DeclarePort
            | Self::Serve
            | Self::Unserve
            | Self::Branch(_)
            | Self::Unbranch(_)
            | Self::DeletePort
            | Self::DeleteSide => vec![FieldTable::default()],
        }
    }

    /// How to take back what a binding with a wrongly typed number has made instead.
    fn by_product(&self, before: &Topology, after: &Topology) -> Option<Self> {
        let made = |before: &[Route], after: &[Route], wanted: &Route| {
            let new = |route: &&Route| !route.is_in(before) && route.twin(wanted);
            after.iter().find(new).cloned()
        };
        match self {
            Self::Feed(route) => made(&before.fed, &after.fed, route).map(Self::Unfeed),
            Self::Own(route) => made(&before.direct, &after.direct, route).map(Self::Disown),
            Self::Unfeed(_)
            | Self::Disown(_)
            | Self::DeclareSide
            | Self::DeclarePort
            | Self::Serve
            | Self::Unserve
            | Self::Branch(_)
            | Self::Unbranch(_)
            | Self::DeletePort
            | Self::DeleteSide => None,
        }
    }
}

pub(super) async fn call(
    channel: &Channel,
    port: &Port,
    change: &Change,
    arguments: FieldTable,
) -> lapin::Result<()> {
    let (queue, exchange, side) = (
        ShortString::from(port.primary.as_str()),
        ShortString::from(port.exchange.as_str()),
        ShortString::from(port.side.as_str()),
    );
    let from = |route: &Route| {
        (
            ShortString::from(route.exchange.as_str()),
            ShortString::from(route.routing_key.as_str()),
        )
    };
    let bind = QueueBindOptions::default();
    let no_key = ShortString::from("");
    match change {
        Change::DeclareSide => declare(channel, side, arguments).await,
        Change::DeclarePort => {
            let mut arguments = arguments;
            let aside = AMQPValue::LongString(LongString::from(port.side.as_str()));
            arguments.insert("alternate-exchange".into(), aside);
            declare(channel, exchange, arguments).await
        }
        Change::Serve => channel.queue_bind(queue, exchange, no_key, bind, arguments).await,
        Change::Unserve => channel.queue_unbind(queue, exchange, no_key, arguments).await,
        Change::Feed(route) => {
            let (source, key) = from(route);
            let options = ExchangeBindOptions::default();
            channel
                .exchange_bind(exchange, source, key, options, arguments)
                .await
        }
        Change::Unfeed(route) => {
            let (source, key) = from(route);
            let options = ExchangeUnbindOptions::default();
            channel
                .exchange_unbind(exchange, source, key, options, arguments)
                .await
        }
        Change::Own(route) => {
            let (source, key) = from(route);
            channel.queue_bind(queue, source, key, bind, arguments).await
        }
        Change::Disown(route) => {
            let (source, key) = from(route);
            channel.queue_unbind(queue, source, key, arguments).await
        }
        Change::Branch(branch) => {
            channel
                .queue_bind(branch.as_str().into(), side, no_key, bind, arguments)
                .await
        }
        Change::Unbranch(branch) => {
            channel
                .queue_unbind(branch.as_str().into(), side, no_key, arguments)
                .await
        }
        Change::DeletePort => delete(channel, exchange).await,
        Change::DeleteSide => delete(channel, side).await,
    }
}

async fn declare(channel: &Channel, exchange: ShortString, arguments: FieldTable) -> lapin::Result<()> {
    let durable = ExchangeDeclareOptions {
        durable: true,
        ..ExchangeDeclareOptions::default()
    };
    channel
        .exchange_declare(exchange, ExchangeKind::Fanout, durable, arguments)
        .await
}

/// The broker's own condition: nothing is bound to it any more.
async fn delete(channel: &Channel, exchange: ShortString) -> lapin::Result<()> {
    let careful = ExchangeDeleteOptions {
        if_unused: true,
        nowait: false,
    };
    channel.exchange_delete(exchange, careful).await
}
