//! Migrations as rows of a table, for `kubectl shadow list`.

use jiff::Timestamp;
use kube::ResourceExt;
use shadow_core::api::{MigrationStatus, StatefulMigration};

use super::time::age;
use crate::output::table::Cell;
use crate::view::draw::theme::{Theme, Tone, tone};
use crate::view::model::state::State;

/// Which columns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Columns {
    /// Of several namespaces.
    pub namespace: bool,
    /// All that a row can tell.
    pub wide: bool,
}

/// Where there is nothing to say.
const NONE: &str = "-";

/// The headings.
pub fn heading(columns: Columns) -> Vec<&'static str> {
    let namespace = columns.namespace.then_some("NAMESPACE");
    let usual = ["NAME", "POD", "FROM", "TO", "STATE", "STEP", "PAUSE", "AGE"];
    let more: &[&str] = if columns.wide {
        &["STRATEGY", "VERDICT", "WHY"]
    } else {
        &[]
    };
    namespace
        .into_iter()
        .chain(usual)
        .chain(more.iter().copied())
        .collect()
}

/// One row; with colours, if a theme says which.
pub fn row(
    migration: &StatefulMigration,
    columns: Columns,
    now: Timestamp,
    theme: Option<Theme>,
) -> Vec<Cell> {
    let status = migration.status.as_ref();
    let plan = status.and_then(|status| status.plan.as_ref());
    let text = |text: Option<&str>| text.filter(|text| !text.is_empty()).unwrap_or(NONE).to_owned();
    let to = plan
        .map(|plan| plan.target_node.as_str())
        .or(migration.spec.target_node.as_deref());
    let created = migration.creation_timestamp().map(|time| time.0);
    let age = created.map(|created| age(now.duration_since(created)));
    let namespace = columns
        .namespace
        .then(|| migration.namespace().unwrap_or_default());
    let state = State::of(migration);
    let before = [
        migration.name_any(),
        migration.spec.source_pod.clone(),
        text(status.and_then(|status| status.source_node.as_deref())),
        text(to),
    ];
    let behind = [
        text(status.and_then(step).as_deref()),
        text(status.and_then(|status| status.pause.as_deref())),
        text(age.as_deref()),
    ];
    let strategy = plan.map(|plan| format!("{:?}", plan.strategy));
    let more = [
        text(strategy.as_deref()),
        text(status.and_then(verdict)),
        text(status.and_then(why).as_deref()),
    ];
    let wide = columns.wide.then_some(more).into_iter().flatten();
    let before = namespace.into_iter().chain(before).map(Cell::from);
    let behind = behind.into_iter().chain(wide).map(Cell::from);
    let state = Cell::painted(state.word(), theme.map_or("", |theme| paint(state, theme)));
    before.chain([state]).chain(behind).collect()
}

/// As the live view paints it.
fn paint(state: State, theme: Theme) -> &'static str {
    match (tone(state), theme.light) {
        (Tone::Good, _) => "1;34",
        (Tone::Held, false) => "33",
        (Tone::Held, true) => "35",
        (Tone::Bad, _) => "1;31",
        (Tone::Strong, _) => "1",
        (Tone::Dim, _) => "90",
        (Tone::Plain | Tone::Chosen, _) => "",
    }
}

/// The step that goes on, and in which handoff.
fn step(status: &MigrationStatus) -> Option<String> {
    if status.phase.is_terminal() {
        return None;
    }
    let record = status.steps.last()?;
    Some(match &status.handoff {
        Some(handoff) if record.leg > 0 => format!("{} {handoff}", record.step),
        Some(_) | None => record.step.to_string(),
    })
}

fn verdict(status: &MigrationStatus) -> Option<&'static str> {
    let verdict = status.verdict.as_ref()?;
    Some(if verdict.exact { "exact" } else { "not proven" })
}

/// Why it is not simply going on or moved: a word for why it was undone, else the reason of what is waited for or decided.
fn why(status: &MigrationStatus) -> Option<String> {
    if let Some(rollback) = &status.rollback {
        return Some(format!("{}", rollback.reason));
    }
    let telling = |type_: &str| {
        let mut conditions = status.conditions.iter();
        let found = conditions.find(|condition| condition.type_ == type_ && condition.status == "True");
        found.map(|condition| condition.reason.clone())
    };
    let waiting = || telling("Progressing").filter(|reason| reason == "Waiting");
    let failed = || telling("Failed").filter(|_| status.phase.is_terminal());
    telling("Stuck").or_else(waiting).or_else(failed)
}
