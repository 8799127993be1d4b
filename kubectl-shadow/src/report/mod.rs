//! The report of one move: what was planned, what happened and when, what is proven, what is left. And that of a drain.
//!
//! - [`seen`]: what was seen, in a recording or in the cluster ([`cluster`] asks it)
//! - [`story`]: the report as data; [`of`] makes it
//! - [`text`], [`html`], [`pictures`]: the report for people
//! - [`drain`]: the report of a drain
//!
//! Guarantee: all but [`cluster`] is pure. The same recording gives the same bytes.

pub mod cluster;
pub mod drain;
mod handoffs;
pub mod html;
mod left;
mod messages;
pub mod pictures;
pub mod seen;
pub mod story;
pub mod text;
mod times;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use shadow_core::api::{MigrationStatus, Plan};
use shadow_core::forecast::{self, Basis, Finished, Forecast, Way};
use shadow_core::machine::Route;
use shadow_core::premise;

use crate::render;
use crate::view::event::Kind;
use crate::view::model::Model;
use crate::view::model::list::{Entry, nodes};
use crate::view::model::object::Object;
use crate::view::model::pipeline::{self, Row, Stage};
use crate::view::model::state::State;
use seen::Seen;
use story::{Expected, FORMAT, Outcome, Planned, Premise, Step, Story, Told, Undone, Verdict};
use times::{Clock, seconds};

/// The story of the migration with this id; none if it is not there.
pub fn of(seen: &Seen, id: &str) -> Option<Story> {
    let model = seen.model();
    let (id, object, gone) = model.history.named(Kind::Migration, id, model.history.newest())?;
    let Object::Migration(migration) = object else {
        return None;
    };
    let state = if gone { State::Gone } else { State::of(migration) };
    let entry = Entry { id, migration, state };
    let empty = MigrationStatus::default();
    let status = migration.status.as_ref().unwrap_or(&empty);
    let now = seen.last().unwrap_or_default();
    let clock = Clock::of(status, now);
    let forecast = expected(&model, &entry, status);
    let (from, to) = nodes(migration);
    let known = |node: &str| (node != "?").then(|| node.to_owned());
    let begun = status.start_time.as_ref().map(|time| time.0);
    let ended = status.completion_time.as_ref().map(|time| time.0);
    Some(Story {
        shadow_report: FORMAT,
        plugin: env!("CARGO_PKG_VERSION").to_owned(),
        seen: seen.origin.clone(),
        migration: id.to_owned(),
        uid: migration.metadata.uid.clone(),
        pod: migration.spec.source_pod.clone(),
        from: known(from),
        to: known(to),
        plan: status.plan.as_ref().map(planned),
        outcome: outcome(&entry, status, now),
        begun,
        ended,
        total_seconds: begun.zip(ended).map(|(begun, ended)| seconds(begun, ended)),
        forecast: forecast.as_ref().map(told),
        steps: steps(status, forecast.as_ref(), &clock, now),
        handoffs: handoffs::of(status, &clock, now),
        messages: messages::of(seen, id, status, &clock),
        undone: undone(status, &clock),
        verdict: status.verdict.as_ref().map(verdict),
        premises: premises(status),
        conditions: status.conditions.iter().map(condition).collect(),
        events: events(&model, migration.metadata.uid.as_deref(), &clock),
        left: left::of(&entry, status),
        unseen: seen.unseen.clone(),
    })
}

fn planned(plan: &Plan) -> Planned {
    let kind = if plan.queue.quorum { "quorum" } else { "classic" };
    Planned {
        container: plan.container.clone(),
        owner: plan
            .owner
            .as_ref()
            .map(|owner| format!("{} {}", owner.kind, owner.name)),
        strategy: format!("{:?}", plan.strategy),
        route: format!("{:?}", Route::of(plan)),
        because: plan.because.clone(),
        queue: plan.queue.queue.clone(),
        queue_kind: kind.to_owned(),
        hold: plan.queue.hold,
        transfer: plan.transfer,
        restore: plan.restore,
    }
}

fn outcome(entry: &Entry<'_>, status: &MigrationStatus, now: Timestamp) -> Outcome {
    let mut sentences = render::end_lines(entry.migration);
    if sentences.is_empty() {
        sentences.push(render::life::present(Some(entry.migration), now));
    }
    let completed = status
        .conditions
        .iter()
        .find(|condition| condition.type_ == "Completed");
    let undone = status
        .rollback
        .as_ref()
        .map(|rollback| rollback.reason.to_string());
    Outcome {
        state: entry.state.word().to_owned(),
        meaning: entry.state.meaning().to_owned(),
        phase: format!("{:?}", status.phase),
        reason: undone.or_else(|| completed.map(|condition| condition.reason.clone())),
        sentences,
        exit_code: render::ending(status).map(crate::ending::Ending::code),
    }
}

