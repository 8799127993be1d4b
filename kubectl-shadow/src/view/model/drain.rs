//! A drain as it is at the moment that is shown: its rows, and the moves that belong to them.

use super::list::Entry;
use super::object::Object;
use super::{Model, Screen};
use crate::drain::{Row, Stage, Standing, State, What, in_order};
use crate::view::event::Kind;

/// Moves from a node that go on at the same time, unless the controller was told another number (`--moves-per-node`).
const AT_A_TIME: f64 = 2.0;

/// A pod of the node.
#[derive(Clone, Copy, Debug)]
pub struct Pod<'a> {
    /// As the drain told it.
    pub row: &'a Row,
    /// Its move, as it was seen: newer than what the drain told.
    pub entry: Option<Entry<'a>>,
    /// What happens to it.
    pub state: State,
}

impl Model {
    /// Whether a drain is shown.
    pub fn is_drain(&self) -> bool {
        self.home() == Screen::Drain
    }

    /// Where Esc leads in the end.
    pub fn home(&self) -> Screen {
        if self.drained {
            Screen::Drain
        } else {
            Screen::Overview
        }
    }

    /// How it stands; none before that was told.
    pub fn standing(&self) -> Option<&Standing> {
        self.standing_at(self.head.count)
    }

    /// The same as it is now, whatever moment is shown.
    pub fn newest_standing(&self) -> Option<&Standing> {
        self.standing_at(self.history.newest())
    }

    fn standing_at(&self, count: usize) -> Option<&Standing> {
        match self.history.object(Kind::Drain, Standing::ID, count)? {
            (Object::Standing(standing), _) => Some(standing),
            (_, _) => None,
        }
    }

    /// The pods of the node, in their order.
    pub fn pods(&self) -> Vec<Pod<'_>> {
        self.rows_at(self.head.count)
            .into_iter()
            .map(|row| self.pod(row))
            .collect()
    }

    /// The rows as they are now.
    pub fn newest_rows(&self) -> Vec<Row> {
        self.rows_at(self.history.newest()).into_iter().cloned().collect()
    }

    fn rows_at(&self, count: usize) -> Vec<&Row> {
        let all = self.history.objects(Kind::Drain, count);
        let mut rows: Vec<&Row> = all.filter_map(|(_, object, _)| object.drain()).collect();
        in_order(&mut rows);
        rows
    }

    fn pod<'a>(&'a self, row: &'a Row) -> Pod<'a> {
        let entry = row.move_id().and_then(|id| self.entry(&id));
        let state = match (row.state, &entry) {
            (State::Move(_), Some(entry)) => State::Move(entry.state),
            (state, _) => state,
        };
        Pod { row, entry, state }
    }

    /// The pod under the cursor, and its place among all.
    pub fn chosen_pod<'a>(&self, pods: &[Pod<'a>]) -> Option<(usize, Pod<'a>)> {
        let selected = self.row.as_deref();
        let here = pods.iter().position(|pod| Some(pod.row.uid.as_str()) == selected);
        let here = here.unwrap_or(0);
        pods.get(here).map(|pod| (here, *pod))
    }

    /// Seconds until the last move has ended, as far as all of them are planned. Only a guess: the broker and others' moves have
    /// a say in it.
    pub fn drain_to_go(&self, pods: &[Pod<'_>]) -> Option<f64> {
        let moving = pods
            .iter()
            .filter(|pod| pod.row.what == What::Move && !pod.state.is_settled());
        let left: Option<Vec<f64>> = moving.map(|pod| self.left(pod)).collect();
        let left = left.filter(|left| !left.is_empty())?;
        let longest = left.iter().copied().fold(0.0, f64::max);
        Some((left.iter().sum::<f64>() / AT_A_TIME).max(longest))
    }

    fn left(&self, pod: &Pod<'_>) -> Option<f64> {
        let whole = pod.row.expected? as f64 / 1e3;
        let status = pod.entry.and_then(|entry| entry.migration.status.as_ref());
        let begun = status.filter(|status| status.plan.is_some());
        let begun = begun.and_then(|status| status.start_time.as_ref());
        let passed = begun.map_or(0.0, |begun| self.clock().duration_since(begun.0).as_secs_f64());
        Some((whole - passed).max(0.0))
    }

    /// Whether the command does nothing more.
    pub fn drain_is_over(&self) -> bool {
        self.newest_standing()
            .is_some_and(|standing| standing.stage == Stage::Over)
    }
}
