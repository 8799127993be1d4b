//! One pod of a node that is drained, and what happens to it.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use serde::{Deserialize, Serialize};
use shadow_core::api::StatefulMigration;

use super::sort::What;
use crate::ending::Ending;
use crate::render;
use crate::render::life::present;
use crate::view::model::state::State as Move;

/// See the module. In a recording it is the object of a change of kind `drain`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Row {
    /// What is done with it.
    pub what: What,
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub pod: String,
    /// UID: another pod of this name is another row.
    pub uid: String,
    /// Node that it goes to, once that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// What happens to it now.
    pub state: State,
    /// Why.
    pub why: String,
    /// Name of its migration, once there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub migration: Option<String>,
    /// How long its move is expected to take, milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<u64>,
    /// How its move ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ending: Option<Ending>,
}

/// What happens to a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum State {
    /// Its plan is being made.
    Planning,
    /// It can be moved, or is evicted when its turn comes.
    Ready,
    /// It cannot be moved.
    Refused,
    /// It has a migration, and this is its state.
    Move(Move),
    /// It stays where it is.
    Stays,
    /// Its eviction was asked for; it ends.
    Leaving,
    /// Its eviction is refused for now.
    Blocked,
    /// It is gone from the node.
    Gone,
    /// It was to be moved or evicted, and the drain was stopped before.
    Stopped,
}

impl State {
    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Planning => "PLANNING",
            Self::Ready => "READY",
            Self::Refused => "REFUSED",
            Self::Move(state) => state.word(),
            Self::Stays => "STAYS",
            Self::Leaving => "LEAVING",
            Self::Blocked => "BLOCKED",
            Self::Gone => "GONE",
            Self::Stopped => "STOPPED",
        }
    }

    /// Whether nothing more happens to it.
    pub fn is_settled(self) -> bool {
        match self {
            // A person decides on a move that is stuck: the drain does not wait for that.
            Self::Move(Move::Stuck) | Self::Refused | Self::Stays | Self::Gone | Self::Stopped => true,
            Self::Move(state) => state.is_over(),
            Self::Planning | Self::Ready | Self::Leaving | Self::Blocked => false,
        }
    }
}

impl Row {
    /// Of a pod that was sorted.
    pub fn of(pod: &Pod, (what, why): (What, String)) -> Self {
        let state = match what {
            What::Evict if pod.metadata.deletion_timestamp.is_some() => State::Leaving,
            What::Move => State::Planning,
            What::Evict => State::Ready,
            What::Stay => State::Stays,
        };
        Self {
            what,
            namespace: pod.namespace().unwrap_or_default(),
            pod: pod.name_any(),
            uid: pod.uid().unwrap_or_default(),
            to: None,
            state,
            why,
            migration: None,
            expected: None,
            ending: None,
        }
    }

    /// Namespace and name.
    pub fn id(&self) -> String {
        format!("{}/{}", self.namespace, self.pod)
    }

    /// What makes it worth a new line when it changes. A hold comes and goes twice in a move: that is for the live view.
    pub fn news(&self) -> String {
        match self.state {
            State::Move(Move::Held) => Move::Moving.word().to_owned(),
            State::Move(state) => state.word().to_owned(),
            State::Planning
            | State::Ready
            | State::Refused
            | State::Stays
            | State::Leaving
            | State::Blocked
            | State::Gone
            | State::Stopped => format!("{} {}", self.state.word(), self.why),
        }
    }

    /// Takes in a plan, or its refusal.
    pub fn planned(&mut self, planned: &StatefulMigration) {
        let status = planned.status.clone().unwrap_or_default();
        match (&status.plan, &status.outlook) {
            (Some(plan), Some(outlook)) => {
                self.to = Some(plan.target_node.clone());
                self.expected = Some(outlook.total_millis);
                self.state = State::Ready;
                self.why = plan
                    .queue
                    .inexact
                    .clone()
                    .map_or_else(String::new, |why| format!("not exact: {why}"));
            }
            _ => self.refused(
                status
                    .rollback
                    .map_or_else(|| "the plan does not say why".to_owned(), |cause| cause.message),
            ),
        }
    }

    /// It was called off before it began, and is ordered anew when moves may begin again.
    pub fn put_off(&mut self) {
        self.state = State::Ready;
        self.why = "put off: no new moves begin".to_owned();
        (self.migration, self.ending) = (None, None);
    }

    /// Id of its migration, as the live view knows it.
    pub fn move_id(&self) -> Option<String> {
        let name = self.migration.as_ref()?;
        Some(format!("{}/{name}", self.namespace))
    }

    /// It cannot be moved.
    pub fn refused(&mut self, why: String) {
        self.state = State::Refused;
        self.why = why;
    }

    /// Its migration is there no more, and how it ended is not known.
    pub fn deleted(&mut self, name: &str) {
        self.state = State::Move(Move::Gone);
        self.why = format!(
            "another program deleted its migration {name}, and the controller undoes the move if it can. To see the pod, type: \
             kubectl get pod {} -n {} -o wide",
            self.pod, self.namespace
        );
    }

    /// Takes in the migration as it is now.
    pub fn moves(&mut self, migration: &StatefulMigration, now: Timestamp) {
        let status = migration.status.as_ref();
        self.migration = Some(migration.name_any());
        self.to = status
            .and_then(|status| status.target_node.clone())
            .or(self.to.take());
        self.state = State::Move(Move::of(migration));
        self.ending = status.and_then(render::ending);
        self.why = match self.ending {
            None => present(Some(migration), now),
            Some(_) => render::end_lines(migration).join(" "),
        };
    }
}
