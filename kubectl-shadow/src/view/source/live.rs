//! The cluster as a source: two watches, and while one migration is open, its Events and at most three pods. Nothing is asked
//! again and again but whether the API server answers at all.

use std::collections::BTreeSet;

use futures::StreamExt;
use futures::stream::{BoxStream, SelectAll};
use jiff::Timestamp;
use kube::Client;
use kube::api::ApiResource;
use kube::core::GroupVersionKind;
use serde_json::Value;
use shadow_core::api::StatefulMigration;
use shadow_core::names;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::watch;

use super::link::{Heard, Turn, listen};
use super::watch::{Said, Target, Watched};
use crate::view::event::{Change, Event, Kind, What};
use crate::view::model::{self, EVENTS, MIGRATIONS, PROGRESS};

/// Pods that are looked at beside an open migration.
const PODS: usize = 3;

/// What is looked at.
#[derive(Clone, Debug, Default)]
pub struct Look {
    /// Namespace; none: all.
    pub namespace: Option<String>,
    /// Labels of the migrations that are wanted, as a selector; empty: all.
    pub labels: String,
    /// Name of the only migration that is wanted; none: all.
    pub only: Option<String>,
}

/// What the view wants to look at from now on.
#[derive(Clone, Debug)]
pub enum Order {
    /// The Events and pods of this migration, or of none.
    Open(Option<String>),
    /// This namespace, or all.
    Namespace(Option<String>),
}

/// Sends what changes, until nobody listens.
pub async fn run(
    client: Client,
    look: Look,
    events: UnboundedSender<Event>,
    mut orders: UnboundedReceiver<Order>,
) {
    let (heard, mut hears) = unbounded_channel();
    let (opens, open) = watch::channel(None);
    tokio::spawn(listen(client.clone(), heard, open));
    let mut live = Live::new(client, look, opens);
    loop {
        let sent = tokio::select! {
            Some((slot, said)) = live.streams.next() => live.said(slot, said, &events),
            Some(heard) = hears.recv() => live.heard(heard, &events),
            order = orders.recv() => match order {
                Some(order) => { live.obey(order); Ok(()) }
                None => return,
            },
        };
        if sent.is_err() {
            return;
        }
    }
}

type Sent = Result<(), tokio::sync::mpsc::error::SendError<Event>>;

struct Live {
    client: Client,
    look: Look,
    watches: Vec<Watched>,
    streams: SelectAll<BoxStream<'static, (usize, Said)>>,
    open: Option<String>,
    /// The same, for the questions beside the watches.
    opens: watch::Sender<Option<(String, String)>>,
    pods: BTreeSet<String>,
}

impl Live {
    fn new(client: Client, look: Look, opens: watch::Sender<Option<(String, String)>>) -> Self {
        let mut live = Self {
            client,
            look,
            watches: Vec::new(),
            streams: SelectAll::new(),
            open: None,
            opens,
            pods: BTreeSet::new(),
        };
        let only = live.look.namespace.clone().zip(live.look.only.clone());
        live.opens.send_replace(only);
        live.begin();
        live
    }

    fn begin(&mut self) {
        let migrations = ApiResource::erase::<StatefulMigration>(&());
        let version = migrations.version.clone();
        let progress = ApiResource::from_gvk(&GroupVersionKind::gvk(
            names::GROUP,
            &version,
            "MigrationProgress",
        ));
        let progress = ApiResource {
            plural: "migrationprogresses".to_owned(),
            ..progress
        };
        let fields = self
            .look
            .only
            .as_ref()
            .map(|name| format!("metadata.name={name}"))
            .unwrap_or_default();
        // Only migrations have the labels.
        for (kind, link, resource, labels) in [
            (Kind::Migration, MIGRATIONS, migrations, self.look.labels.clone()),
            (Kind::Progress, PROGRESS, progress, String::new()),
        ] {
            let namespace = self.look.namespace.clone();
            self.add(Target {
                kind,
                link,
                resource,
                namespace,
                fields: fields.clone(),
                labels,
            });
        }
    }

    fn add(&mut self, target: Target) {
        self.attach(self.watches.len(), &target);
        self.watches.push(Watched::new(target));
    }

    fn attach(&mut self, slot: usize, target: &Target) {
        let stream = target.stream(&self.client);
        self.streams.push(stream.map(move |said| (slot, said)).boxed());
    }

