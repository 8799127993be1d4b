//! The report of a drain that was recorded: what became of each pod of the node, and why.
//!
//! - [`of`]: the report as data
//! - [`text`], [`html`]: for people
//!
//! Guarantee: pure. The same recording gives the same bytes.

pub mod html;
pub mod text;

use jiff::Timestamp;
use serde::Serialize;

use super::seen::Seen;
use super::story::Origin;
use super::times::{rounded, seconds};
use crate::drain::{Row, Stage, Standing, State, ending, summary, to_decide};
use crate::ending::Ending;
use crate::render;
use crate::view::event::Kind;
use crate::view::model::Model;
use crate::view::model::drain::Pod as Shown;
use crate::view::model::object::Object;
use crate::view::model::state::State as Move;

/// The shape of the JSON. A change that breaks readers takes another number.
pub const FORMAT: u32 = 1;

/// A drain. Its JSON is described in docs/report.md: what stands there under a name keeps its meaning.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Drained {
    /// [`FORMAT`].
    pub shadow_drain_report: u32,
    /// Version of the plugin that made the report.
    pub plugin: String,
    /// Where it was seen.
    pub seen: Origin,
    /// The node.
    pub node: String,
    /// `running`, `paused`, `stopping` or `over`.
    pub stage: Stage,
    /// A person stopped it, or left it before its end.
    pub stopped: bool,
    /// Pods that are not consumers were evicted, too.
    pub evict_rest: bool,
    /// Why it ended before its time.
    pub problem: Option<String>,
    /// When it was first seen.
    pub begun: Option<Timestamp>,
    /// When it was over.
    pub ended: Option<Timestamp>,
    /// From the one to the other.
    pub total_seconds: Option<f64>,
    /// What `drain` exited with; absent if its end was not seen, or if a problem ended it.
    pub exit_code: Option<u8>,
    /// The pods, those that move first.
    pub pods: Vec<Pod>,
    /// What was done, and what is left to do; one sentence each.
    pub summary: Vec<String>,
    /// What a person has to decide; one sentence each.
    pub to_decide: Vec<String>,
    /// What this report could not see; one sentence each.
    pub unseen: Vec<String>,
}

/// A pod of the node.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Pod {
    /// `MOVE`, `EVICT` or `STAYS`.
    pub what: &'static str,
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub pod: String,
    /// UID.
    pub uid: String,
    /// Node that it went to, or was to go to.
    pub to: Option<String>,
    /// What became of it: the word of the live view.
    pub state: &'static str,
    /// Why.
    pub why: String,
    /// Name of its migration.
    pub migration: Option<String>,
    /// Seconds from the beginning of the drain to when its move or its eviction was first seen under way.
    pub began: Option<f64>,
    /// The same to when nothing more happened to it.
    pub settled: Option<f64>,
    /// How long its move took, by the clock of the controller.
    pub took_seconds: Option<f64>,
    /// How long its move was expected to take.
    pub expected_seconds: Option<f64>,
    /// The longest time in which no instance consumed.
    pub pause: Option<String>,
    /// What `migrate` would have exited with.
    pub exit_code: Option<u8>,
}

/// The drain that was seen; none if none was.
pub fn of(seen: &Seen) -> Option<Drained> {
    let model = seen.model();
    let standing = model.newest_standing()?;
    let rows = model.newest_rows();
    let times = Times::of(&model)?;
    let is_over = standing.stage == Stage::Over;
    let borrowed: Vec<&Row> = rows.iter().collect();
    let exit_code = (is_over && standing.problem.is_none()).then(|| ending(&rows, standing.stopped).code());
    let summary = summary(&standing.node, &rows, standing.stopped);
    let to_decide = to_decide(standing, &borrowed).into_iter();
    Some(Drained {
        shadow_drain_report: FORMAT,
        plugin: env!("CARGO_PKG_VERSION").to_owned(),
        seen: seen.origin.clone(),
        node: standing.node.clone(),
        stage: standing.stage,
        stopped: standing.stopped,
        evict_rest: standing.evict_rest,
        problem: standing.problem.clone(),
        begun: Some(times.begun),
        ended: times.ended,
        total_seconds: times.ended.map(|ended| seconds(times.begun, ended)),
        exit_code,
        pods: model.pods().iter().map(|pod| told(&model, pod, &times)).collect(),
        to_decide: to_decide.filter(|line| !summary.contains(line)).collect(),
        summary,
        unseen: unseen(seen, is_over),
    })
}

