//! Everything that was seen, and when. Guarantee: what was known at any moment that is kept can be told again; changes of one
//! moment keep their order.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::object::Object;
use crate::view::event::{Change, Kind, What};

/// What a person can step back to while the view is live.
const KEPT: SignedDuration = SignedDuration::from_secs(600);
/// A bound on memory, whatever happens in ten minutes.
const MOST: usize = 20_000;
/// Old moments are given up in portions.
const PORTION: usize = 1_000;

/// The number of a moment: so many changes were seen before and with it.
pub type Count = usize;

type Versions = Vec<(Count, Option<Arc<Object>>)>;

/// Changes and the objects that they made.
#[derive(Debug, Default)]
pub struct History {
    moments: Vec<Moment>,
    /// Changes that were given up: numbers go on counting.
    given_up: Count,
    objects: BTreeMap<(Kind, String), Versions>,
}

/// One change.
#[derive(Clone, Debug)]
pub struct Moment {
    /// When.
    pub at: Timestamp,
    /// What kind of object changed.
    pub kind: Kind,
    /// Which one.
    pub id: String,
}

impl History {
    /// Takes a change in.
    pub fn take(&mut self, change: Change) {
        let at = self
            .moments
            .last()
            .map_or(change.at, |last| last.at.max(change.at));
        let object = match &change.what {
            What::Set(value) => Some(Object::read(change.kind, value)),
            What::Deleted => None,
        };
        let key = (change.kind, change.id.clone());
        if object.is_none() && !self.objects.contains_key(&key) {
            return;
        }
        self.moments.push(Moment {
            at,
            kind: change.kind,
            id: change.id,
        });
        let number = self.newest();
        self.objects.entry(key).or_default().push((number, object));
    }

    /// Gives up what is too old. Not for a recording: that is kept as a whole.
    pub fn trim(&mut self, now: Timestamp) {
        let old = self
            .moments
            .partition_point(|one| now.duration_since(one.at) > KEPT);
        let many = self.moments.len().saturating_sub(MOST);
        let surplus = old.max(many);
        if surplus < PORTION {
            return;
        }
        self.moments.drain(..surplus);
        self.given_up += surplus;
        let oldest = self.given_up;
        self.objects.retain(|_, versions| {
            let dead = versions
                .partition_point(|(number, _)| *number <= oldest)
                .saturating_sub(1);
            versions.drain(..dead);
            let is_gone = matches!(versions.as_slice(), [(number, None)] if *number <= oldest);
            !is_gone && !versions.is_empty()
        });
    }

    /// The number of the newest moment; 0 before the first.
    pub fn newest(&self) -> Count {
        self.given_up + self.moments.len()
    }

    /// The number of the oldest moment that is kept.
    pub fn oldest(&self) -> Count {
        self.given_up + usize::from(!self.moments.is_empty())
    }

    /// The moment with this number.
    pub fn moment(&self, number: Count) -> Option<&Moment> {
        self.moments.get(number.checked_sub(self.given_up + 1)?)
    }

    /// How many changes had been seen at this time.
    pub fn count_at(&self, time: Timestamp) -> Count {
        self.given_up + self.moments.partition_point(|one| one.at <= time)
    }

    /// The time of the first change that is kept, and of the last.
    pub fn span(&self) -> Option<(Timestamp, Timestamp)> {
        Some((self.moments.first()?.at, self.moments.last()?.at))
    }

    /// An object as it was then. Of one that was deleted: as it was last, and `true`.
    pub fn object(&self, kind: Kind, id: &str, number: Count) -> Option<(&Object, bool)> {
        last(self.objects.get(&(kind, id.to_owned()))?, number)
    }

    /// The same, with the id as it is kept here.
    pub fn named(&self, kind: Kind, id: &str, number: Count) -> Option<(&str, &Object, bool)> {
        let ((_, id), versions) = self.objects.get_key_value(&(kind, id.to_owned()))?;
        last(versions, number).map(|(object, gone)| (id.as_str(), object, gone))
    }

    /// All objects of a kind as they were then.
    pub fn objects(&self, kind: Kind, number: Count) -> impl Iterator<Item = (&str, &Object, bool)> {
        let from = (kind, String::new());
        self.objects
            .range(from..)
            .take_while(move |((one, _), _)| *one == kind)
            .filter_map(move |((_, id), versions)| {
                last(versions, number).map(|(object, gone)| (id.as_str(), object, gone))
            })
    }

    /// All that was known of one object up to then, oldest first, each with its time.
    pub fn versions(
        &self,
        kind: Kind,
        id: &str,
        number: Count,
    ) -> impl Iterator<Item = (Timestamp, &Object)> {
        let versions = self.objects.get(&(kind, id.to_owned()));
        versions
            .into_iter()
            .flatten()
            .filter(move |(one, _)| *one <= number)
            .filter_map(|(one, object)| {
                // The oldest version may be one whose moment was given up.
                let moment = self.moment(*one).or_else(|| self.moments.first())?;
                Some((moment.at, object.as_deref()?))
            })
    }
}

fn last(versions: &Versions, number: Count) -> Option<(&Object, bool)> {
    let seen = versions.get(..versions.partition_point(|(one, _)| *one <= number))?;
    let object = seen.iter().rev().find_map(|(_, object)| object.as_deref())?;
    Some((object, seen.last().is_some_and(|(_, object)| object.is_none())))
}
