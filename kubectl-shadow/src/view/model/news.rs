//! What was told of migrations, in the order of time: steps, Events, turns for the worse, the end.

use std::cmp::Reverse;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use shadow_core::api::{MigrationStatus, Phase, Rollback, StepRecord, Verdict};

use super::list::Entry;
use super::object::Told;
use super::{Model, Screen};
use crate::view::event::Kind;

/// One thing that was told.
#[derive(Clone, Copy, Debug)]
pub struct News<'a> {
    /// When.
    pub at: Timestamp,
    /// Of which migration.
    pub of: Entry<'a>,
    /// What.
    pub what: What<'a>,
}

/// What was told.
#[derive(Clone, Copy, Debug)]
pub enum What<'a> {
    /// A step began.
    Began(&'a StepRecord),
    /// A step is over, and says something.
    Over(&'a StepRecord, &'a str),
    /// The move is undone.
    Undo(&'a Rollback),
    /// A person is asked.
    Stuck(&'a Condition),
    /// The end.
    End(Phase, Option<&'a Verdict>),
    /// An Event of Kubernetes.
    Event(&'a Told),
}

/// Of all migrations that are shown, the newest first, at most so many of those that are wanted.
pub fn newest<'a>(
    model: &'a Model,
    entries: &[Entry<'a>],
    most: usize,
    wanted: fn(&News<'_>) -> bool,
) -> Vec<News<'a>> {
    let now = model.clock();
    let counts = |one: &News<'a>| one.at <= now && wanted(one);
    let of_statuses = entries.iter().flat_map(|entry| of_status(*entry));
    let open = match &model.screen {
        Screen::Migration(id) => entries.iter().find(|entry| entry.id == *id),
        Screen::Overview | Screen::Drain => None,
    };
    let of_open = open.into_iter().flat_map(|entry| of_events(model, *entry));
    let mut all: Vec<News<'a>> = of_statuses.chain(of_open).filter(counts).collect();
    // Some of thousands are shown: the others are not put in order.
    if all.len() > most {
        all.select_nth_unstable_by_key(most, order);
        all.truncate(most);
    }
    all.sort_by_key(order);
    all
}

/// The newest first. What was told at the same moment keeps an order of its own, the same each time.
fn order<'a>(news: &News<'a>) -> (Reverse<Timestamp>, u8, &'a str, Reverse<usize>) {
    let (rank, number) = match news.what {
        What::End(..) => (0, 0),
        What::Undo(_) => (1, 0),
        What::Stuck(_) => (2, 0),
        What::Event(_) => (3, 0),
        // Of two steps the later one began when the earlier one was over.
        What::Began(record) => (4, record.step as usize),
        What::Over(record, _) => (5, record.step as usize),
    };
    (Reverse(news.at), rank, news.of.id, Reverse(number))
}

fn of_status(entry: Entry<'_>) -> impl Iterator<Item = News<'_>> {
    entry.migration.status.iter().flat_map(move |status| {
        let steps = status.steps.iter().flat_map(move |record| of_step(entry, record));
        steps.chain(turns(entry, status))
    })
}

fn of_step<'a>(entry: Entry<'a>, record: &'a StepRecord) -> impl Iterator<Item = News<'a>> {
    let began = News {
        at: record.started.0,
        of: entry,
        what: What::Began(record),
    };
    let over = record
        .finished
        .as_ref()
        .zip(record.note.as_deref())
        .map(|(at, note)| News {
            at: at.0,
            of: entry,
            what: What::Over(record, note),
        });
    // A step that is over and says so need not be said to have begun.
    let began = Some(began).filter(|_| over.is_none());
    began.into_iter().chain(over)
}

fn turns<'a>(entry: Entry<'a>, status: &'a MigrationStatus) -> impl Iterator<Item = News<'a>> {
    let undo = status
        .rollback
        .as_ref()
        .map(|rollback| (rollback.since.0, What::Undo(rollback)));
    let is_stuck = |c: &&Condition| c.type_ == "Stuck" && c.status == "True";
    let stuck = status.conditions.iter().find(is_stuck);
    let stuck = stuck.map(|condition| (condition.last_transition_time.0, What::Stuck(condition)));
    let end = status.completion_time.as_ref();
    let end = end.map(|at| (at.0, What::End(status.phase, status.verdict.as_ref())));
    undo.into_iter()
        .chain(stuck)
        .chain(end)
        .map(move |(at, what)| News { at, of: entry, what })
}

fn of_events<'a>(model: &'a Model, entry: Entry<'a>) -> impl Iterator<Item = News<'a>> {
    let uid = entry.migration.metadata.uid.clone().unwrap_or_default();
    let events = model.history.objects(Kind::Event, model.head.count);
    let told = events.filter_map(|(_, object, _)| object.event());
    told.filter(move |told| told.about == uid)
        .filter_map(move |told| {
            Some(News {
                at: told.at?,
                of: entry,
                what: What::Event(told),
            })
        })
}
