//! Turns go round between namespaces. Pure.
//!
//! Guarantees: a free place goes to the namespace that had its turn longest ago, so a namespace with a few moves is never behind
//! all those of one with many: each other namespace that waits begins one move to the same node before it at most. Within a namespace it goes by
//! arrival. What cannot begin, since its node is full or its broker does not answer, is ahead of nothing; and a namespace that
//! does not use its turn within [`USED_WITHIN`] has had it.

use std::collections::{BTreeMap, HashMap};

use k8s_openapi::jiff::{SignedDuration, Timestamp};

use crate::api::{StatefulMigration, Step};
use crate::waiting::Obstacle;

/// For so long a namespace that may begin a move keeps others from it: preparing one takes about a second, and a broker may be
/// slow for minutes.
pub const USED_WITHIN: SignedDuration = SignedDuration::from_secs(5);

/// Of namespaces that went unheard of for so long, nothing is kept.
const KEPT: SignedDuration = SignedDuration::from_hours(1);

/// What is remembered of turns beside the migrations themselves: those that were not used, and those whose migration was deleted.
#[derive(Clone, Debug, Default)]
pub struct Rounds(HashMap<String, Had>);

/// Turns of one namespace.
#[derive(Clone, Copy, Debug, Default)]
struct Had {
    /// It may begin a move since then, and has not.
    has: Option<Timestamp>,
    /// The last one that was used, or lapsed.
    last: Option<Timestamp>,
}

impl Had {
    fn at(self, now: Timestamp) -> Option<Timestamp> {
        let lapses = self.has.and_then(|since| since.checked_add(USED_WITHIN).ok());
        lapses.filter(|lapses| *lapses <= now).max(self.last)
    }
}

impl Rounds {
    /// When this namespace had its last turn.
    pub fn had(&self, namespace: &str, now: Timestamp) -> Option<Timestamp> {
        self.0.get(namespace).and_then(|had| had.at(now))
    }

    /// One of its moves may begin.
    pub fn has(&mut self, namespace: &str, now: Timestamp) {
        let had = self.0.entry(namespace.to_owned()).or_default();
        let lapsed = had.at(now);
        if had.has.is_none() || lapsed > had.last {
            *had = Had {
                has: Some(now),
                last: lapsed,
            };
        }
    }

    /// One of its moves has begun; whether further ones of it are being prepared.
    pub fn begun(&mut self, namespace: &str, further: bool, now: Timestamp) {
        self.0.retain(|_, had| {
            had.has
                .max(had.last)
                .is_some_and(|last| now.duration_since(last) < KEPT)
        });
        let had = Had {
            has: further.then_some(now),
            last: Some(now),
        };
        self.0.insert(namespace.to_owned(), had);
    }
}

/// Moves that could begin now and go before a certain one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ahead {
    of_its_namespace: usize,
    of_others: usize,
}

impl Ahead {
    /// What it waits for where so many places are free.
    pub(super) fn obstacle(self, free: usize) -> Option<Obstacle> {
        if self.of_its_namespace >= free {
            return Some(Obstacle::Earlier);
        }
        (self.of_its_namespace + self.of_others >= free).then_some(Obstacle::Others)
    }
}

#[derive(Default)]
struct Standing {
    /// Moves that could begin now.
    could: usize,
    last: Option<Timestamp>,
}

/// Who goes before `me`. Of `all`, those count that `could` begin; `earlier` says who came before it in its namespace.
pub(super) fn ahead<'a>(
    me: &'a StatefulMigration,
    all: impl Iterator<Item = &'a StatefulMigration>,
    could: impl Fn(&StatefulMigration) -> bool,
    earlier: impl Fn(&StatefulMigration) -> bool,
    had: impl Fn(&str) -> Option<Timestamp>,
) -> Ahead {
    let mut namespaces: BTreeMap<&str, Standing> = BTreeMap::new();
    let mine = of(me);
    let mut of_its_namespace = 0;
    for one in all {
        let standing = namespaces.entry(of(one)).or_default();
        standing.last = standing.last.max(began(one));
        if one.metadata.uid == me.metadata.uid || !could(one) {
            continue;
        }
        standing.could += 1;
        of_its_namespace += usize::from(of(one) == mine && earlier(one));
    }
    let order = |namespace: &str, last: Option<Timestamp>| last.max(had(namespace));
    let my_turn = order(mine, namespaces.get(mine).and_then(|standing| standing.last));
    // Each round gives every namespace one place; `me` gets that of the round after those of its own that came before.
    let before_me = |(namespace, standing): (&&str, &Standing)| {
        let sooner = (order(namespace, standing.last), *namespace) < (my_turn, mine);
        standing.could.min(of_its_namespace + usize::from(sooner))
    };
    let others = namespaces.iter().filter(|(namespace, _)| **namespace != mine);
    Ahead {
        of_its_namespace,
        of_others: others.map(before_me).sum(),
    }
}

fn of(migration: &StatefulMigration) -> &str {
    migration.metadata.namespace.as_deref().unwrap_or_default()
}

/// When it had its turn.
fn began(migration: &StatefulMigration) -> Option<Timestamp> {
    let steps = &migration.status.as_ref()?.steps;
    let stage = steps.iter().find(|record| record.step == Step::Stage);
    stage.map(|record| record.started.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_turn_that_is_not_used_lapses_and_comes_again() {
        let mut rounds = Rounds::default();
        rounds.has("shop", at(100));
        assert_eq!(rounds.had("shop", at(104)), None);
        rounds.has("shop", at(104));
        assert_eq!(
            rounds.had("shop", at(105)),
            Some(at(105)),
            "counted from the first"
        );
        assert_eq!(rounds.had("bank", at(105)), None);
        rounds.has("shop", at(110));
        assert_eq!(rounds.had("shop", at(114)), Some(at(105)), "its next turn");
        assert_eq!(rounds.had("shop", at(115)), Some(at(115)));
    }

    #[test]
    fn a_turn_that_is_used_counts_from_then_and_is_forgotten_at_last() {
        let mut rounds = Rounds::default();
        rounds.has("shop", at(100));
        rounds.begun("shop", false, at(102));
        assert_eq!(rounds.had("shop", at(200)), Some(at(102)));
        rounds.begun("bank", true, at(200));
        assert_eq!(rounds.had("bank", at(204)), Some(at(200)));
        assert_eq!(
            rounds.had("bank", at(206)),
            Some(at(205)),
            "the further one hangs"
        );
        rounds.begun("mill", false, at(4_000));
        assert_eq!(rounds.had("shop", at(4_000)), None);
    }
}
