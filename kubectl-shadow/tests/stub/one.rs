//! An API server that knows one migration. What it shows of it is told by the test, by the time since its creation.

use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Asked, Stub, failure, http};

pub(crate) const NAME: &str = "orders-0-x7k2p";

/// What a question is answered with.
pub(crate) enum Answer {
    /// The migration with this status.
    Shown(Value),
    /// An error.
    Error(u16, &'static str),
    /// Nothing: the connection ends.
    Nothing,
    /// The migration, but only when so much time has passed since the creation.
    Late(Duration, Value),
}

pub(crate) struct Server(Stub);

impl Server {
    /// One that answers so.
    pub(crate) fn that_shows(show: impl Fn(Duration) -> Answer + Send + Sync + 'static) -> Self {
        Self::that_denies(&[], show)
    }

    /// The same, but these resources may not be looked at.
    pub(crate) fn that_denies(
        denied: &'static [&'static str],
        show: impl Fn(Duration) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let begun = Instant::now();
        Self(Stub::that_answers(move |asked| {
            if denied.iter().any(|one| asked.place().ends_with(one)) {
                return failed(403, "you may not");
            }
            answer(asked, show(begun.elapsed()), begun)
        }))
    }

    /// How often something was asked to be changed.
    pub(crate) fn patches(&self) -> usize {
        let asked = self.0.asked();
        asked.iter().filter(|asked| asked.method == "PATCH").count()
    }

    /// The program, asking this server.
    pub(crate) fn asked_by(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("KUBECONFIG", self.0.kubeconfig());
        command
    }
}

/// A watch is answered by silence, as one in which nothing changes.
fn answer(asked: &Asked, shown: Answer, begun: Instant) -> http::Answer {
    if !asked.place().contains("/statefulmigrations") {
        return failed(404, "not found");
    }
    let is_watch = asked.query().contains("watch=true");
    let status = match (asked.method.as_str(), shown) {
        (_, Answer::Nothing) => return http::Answer::Nothing,
        ("PATCH", _) => return http::Answer::Json(200, migration(Value::Null, begun)),
        ("POST", _) => {
            return http::Answer::Warned(201, migration(Value::Null, begun), "its files stay behind");
        }
        (_, Answer::Shown(_) | Answer::Late(..)) if is_watch => return http::Answer::Stream(Vec::new()),
        (_, Answer::Error(code, message)) => return failed(code, message),
        (_, Answer::Shown(status)) => status,
        (_, Answer::Late(until, status)) => {
            std::thread::sleep(until.saturating_sub(begun.elapsed()));
            status
        }
    };
    let object = migration(status, begun);
    match asked.place().rsplit('/').next() {
        Some("statefulmigrations") => super::list("StatefulMigrationList", vec![object]),
        Some(NAME) => http::Answer::Json(200, object),
        Some(_) | None => failed(404, "not found"),
    }
}

/// Each one that is shown is newer than the last.
fn migration(status: Value, begun: Instant) -> Value {
    let version = (begun.elapsed().as_millis() + 1).to_string();
    json!({"apiVersion": "migration.ms2m.io/v1alpha1", "kind": "StatefulMigration",
        "metadata": {"name": NAME, "namespace": "shop", "resourceVersion": version, "uid": "u",
            "finalizers": ["migration.ms2m.io/handoff"]},
        "spec": {"sourcePod": "orders-0", "targetNode": "node-b"}, "status": status})
}

fn failed(code: u16, message: &str) -> http::Answer {
    let reason = if code == 404 { "NotFound" } else { "Because" };
    failure(code, reason, message, NAME)
}
