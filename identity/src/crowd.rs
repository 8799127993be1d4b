//! Who is connected, and which connection makes room when there are too many. Anybody in the cluster can connect.
//!
//! Guarantees: a connection with a request under way is never closed for another one; of the others the one goes that has been idle
//! for the longest time, and one that has never sent a whole request before any that has. Nothing is counted by address: the API server
//! is one peer, whatever it reviews, and so is an attacker behind the same gateway.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

/// Whose connections make room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Room {
    /// Those that have sent no whole request yet. The others are of our own parts, and may stream.
    OfStrangers,
    /// Any that is idle.
    OfAllIdle,
}

/// All connections of one listener.
pub(crate) struct Crowd {
    room: Room,
    slots: Arc<Semaphore>,
    /// By the order in which they became idle.
    clock: AtomicU64,
    all: Mutex<BTreeMap<u64, Arc<State>>>,
    next: AtomicU64,
    changed: Notify,
}

/// One connection.
pub(crate) struct Guest {
    number: u64,
    state: Arc<State>,
    crowd: Arc<Crowd>,
    _slot: OwnedSemaphorePermit,
}

struct State {
    served: AtomicBool,
    under_way: AtomicUsize,
    idle_since: AtomicU64,
    asked_to_go: CancellationToken,
}

/// A request under way.
pub(crate) struct Request {
    state: Arc<State>,
    crowd: Arc<Crowd>,
}

impl Crowd {
    /// At most `most` connections.
    pub(crate) fn of(most: usize, room: Room) -> Arc<Self> {
        Arc::new(Self {
            room,
            slots: Arc::new(Semaphore::new(most)),
            clock: AtomicU64::new(0),
            all: Mutex::default(),
            next: AtomicU64::new(0),
            changed: Notify::new(),
        })
    }

    /// A place for one more connection; `None` when the listener is closed. If there is none, the one that has been idle for the
    /// longest time is asked to go; while all have a request under way, one of them ends first.
    pub(crate) async fn enter(self: &Arc<Self>) -> Option<Guest> {
        loop {
            let changed = self.changed.notified();
            if let Ok(slot) = Arc::clone(&self.slots).try_acquire_owned() {
                return Some(self.admit(slot));
            }
            self.make_room();
            tokio::select! {
                slot = Arc::clone(&self.slots).acquire_owned() => return Some(self.admit(slot.ok()?)),
                // One that was busy is idle now.
                () = changed => {}
            }
        }
    }

    fn admit(self: &Arc<Self>, slot: OwnedSemaphorePermit) -> Guest {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let state = Arc::new(State {
            served: AtomicBool::new(false),
            under_way: AtomicUsize::new(0),
            idle_since: AtomicU64::new(self.tick()),
            asked_to_go: CancellationToken::new(),
        });
        self.all().insert(number, Arc::clone(&state));
        Guest {
            number,
            state,
            crowd: Arc::clone(self),
            _slot: slot,
        }
    }

    /// Asks one to go, unless one goes already.
    fn make_room(&self) {
        let all = self.all();
        if all.values().any(|state| state.asked_to_go.is_cancelled()) {
            return;
        }
        let idle = all.values().filter(|state| {
            let served = state.served.load(Ordering::SeqCst);
            let may_go = !served || self.room == Room::OfAllIdle;
            may_go && state.under_way.load(Ordering::SeqCst) == 0
        });
        let first = idle.min_by_key(|state| {
            let served = state.served.load(Ordering::SeqCst);
            (served, state.idle_since.load(Ordering::SeqCst))
        });
        if let Some(state) = first {
            state.asked_to_go.cancel();
        }
    }

    fn tick(&self) -> u64 {
        self.clock.fetch_add(1, Ordering::SeqCst)
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<State>>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Guest {
    /// Returns when it has to make room. A request that came at that very moment is served: it is asked again when that is over.
    pub(crate) async fn has_to_go(&self) {
        self.state.asked_to_go.cancelled().await;
        loop {
            let changed = self.crowd.changed.notified();
            if self.state.under_way.load(Ordering::SeqCst) == 0 {
                return;
            }
            changed.await;
        }
    }

    /// Whether it has sent a whole header.
    pub(crate) fn has_asked(&self) -> bool {
        self.state.served.load(Ordering::SeqCst)
    }

    /// For the requests of this connection.
    pub(crate) fn requests(&self) -> Requests {
        Requests {
            state: Arc::clone(&self.state),
            crowd: Arc::clone(&self.crowd),
        }
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.crowd.all().remove(&self.number);
    }
}

/// Begins the requests of a connection.
#[derive(Clone)]
pub(crate) struct Requests {
    state: Arc<State>,
    crowd: Arc<Crowd>,
}

impl Requests {
    /// One is under way until what this returns is dropped.
    pub(crate) fn begin(&self) -> Request {
        self.state.under_way.fetch_add(1, Ordering::SeqCst);
        self.state.served.store(true, Ordering::SeqCst);
        Request {
            state: Arc::clone(&self.state),
            crowd: Arc::clone(&self.crowd),
        }
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        self.state.idle_since.store(self.crowd.tick(), Ordering::SeqCst);
        self.state.under_way.fetch_sub(1, Ordering::SeqCst);
        self.crowd.changed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    const SOON: Duration = Duration::from_millis(50);

    async fn goes(guest: &Guest) -> bool {
        timeout(SOON, guest.has_to_go()).await.is_ok()
    }

    /// Waits for a place in the background.
    fn one_more(crowd: &Arc<Crowd>) -> tokio::task::JoinHandle<Option<Guest>> {
        let crowd = Arc::clone(crowd);
        tokio::spawn(async move { crowd.enter().await })
    }

    #[tokio::test]
    async fn the_one_that_never_asked_goes_first_then_the_one_that_was_idle_longest() {
        let crowd = Crowd::of(3, Room::OfAllIdle);
        let (first, second) = (crowd.enter().await.unwrap(), crowd.enter().await.unwrap());
        drop(first.requests().begin());
        drop(second.requests().begin());
        let silent = crowd.enter().await.unwrap();
        let another = one_more(&crowd);
        assert!(goes(&silent).await && !goes(&first).await && !goes(&second).await);
        drop(silent);
        let another = another.await.unwrap().unwrap();
        drop(another.requests().begin());
        let last = one_more(&crowd);
        assert!(goes(&first).await && !goes(&second).await);
        drop(first);
        assert!(last.await.unwrap().is_some());
    }

    #[tokio::test]
    async fn a_request_under_way_is_never_cut_off_and_its_end_makes_room() {
        let crowd = Crowd::of(1, Room::OfAllIdle);
        let busy = crowd.enter().await.unwrap();
        let request = busy.requests().begin();
        let waits = one_more(&crowd);
        assert!(!goes(&busy).await);
        drop(request);
        assert!(goes(&busy).await);
        drop(busy);
        assert!(waits.await.unwrap().is_some());
    }

    #[tokio::test]
    async fn connections_of_our_own_parts_make_no_room_once_they_have_asked() {
        let crowd = Crowd::of(1, Room::OfStrangers);
        let ours = crowd.enter().await.unwrap();
        drop(ours.requests().begin());
        let waits = one_more(&crowd);
        assert!(!goes(&ours).await);
        drop(ours);
        assert!(waits.await.unwrap().is_some());
    }
}