fn unseen(seen: &Seen, is_over: bool) -> Vec<String> {
    let end = "the end of the drain: the recording ends before it".to_owned();
    seen.unseen
        .iter()
        .cloned()
        .chain((!is_over).then_some(end))
        .collect()
}

/// When it was first seen, and when it was over, by the clock of the machine that recorded it.
struct Times {
    begun: Timestamp,
    ended: Option<Timestamp>,
}

impl Times {
    fn of(model: &Model) -> Option<Self> {
        let newest = model.history.newest();
        let mut all = model
            .history
            .versions(Kind::Drain, Standing::ID, newest)
            .peekable();
        let begun = all.peek()?.0;
        let is_over = |object: &Object| matches!(object, Object::Standing(one) if one.stage == Stage::Over);
        let ended = all.find(|(_, object)| is_over(object)).map(|(at, _)| at);
        Some(Self { begun, ended })
    }

    fn at(&self, moment: Timestamp) -> f64 {
        seconds(self.begun, moment)
    }
}

fn told(model: &Model, pod: &Shown<'_>, times: &Times) -> Pod {
    let row = pod.row;
    let status = pod.entry.and_then(|entry| entry.migration.status.as_ref());
    let own = status.and_then(|status| status.start_time.as_ref().zip(status.completion_time.as_ref()));
    let exit_code = row.ending.or_else(|| status.and_then(render::ending));
    Pod {
        what: row.what.word(),
        namespace: row.namespace.clone(),
        pod: row.pod.clone(),
        uid: row.uid.clone(),
        to: row.to.clone(),
        state: pod.state.word(),
        why: row.why.clone(),
        migration: row.migration.clone(),
        began: began(model, &row.uid).map(|at| times.at(at)),
        settled: settled(model, &row.uid).map(|at| times.at(at)),
        took_seconds: own.map(|(begun, ended)| seconds(begun.0, ended.0)),
        expected_seconds: row.expected.map(|millis| rounded(millis as f64 / 1e3)),
        pause: status.and_then(|status| status.pause.clone()),
        exit_code: exit_code.map(Ending::code),
    }
}

/// The states of a row, oldest first.
fn states<'a>(model: &'a Model, uid: &str) -> impl Iterator<Item = (Timestamp, State)> + use<'a> {
    let all = model.history.versions(Kind::Drain, uid, model.history.newest());
    let states: Vec<_> = all
        .filter_map(|(at, object)| Some((at, object.drain()?.state)))
        .collect();
    states.into_iter()
}

fn began(model: &Model, uid: &str) -> Option<Timestamp> {
    let goes = |state: State| match state {
        State::Move(state) => state != Move::Waiting,
        State::Leaving => true,
        State::Planning
        | State::Ready
        | State::Refused
        | State::Stays
        | State::Blocked
        | State::Gone
        | State::Stopped => false,
    };
    states(model, uid)
        .find(|(_, state)| goes(*state))
        .map(|(at, _)| at)
}

/// From when on nothing more happened to it. What stays has nothing to wait for.
fn settled(model: &Model, uid: &str) -> Option<Timestamp> {
    let mut since = None;
    for (at, state) in states(model, uid) {
        since = match (state, since) {
            (State::Stays, _) => None,
            (state, None) if state.is_settled() => Some(at),
            (state, _) if !state.is_settled() => None,
            (_, since) => since,
        };
    }
    since
}
