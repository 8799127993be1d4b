//! Events, written beside the work: a move never waits for one, and one that cannot be written loses nothing but the notice.

use std::time::Duration;

use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use k8s_openapi::jiff::Timestamp;
use kube::api::{ObjectMeta, PostParams};
use kube::{Api, Client};
use tokio::sync::mpsc;
use tokio::time::timeout;

/// Events that wait to be written; more are dropped.
const WAITING: usize = 256;
/// For one of them.
const WITHIN: Duration = Duration::from_secs(5);
/// Limits of the API: characters of a reason, bytes of a note.
const REASON: usize = 120;
const NOTE: usize = 1_000;
/// Who reports.
const CONTROLLER: &str = "shadow-controller";

/// Takes Events to be written, in order.
#[derive(Clone)]
pub struct Events {
    queue: mpsc::Sender<Event>,
}

impl Events {
    /// Writes what is handed in, from now on.
    pub fn written_by(client: Client) -> Self {
        let (queue, mut waiting) = mpsc::channel::<Event>(WAITING);
        tokio::spawn(async move {
            while let Some(event) = waiting.recv().await {
                write(&client, &event).await;
            }
        });
        Self { queue }
    }

    /// Hands one in, without waiting.
    pub fn tell(&self, about: ObjectReference, good: bool, reason: &str, note: &str) {
        let event = event(about, good, reason, note, Timestamp::now());
        if self.queue.try_send(event).is_err() {
            tracing::warn!(reason, note, "event not recorded: too many wait to be written");
        }
    }
}

async fn write(client: &Client, event: &Event) {
    let namespace = event.metadata.namespace.as_deref().unwrap_or_default();
    let api: Api<Event> = Api::namespaced(client.clone(), namespace);
    let written = timeout(WITHIN, api.create(&PostParams::default(), event)).await;
    let reason = event.reason.as_deref();
    match written {
        Ok(Ok(_)) => {}
        Ok(Err(error)) => tracing::warn!(
            reason,
            error = shadow_identity::said(&error),
            "event not recorded"
        ),
        Err(_) => tracing::warn!(reason, "event not recorded: the API server does not answer"),
    }
}

fn event(about: ObjectReference, good: bool, reason: &str, note: &str, now: Timestamp) -> Event {
    let kind = if good { "Normal" } else { "Warning" };
    Event {
        metadata: ObjectMeta {
            namespace: about.namespace.clone(),
            generate_name: about.name.as_ref().map(|name| format!("{name}-")),
            ..ObjectMeta::default()
        },
        event_time: Some(MicroTime(now)),
        type_: Some(kind.to_owned()),
        reason: Some(reason.chars().take(REASON).collect()),
        note: Some(note[..note.floor_char_boundary(NOTE)].to_owned()),
        action: Some("Migrate".to_owned()),
        reporting_controller: Some(CONTROLLER.to_owned()),
        reporting_instance: Some(CONTROLLER.to_owned()),
        regarding: Some(about),
        ..Event::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_cut_to_what_the_api_takes() {
        let about = ObjectReference {
            namespace: Some("shop".to_owned()),
            name: Some("orders-0".to_owned()),
            uid: Some("u".to_owned()),
            ..ObjectReference::default()
        };
        let made = event(about, false, "NotParked", &"ü".repeat(900), Timestamp::UNIX_EPOCH);
        assert_eq!(made.note.unwrap().len(), NOTE);
        assert_eq!(made.metadata.generate_name.as_deref(), Some("orders-0-"));
        assert_eq!(made.regarding.unwrap().uid.as_deref(), Some("u"));
        assert_eq!(made.type_.as_deref(), Some("Warning"));
    }
}