/// From the other moves that are seen: a move says nothing of itself beforehand.
fn expected(model: &Model, entry: &Entry<'_>, status: &MigrationStatus) -> Option<Forecast> {
    let plan = status.plan.as_ref()?;
    let dump = status.legs.first().and_then(|leg| leg.checkpoint.as_ref());
    let others = model
        .all_entries(model.history.newest())
        .filter(|other| other.id != entry.id);
    let past: Vec<Finished> = others.filter_map(|other| Finished::of(other.migration)).collect();
    let bytes = dump.map_or(1 << 20, |dump| dump.bytes);
    Some(forecast::of(
        Way::of(plan),
        &forecast::application(plan),
        bytes,
        &past,
    ))
}

fn told(forecast: &Forecast) -> Expected {
    let basis = match forecast.basis {
        Basis::Application(moves) => format!("{moves} finished moves of the same application"),
        Basis::Cluster(moves) => {
            format!("{moves} finished moves of other applications that went the same way")
        }
        Basis::Measurements => {
            "measurements of another machine (docs/results.md): no other finished move is seen".to_owned()
        }
    };
    Expected {
        total_seconds: forecast.total() as f64 / 1e3,
        pause_seconds: forecast.pause() as f64 / 1e3,
        basis,
    }
}

fn steps(status: &MigrationStatus, forecast: Option<&Forecast>, clock: &Clock, now: Timestamp) -> Vec<Step> {
    let of_row = |row: Row| Step {
        step: row.step.to_string(),
        handoff: row.leg,
        stage: match row.stage {
            Stage::Over => "over",
            Stage::Now => "now",
            Stage::Coming => "coming",
        },
        began: row.began.map(|at| clock.at(at)),
        took_seconds: row.took(now).map(times::rounded),
        expected_seconds: row.expected,
        frozen_seconds: row.frozen.map(|millis| times::rounded(millis / 1e3)),
        note: row.note,
    };
    pipeline::rows(status, None, forecast)
        .into_iter()
        .map(of_row)
        .collect()
}

fn undone(status: &MigrationStatus, clock: &Clock) -> Option<Undone> {
    let rollback = status.rollback.as_ref()?;
    Some(Undone {
        at: Some(clock.at(rollback.since.0)),
        reason: rollback.reason.to_string(),
        message: rollback.message.clone(),
        again: rollback.again,
    })
}

fn verdict(verdict: &shadow_core::api::Verdict) -> Verdict {
    let doubts = verdict.doubts.iter().map(|told| story::Doubt {
        reason: format!("{:?}", told.reason),
        message: told.message.clone(),
    });
    Verdict {
        exact: verdict.exact,
        because: verdict.because.clone(),
        doubts: doubts.collect(),
        long_holds: verdict
            .long_holds
            .iter()
            .map(|hold| hold.message.clone())
            .collect(),
    }
}

fn premises(status: &MigrationStatus) -> Vec<Premise> {
    let of = |told: &premise::Told| Premise {
        premise: format!("{:?}", told.premise),
        sentence: told.premise.to_string(),
        weighed: render::premises::weighed(told),
        what: told.what.clone(),
        source: told.source.to_string(),
    };
    render::premises::told(status).map(of).collect()
}

fn condition(condition: &Condition) -> story::Condition {
    story::Condition {
        name: condition.type_.clone(),
        status: condition.status.clone(),
        reason: condition.reason.clone(),
        message: condition.message.clone(),
    }
}

fn events(model: &Model, uid: Option<&str>, clock: &Clock) -> Vec<Told> {
    let all = model.history.objects(Kind::Event, model.history.newest());
    let mut ours: Vec<_> = all
        .filter_map(|(id, object, _)| object.event().map(|told| (id, told)))
        .filter(|(_, told)| Some(told.about.as_str()) == uid)
        .map(|(id, told)| (told.at, id, told))
        .collect();
    ours.sort_by_key(|(at, id, _)| (*at, *id));
    let told = |(at, _, told): (Option<Timestamp>, &str, &crate::view::model::object::Told)| Told {
        at: at.map(|at| clock.at(at)),
        reason: told.reason.clone(),
        note: told.note.clone(),
        warns: told.warns,
    };
    ours.into_iter().map(told).collect()
}
