//! Which moment is shown. Guarantee: nothing that was seen is lost while it is frozen; time goes on only by ticks.

use jiff::{SignedDuration, Timestamp};

use super::history::{Count, History};

/// Speeds, as times of life.
pub const SPEEDS: [f64; 8] = [0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0];

/// The moment that is shown.
#[derive(Clone, Debug, PartialEq)]
pub struct Head {
    /// How time goes.
    pub pace: Pace,
    /// Changes up to this one are shown.
    pub count: Count,
    /// So late it is in the picture.
    pub at: Option<Timestamp>,
}

/// How time goes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pace {
    /// As it comes.
    Newest,
    /// It stands.
    Frozen,
    /// Past changes once more, at this speed.
    Playing(f64),
    /// A recording has been shown to its end.
    Ended,
}

impl Head {
    /// At the newest change.
    pub fn newest() -> Self {
        Self {
            pace: Pace::Newest,
            count: 0,
            at: None,
        }
    }

    /// At the beginning of a recording.
    pub fn playing(speed: f64) -> Self {
        Self {
            pace: Pace::Playing(speed),
            count: 0,
            at: None,
        }
    }

    /// Time went on by so much, and is `now` outside. `whole` when nothing more comes: a recording ends there.
    pub fn tick(&mut self, history: &History, now: Timestamp, passed: SignedDuration, whole: bool) {
        match self.pace {
            Pace::Newest => {
                self.at = Some(now);
                self.count = history.newest();
            }
            Pace::Frozen | Pace::Ended => {}
            Pace::Playing(speed) => self.play(history, now, passed.as_secs_f64() * speed, whole),
        }
    }

    fn play(&mut self, history: &History, now: Timestamp, seconds: f64, whole: bool) {
        let Some((first, last)) = history.span() else {
            return;
        };
        let passed = SignedDuration::try_from_secs_f64(seconds).unwrap_or_default();
        let from = self.at.unwrap_or(first);
        let at = if self.at.is_none() {
            first
        } else {
            from.checked_add(passed).unwrap_or(last)
        };
        let end = if whole { last } else { now };
        if at < end {
            self.show(history, at);
        } else if whole {
            self.show(history, last);
            self.pace = Pace::Ended;
        } else {
            // It has caught up with life.
            *self = Self::newest();
            self.tick(history, now, SignedDuration::ZERO, whole);
        }
    }

    /// Shows this time.
    pub fn show(&mut self, history: &History, at: Timestamp) {
        self.at = Some(at);
        self.count = history.count_at(at).max(history.oldest().min(history.newest()));
    }

    /// Shows the moment with this number, and stands there.
    pub fn stand_at(&mut self, history: &History, count: Count) {
        if let Some(moment) = history.moment(count) {
            self.pace = Pace::Frozen;
            self.count = count;
            self.at = Some(moment.at);
        }
    }

    /// The next speed in this direction.
    pub fn speed(&self, faster: bool) -> f64 {
        let now = match self.pace {
            Pace::Playing(speed) => speed,
            Pace::Newest | Pace::Frozen | Pace::Ended => 1.0,
        };
        let next = if faster {
            SPEEDS.into_iter().find(|speed| *speed > now)
        } else {
            SPEEDS.into_iter().rev().find(|speed| *speed < now)
        };
        next.unwrap_or(now)
    }
}