    /// All watches begin anew: their connections may be dead, and what was missed is read again.
    fn again(&mut self) {
        self.streams = SelectAll::new();
        let targets: Vec<Target> = self
            .watches
            .iter()
            .map(|watched| watched.target().clone())
            .collect();
        for (slot, target) in targets.iter().enumerate() {
            self.attach(slot, target);
        }
    }

    fn said(&mut self, slot: usize, said: Said, events: &UnboundedSender<Event>) -> Sent {
        let now = Timestamp::now();
        let answered = said.is_ok();
        let Some(watched) = self.watches.get_mut(slot) else {
            return Ok(());
        };
        for change in watched.changes(said, now) {
            self.follow(&change);
            events.send(Event::Change(change))?;
        }
        if answered {
            events.send(Event::Link(now))
        } else {
            Ok(())
        }
    }

    fn heard(&mut self, heard: Heard, events: &UnboundedSender<Event>) -> Sent {
        match heard {
            Heard::Answer(at, object) => {
                let first = self.watches.first_mut();
                let read = object.and_then(|object| first?.read(*object, at));
                if let Some(change) = read {
                    self.follow(&change);
                    events.send(Event::Change(change))?;
                }
                events.send(Event::Link(at))
            }
            Heard::Turn(change, turn) => {
                if turn == Turn::Back {
                    self.again();
                    events.send(Event::Link(change.at))?;
                }
                events.send(Event::Change(change))
            }
        }
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Open(open) => {
                if open == self.open {
                    return;
                }
                let split = |id: &String| id.split_once('/').map(|(a, b)| (a.to_owned(), b.to_owned()));
                let only = self.look.namespace.clone().zip(self.look.only.clone());
                self.opens.send_replace(open.as_ref().and_then(split).or(only));
                self.open = open;
                self.drop_details();
                if let Some((namespace, name)) =
                    self.open.clone().as_deref().and_then(|id| id.split_once('/'))
                {
                    let fields = format!("involvedObject.kind=StatefulMigration,involvedObject.name={name}");
                    let resource = ApiResource::erase::<k8s_openapi::api::core::v1::Event>(&());
                    let (kind, link, namespace) = (Kind::Event, EVENTS, Some(namespace.to_owned()));
                    self.add(Target {
                        kind,
                        link,
                        resource,
                        namespace,
                        fields,
                        labels: String::new(),
                    });
                }
            }
            Order::Namespace(namespace) => {
                self.look.namespace = namespace;
                (self.open, self.streams) = (None, SelectAll::new());
                self.watches.clear();
                self.pods.clear();
                self.begin();
            }
        }
    }

    /// The watches of what was open end.
    fn drop_details(&mut self) {
        self.pods.clear();
        self.watches
            .retain(|watched| matches!(watched.target().kind, Kind::Migration | Kind::Progress));
        self.again();
    }

    /// The pods of the open migration are looked at, once it names them.
    fn follow(&mut self, change: &Change) {
        let is_open = change.kind == Kind::Migration && Some(&change.id) == self.open.as_ref();
        let (true, What::Set(object), Some((namespace, _))) =
            (is_open, &change.what, change.id.split_once('/'))
        else {
            return;
        };
        for pod in pods(object) {
            if self.pods.len() < PODS && self.pods.insert(pod.clone()) {
                self.add(Target {
                    kind: Kind::Pod,
                    link: model::PODS,
                    resource: ApiResource::erase::<k8s_openapi::api::core::v1::Pod>(&()),
                    namespace: Some(namespace.to_owned()),
                    fields: format!("metadata.name={pod}"),
                    labels: String::new(),
                });
            }
        }
    }
}

/// The pods of a migration.
fn pods(migration: &Value) -> Vec<String> {
    let text = |value: &Value, path: &str| value.pointer(path).and_then(Value::as_str).map(str::to_owned);
    let legs = migration.pointer("/status/legs").and_then(Value::as_array);
    let of_legs = legs
        .into_iter()
        .flatten()
        .flat_map(|leg| [text(leg, "/from/pod"), text(leg, "/to/pod")]);
    [text(migration, "/spec/sourcePod")]
        .into_iter()
        .chain(of_legs)
        .flatten()
        .collect()
}
