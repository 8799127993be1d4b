//! Whether the API server answers. A watch says nothing while nothing changes, and says nothing either when its connection is
//! dead: only a question tells the two apart. While one migration is looked at, the question is for that: its answer is right
//! whatever became of the watch.

use std::time::Duration;

use jiff::Timestamp;
use kube::api::{ApiResource, DynamicObject};
use kube::{Api, Client};
use serde_json::json;
use shadow_core::api::StatefulMigration;
use shadow_deploy::answer;
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::watch::Receiver;

use crate::view::event::{Change, Kind, What};
use crate::view::model::API;

/// Between two questions, and for an answer: a silence is noticed within their sum.
const ASK: Duration = Duration::from_millis(1500);
const ANSWER: Duration = Duration::from_secs(2);

/// What was heard.
pub(super) enum Heard {
    /// An answer, with the migration that was asked for.
    Answer(Timestamp, Option<Box<DynamicObject>>),
    /// The first silence, or the first answer after one.
    Turn(Change, Turn),
}

/// Which of both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// From now on nothing is heard.
    Silent,
    /// It answers again: what was missed has to be read.
    Back,
}

/// Asks for ever: for the migration that is open, by namespace and name, or for the version, which reads no storage.
pub(super) async fn listen(
    client: Client,
    heard: UnboundedSender<Heard>,
    open: Receiver<Option<(String, String)>>,
) {
    let mut silent = false;
    loop {
        let of = open.borrow().clone();
        let (why, object) = match tokio::time::timeout(ANSWER, ask(&client, of)).await {
            Ok(Ok(object)) => (None, object),
            Ok(Err(kube::Error::Api(_))) => (None, None),
            Ok(Err(error)) => (Some(answer::said_briefly(&error)), None),
            Err(_) => (Some("no answer from the API server".to_owned()), None),
        };
        let now = Timestamp::now();
        let said = match (&why, silent) {
            (None, false) => Heard::Answer(now, object),
            (None, true) => Heard::Turn(turn(now, json!({"state": "seen"})), Turn::Back),
            (Some(why), false) => {
                Heard::Turn(turn(now, json!({"state": "silent", "why": why})), Turn::Silent)
            }
            (Some(_), true) => {
                tokio::time::sleep(ASK).await;
                continue;
            }
        };
        silent = why.is_some();
        if heard.send(said).is_err() {
            return;
        }
        tokio::time::sleep(ASK).await;
    }
}

async fn ask(client: &Client, of: Option<(String, String)>) -> kube::Result<Option<Box<DynamicObject>>> {
    let Some((namespace, name)) = of else {
        return client.apiserver_version().await.map(|_| None);
    };
    let resource = ApiResource::erase::<StatefulMigration>(&());
    let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), &namespace, &resource);
    Ok(api.get_opt(&name).await?.map(Box::new))
}

fn turn(at: Timestamp, state: serde_json::Value) -> Change {
    Change {
        at,
        kind: Kind::Link,
        id: API.to_owned(),
        what: What::Set(state),
    }
}
