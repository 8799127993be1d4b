//! What effects reach outside of the view, and what is to be said of it.

use std::path::PathBuf;

use jiff::Timestamp;
use kube::api::{Patch, PatchParams};
use kube::{Api, Client};
use serde_json::json;
use shadow_core::api::StatefulMigration;
use shadow_deploy::answer;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};

use super::event::Event;
use super::source::live::Order;
use super::tee::Tee;
use crate::drain;

/// Cluster, source and files.
pub struct Outside {
    /// The cluster; none while a recording is played.
    pub client: Option<Client>,
    /// Where orders for the source go.
    pub orders: Option<UnboundedSender<Order>>,
    /// Where orders for the drain go; none without one. When it is dropped, the drain knows that the view was left.
    pub drain: Option<UnboundedSender<drain::Order>>,
    /// The recording.
    pub tee: Tee,
    /// The move was begun by this command.
    pub begun: bool,
    /// Where events come from, and effects send theirs to.
    pub events: (UnboundedSender<Event>, UnboundedReceiver<Event>),
}

impl Outside {
    /// Tells the source what to look at.
    pub(super) fn order(&self, order: Order) -> Option<String> {
        let is_lost = self
            .orders
            .as_ref()
            .is_some_and(|orders| orders.send(order).is_err());
        is_lost.then(|| "the source of changes has ended. Leave with q and watch again".to_owned())
    }

    /// Tells the drain what to do.
    pub(super) fn drain(&self, order: drain::Order) -> Option<String> {
        let is_lost = self.drain.as_ref().is_none_or(|drain| drain.send(order).is_err());
        is_lost.then(|| "the drain has ended meanwhile".to_owned())
    }

    /// Begins a recording in the present folder, under a name of its own.
    pub(super) fn begin_recording(&mut self, now: Timestamp) -> String {
        let file = PathBuf::from(format!("shadow-{}.ndjson", now.strftime("%Y%m%d-%H%M%S")));
        match self.tee.begin(&file, now) {
            Ok(()) => format!("recording into {}; r ends it", file.display()),
            Err(error) => error.to_string(),
        }
    }

    /// Ends it.
    pub(super) fn end_recording(&mut self, now: Timestamp) -> Option<String> {
        match self.tee.end(now) {
            Ok(file) => file.map(|file| format!("recorded in {}", file.display())),
            Err(error) => Some(error.to_string()),
        }
    }

    /// Asks for a move to be undone. What becomes of it is seen as any other change; a refusal is said.
    pub(super) fn cancel(&self, id: &str) {
        let (Some(client), Some((namespace, name))) = (self.client.clone(), id.split_once('/')) else {
            return;
        };
        let (namespace, name) = (namespace.to_owned(), name.to_owned());
        let events = self.events.0.clone();
        tokio::spawn(async move {
            let api: Api<StatefulMigration> = Api::namespaced(client, &namespace);
            let wish = Patch::Merge(json!({"spec": {"cancel": true}}));
            let said = match api.patch(&name, &PatchParams::default(), &wish).await {
                Ok(_) => format!("{name} is being cancelled"),
                Err(error) => format!("{name} was not cancelled: {}", answer::said_briefly(&error)),
            };
            // The view may have been left meanwhile.
            drop(events.send(Event::Said(said)));
        });
    }
}
