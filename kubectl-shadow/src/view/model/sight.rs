//! What can be seen at the moment, and what cannot.

use jiff::{SignedDuration, Timestamp};

use super::head::Pace;
use super::object::{Link, LinkState, Object};
use super::state::State;
use super::{Model, Screen};
use crate::view::event::Kind;

/// The object of kind `link` that speaks of the API server.
pub const API: &str = "api";
/// Those that speak of kinds.
pub const MIGRATIONS: &str = "migrations";
/// See [`MIGRATIONS`].
pub const PROGRESS: &str = "progress";
/// See [`MIGRATIONS`].
pub const EVENTS: &str = "events";
/// See [`MIGRATIONS`].
pub const PODS: &str = "pods";
/// The controller writes once a second while a move is under way. Silence for longer says something.
const BEATS: SignedDuration = SignedDuration::from_secs(3);

/// Which moment is shown, for the corner of the screen.
#[derive(Clone, Debug, PartialEq)]
pub enum Sight {
    /// As it comes: seconds since the last answer; none before the first.
    Live(Option<f64>),
    /// It stands, while so many changes wait.
    Frozen(usize),
    /// Past changes once more.
    Playing(f64),
    /// The end of a recording.
    Ended,
}

/// What keeps it from being true.
#[derive(Clone, Debug, PartialEq)]
pub enum Unseen {
    /// Nothing has been heard of the API server for so many seconds, and why.
    Server(f64, String),
    /// The controller has not written for so many seconds.
    Controller(f64),
}

/// What a panel cannot show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Missing {
    /// The right to see it; in the words of the API server.
    Right(String),
    /// The server does not write it.
    Absent,
    /// Nothing has come yet.
    NotYet,
}

impl Model {
    /// Which moment is shown.
    pub fn sight(&self) -> Sight {
        match self.head.pace {
            Pace::Frozen => Sight::Frozen(self.history.newest().saturating_sub(self.head.count)),
            Pace::Playing(speed) => Sight::Playing(speed),
            Pace::Ended => Sight::Ended,
            Pace::Newest => {
                let now = self.now.unwrap_or_default();
                Sight::Live(
                    self.answered
                        .map(|at| now.duration_since(at).as_secs_f64().max(0.0)),
                )
            }
        }
    }

    /// What keeps it from being true, at that moment.
    pub fn unseen(&self) -> Option<Unseen> {
        let at = self.head.at.or(self.now).unwrap_or_default();
        if let Some((since, why)) = self.silence() {
            return Some(Unseen::Server(
                at.duration_since(since).as_secs_f64().max(0.0),
                why,
            ));
        }
        self.late_beat(at).map(Unseen::Controller)
    }

    /// Since when the API server is silent, in the picture.
    pub fn silent_since(&self) -> Option<Timestamp> {
        self.silence().map(|(since, _)| since)
    }

    fn silence(&self) -> Option<(Timestamp, String)> {
        let link = self.link(API).filter(|link| link.state == LinkState::Silent)?;
        let (why, versions) = (
            link.why.clone(),
            self.history.versions(Kind::Link, API, self.head.count),
        );
        let is_silent =
            |object: &Object| matches!(object, Object::Link(link) if link.state == LinkState::Silent);
        let mut since = None;
        for (at, object) in versions {
            since = if is_silent(object) {
                since.or(Some(at))
            } else {
                None
            };
        }
        let since = since?;
        // It was noticed some time after the last answer; an answer of a past that is shown again is of no use here.
        let answered = self
            .answered
            .filter(|at| *at <= since && self.setting.file.is_none());
        Some((answered.unwrap_or(since), why))
    }

    /// Only where beats have been seen can they be late.
    fn late_beat(&self, now: Timestamp) -> Option<f64> {
        let Screen::Migration(id) = &self.screen else {
            return None;
        };
        let is_moving = self.entry(id).is_some_and(|entry| match entry.state {
            State::Held | State::Moving | State::Undoing => true,
            State::Stuck
            | State::Waiting
            | State::Undone
            | State::Cancelled
            | State::Planned
            | State::Inexact
            | State::Exact
            | State::Gone => false,
        });
        let (at, _) = self
            .history
            .versions(Kind::Progress, id, self.head.count)
            .last()?;
        let late = now.duration_since(at);
        (is_moving && late > BEATS).then(|| late.as_secs_f64())
    }

    /// What is known of the sight of one kind.
    pub fn link(&self, id: &str) -> Option<&Link> {
        match self.history.object(Kind::Link, id, self.head.count)? {
            (Object::Link(link), false) => Some(link),
            (_, _) => None,
        }
    }

    /// Why a kind is not shown.
    pub fn missing(&self, id: &str) -> Missing {
        match self.link(id) {
            None => Missing::NotYet,
            Some(link) => match link.state {
                LinkState::Forbidden | LinkState::Unknown => Missing::Right(link.why.clone()),
                LinkState::Absent => Missing::Absent,
                LinkState::Seen | LinkState::Silent => Missing::NotYet,
            },
        }
    }
}
