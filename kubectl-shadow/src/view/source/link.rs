//! Whether the API server answers. A watch says nothing while nothing changes, and says nothing either when its connection is
//! dead: only a question tells the two apart.

use std::time::Duration;

use jiff::Timestamp;
use kube::Client;
use serde_json::json;
use shadow_deploy::answer;
use tokio::sync::mpsc::UnboundedSender;

use crate::view::event::{Change, Kind, What};
use crate::view::model::API;

/// Between two questions, and for an answer: a silence is noticed within their sum.
const ASK: Duration = Duration::from_millis(1500);
const ANSWER: Duration = Duration::from_secs(2);

/// What was heard.
pub(super) enum Heard {
    /// An answer.
    Answer(Timestamp),
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

/// Asks for ever. The version is the cheapest question there is: it reads no storage.
pub(super) async fn listen(client: Client, heard: UnboundedSender<Heard>) {
    let mut silent = false;
    loop {
        let asked = tokio::time::timeout(ANSWER, client.apiserver_version()).await;
        let why = match asked {
            Ok(Ok(_) | Err(kube::Error::Api(_))) => None,
            Ok(Err(error)) => Some(answer::said_briefly(&error)),
            Err(_) => Some("no answer from the API server".to_owned()),
        };
        let now = Timestamp::now();
        let said = match (&why, silent) {
            (None, false) => Heard::Answer(now),
            (None, true) => Heard::Turn(turn(now, json!({"state": "seen"})), Turn::Back),
            (Some(why), false) => Heard::Turn(turn(now, json!({"state": "silent", "why": why})), Turn::Silent),
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

fn turn(at: Timestamp, state: serde_json::Value) -> Change {
    Change {
        at,
        kind: Kind::Link,
        id: API.to_owned(),
        what: What::Set(state),
    }
}
