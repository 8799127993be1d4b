//! The exchanges of an application: declared, bound to its queue, and the ways in which publishers reach it.

use lapin::options::{ExchangeDeclareOptions, QueueBindOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, ExchangeKind};

use super::scene::{Scene, connection};

/// How a queue is fed.
#[derive(Clone, Debug)]
pub(crate) struct Feeding {
    exchanges: Vec<(String, ExchangeKind)>,
    pub(crate) bindings: Vec<Binding>,
    /// Publishers take one after the other.
    pub(crate) ways: Vec<Way>,
}

/// A binding to the primary queue.
#[derive(Clone, Debug)]
pub(crate) struct Binding {
    pub(crate) exchange: String,
    pub(crate) key: &'static str,
    pub(crate) arguments: FieldTable,
}

/// What a message is published with.
#[derive(Clone, Debug)]
pub(crate) struct Way {
    pub(crate) exchange: String,
    pub(crate) key: &'static str,
    pub(crate) headers: FieldTable,
}

pub(crate) fn fields(entries: &[(&str, AMQPValue)]) -> FieldTable {
    let mut table = FieldTable::default();
    for (name, value) in entries {
        table.insert((*name).into(), value.clone());
    }
    table
}

fn text(value: &str) -> AMQPValue {
    AMQPValue::LongString(value.into())
}

impl Feeding {
    pub(crate) fn fanout(scene: &Scene) -> Self {
        Self::plain(scene, "fanout", ExchangeKind::Fanout, &["", "unused"], &["any"])
    }

    pub(crate) fn direct(scene: &Scene) -> Self {
        Self::plain(scene, "direct", ExchangeKind::Direct, &["a", "b"], &["a", "b"])
    }

    /// Bindings that overlap: a message that several of them match is still one.
    pub(crate) fn topic(scene: &Scene) -> Self {
        let patterns = ["orders.*.eu", "orders.#", "*.*.us"];
        let keys = ["orders.1.eu", "orders.x", "paid.1.us", "orders.1.us"];
        Self::plain(scene, "topic", ExchangeKind::Topic, &patterns, &keys)
    }

    /// Numbers of two types, and one value in both.
    pub(crate) fn headers(scene: &Scene) -> Self {
        let mut all = Self::plain(scene, "headers", ExchangeKind::Headers, &[], &[]);
        let exchange = all.exchanges[0].0.clone();
        let tables = [
            fields(&[
                ("x-match", text("all")),
                ("region", text("eu")),
                ("level", AMQPValue::LongLongInt(5)),
            ]),
            fields(&[
                ("x-match", text("any")),
                ("kind", text("a")),
                ("n", AMQPValue::LongInt(7)),
            ]),
            fields(&[("x-match", text("all")), ("urgent", AMQPValue::Boolean(true))]),
        ];
        all.bindings = tables
            .into_iter()
            .map(|arguments| Binding {
                exchange: exchange.clone(),
                key: "",
                arguments,
            })
            .collect();
        let sent = [
            fields(&[("region", text("eu")), ("level", AMQPValue::LongLongInt(5))]),
            fields(&[("kind", text("a"))]),
            fields(&[("n", AMQPValue::LongInt(7))]),
            fields(&[("urgent", AMQPValue::Boolean(true))]),
        ];
        all.ways = sent
            .into_iter()
            .map(|headers| Way {
                exchange: exchange.clone(),
                key: "",
                headers,
            })
            .collect();
        all
    }

    /// One exchange of each type.
    pub(crate) fn several(scene: &Scene) -> Self {
        let mut all = Self::fanout(scene);
        for more in [Self::direct(scene), Self::topic(scene), Self::headers(scene)] {
            all.exchanges.extend(more.exchanges);
            all.bindings.extend(more.bindings);
            all.ways.extend(more.ways);
        }
        all
    }

    fn plain(
        scene: &Scene,
        name: &str,
        kind: ExchangeKind,
        patterns: &[&'static str],
        keys: &[&'static str],
    ) -> Self {
        let exchange = format!("orders-{name}.{}", scene.tag);
        let bindings = patterns.iter().map(|key| Binding {
            exchange: exchange.clone(),
            key,
            arguments: FieldTable::default(),
        });
        let ways = keys.iter().map(|key| Way {
            exchange: exchange.clone(),
            key,
            headers: FieldTable::default(),
        });
        Self {
            bindings: bindings.collect(),
            ways: ways.collect(),
            exchanges: vec![(exchange, kind)],
        }
    }

    /// Declares and binds, as a producer or the application does at its start.
    pub(crate) async fn declare(&self, queue: &str) {
        let connection = connection().await;
        let channel = connection.create_channel().await.unwrap();
        for (exchange, kind) in &self.exchanges {
            let options = ExchangeDeclareOptions {
                durable: true,
                ..ExchangeDeclareOptions::default()
            };
            let declared = channel.exchange_declare(
                exchange.as_str().into(),
                kind.clone(),
                options,
                FieldTable::default(),
            );
            declared.await.unwrap();
        }
        for binding in &self.bindings {
            binding.bind(&channel, queue).await;
        }
        connection.close(200, "done".into()).await.unwrap();
    }
}

impl Binding {
    pub(crate) async fn bind(&self, channel: &Channel, queue: &str) {
        channel
            .queue_bind(
                queue.into(),
                self.exchange.as_str().into(),
                self.key.into(),
                QueueBindOptions::default(),
                self.arguments.clone(),
            )
            .await
            .unwrap();
    }
}
