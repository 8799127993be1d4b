//! One dump of a container at a time. A move waits for its turn; a rehearsal does not begin.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::OwnedMutexGuard;

use crate::node::ContainerId;

type Turns = HashMap<String, Arc<tokio::sync::Mutex<()>>>;

/// Which containers are being dumped.
#[derive(Clone, Debug, Default)]
pub(super) struct Alone(Arc<Mutex<Turns>>);

impl Alone {
    /// Waits until the container is dumped by no other task.
    pub(super) async fn wait(&self, id: &ContainerId) -> OwnedMutexGuard<()> {
        self.turn(id).lock_owned().await
    }

    /// `None`: another task dumps it, or waits to do so.
    pub(super) fn now(&self, id: &ContainerId) -> Option<OwnedMutexGuard<()>> {
        self.turn(id).try_lock_owned().ok()
    }

    fn turn(&self, id: &ContainerId) -> Arc<tokio::sync::Mutex<()>> {
        let mut turns = self.turns();
        // A lock that only this map has is free.
        turns.retain(|_, turn| Arc::strong_count(turn) > 1);
        turns.entry(id.as_str().to_owned()).or_default().clone()
    }

    fn turns(&self) -> MutexGuard<'_, Turns> {
        // A panic elsewhere leaves the map whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use super::*;

    fn id(digit: &str) -> ContainerId {
        ContainerId::parse(&digit.repeat(64)).unwrap()
    }

    #[tokio::test]
    async fn a_move_waits_for_a_rehearsal_and_a_rehearsal_does_not_begin_beside_a_move() {
        let alone = Alone::default();
        let rehearsal = alone.now(&id("a")).unwrap();
        assert!(alone.now(&id("b")).is_some(), "another container");
        let container = id("a");
        let mut moving = pin!(alone.wait(&container));
        let begins_at_once = tokio::select! {
            biased;
            _ = &mut moving => true,
            () = std::future::ready(()) => false,
        };
        assert!(!begins_at_once, "a move dumps beside a rehearsal");
        drop(rehearsal);
        let held = moving.await;
        assert!(alone.now(&id("a")).is_none());
        drop(held);
        assert!(alone.now(&id("a")).is_some());
    }

    #[test]
    fn what_nobody_dumps_is_forgotten() {
        let alone = Alone::default();
        drop(alone.now(&id("a")));
        let held = alone.now(&id("b"));
        assert_eq!(alone.turns().len(), 1);
        drop(held);
    }
}
