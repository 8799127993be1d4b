//! Those that wait in line: they cost those under way nothing. What a migration waits for is decided from objects that are held
//! already; only when its turn may have come is a broker or an agent asked for it, and for few at a time.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use k8s_openapi::jiff::Timestamp;
use kube::api::ListParams;
use kube::runtime::reflector::Store;
use kube::{Api, ResourceExt};
use shadow_core::api::StatefulMigration;
use shadow_core::forecast::Finished;
use shadow_core::turns::round::Rounds;
use shadow_core::turns::{self, Limits, Standing};
use shadow_core::waiting::{InLine, Obstacle};
use tokio::sync::{Semaphore, SemaphorePermit};

/// Migrations of one namespace that are prepared at the same time: their broker may be slow.
const OF_ONE_NAMESPACE: usize = 2;
/// In all.
const OF_ALL: usize = 8;
/// Of these, those whose preparation was not answered before: others are prepared beside them, however many do not answer.
const AGAIN_OF_ONE_NAMESPACE: usize = 1;
/// The same in all.
const AGAIN_OF_ALL: usize = 4;

/// Plans without a move that are made at the same time: in places of their own, so that no move waits for them, nor they for moves.
const PLANS: usize = 2;

/// How often is looked whether all migrations are known, until they are.
const COMPLETE_LOOK: Duration = Duration::from_millis(500);
/// Migrations that are asked for at a time.
const PAGE: u32 = 500;

/// See the module.
pub struct Line {
    known: OnceLock<Store<StatefulMigration>>,
    complete: AtomicBool,
    prepared: Mutex<HashMap<String, Prepared>>,
    plans: Semaphore,
    rounds: Mutex<Rounds>,
}

impl Default for Line {
    fn default() -> Self {
        Self {
            known: OnceLock::new(),
            complete: AtomicBool::new(false),
            prepared: Mutex::default(),
            plans: Semaphore::new(PLANS),
            rounds: Mutex::default(),
        }
    }
}

/// How many of one namespace are being prepared.
#[derive(Clone, Copy, Default)]
struct Prepared {
    all: usize,
    /// Of these, those that were not answered before.
    again: usize,
}

/// Keeps a place among those that are prepared.
pub struct Place<'a> {
    line: &'a Line,
    namespace: String,
    again: usize,
}

impl Line {
    /// Where all migrations are held.
    pub fn knows(&self, store: Store<StatefulMigration>) {
        if self.known.set(store).is_err() {
            tracing::warn!("the line knows all migrations already");
        }
    }

    /// Returns when all that there are were read once. The store's own `wait_until_ready` wakes one waiter only, and the loop over all
    /// migrations is that one: beside a second waiter it would wait for ever.
    pub async fn completed(&self, api: &Api<StatefulMigration>) {
        let mut clock = tokio::time::interval(COMPLETE_LOOK);
        let mut lacking = None;
        loop {
            clock.tick().await;
            match listed(api).await {
                Ok(listed) => {
                    let left = self.lacking(lacking.as_ref(), &listed);
                    if left.is_empty() {
                        break;
                    }
                    tracing::debug!(left = left.len(), "not all migrations are known yet");
                    lacking = Some(left);
                }
                Err(error) => tracing::warn!(%error, "not known whether all migrations are known"),
            }
        }
        self.complete.store(true, Ordering::Release);
    }

    /// UIDs that are listed and not held. After the first look only those that lacked `before`: ever new ones keep nothing up.
    fn lacking(&self, before: Option<&HashSet<String>>, listed: &HashSet<String>) -> HashSet<String> {
        let all = self.all();
        let held: HashSet<&str> = all.iter().filter_map(|one| one.metadata.uid.as_deref()).collect();
        let lacks =
            |uid: &&String| !held.contains(uid.as_str()) && before.is_none_or(|before| before.contains(*uid));
        listed.iter().filter(lacks).cloned().collect()
    }

    /// Whether all migrations are known.
    pub fn is_complete(&self) -> bool {
        self.complete.load(Ordering::Acquire)
    }

    /// All that are known.
    pub fn all(&self) -> Vec<Arc<StatefulMigration>> {
        self.known.get().map(Store::state).unwrap_or_default()
    }

    /// What this one waits for; `None`: it may be prepared.
    pub fn wait(&self, limits: Limits, standing: &Standing, migration: &StatefulMigration) -> Option<InLine> {
        let all = self.known.get()?.state();
        let now = Timestamp::now();
        let namespace = migration.namespace().unwrap_or_default();
        let mut rounds = self.rounds.lock().unwrap_or_else(PoisonError::into_inner);
        let all = all.iter().map(|one| &**one);
        let place = turns::line(limits, standing, migration, all, |namespace| {
            rounds.had(namespace, now)
        });
        // One that was not answered keeps no other from beginning, so it uses up no turn either.
        if place.is_none() && !turns::is_held_up(migration) {
            rounds.has(&namespace, now);
        }
        place
    }

    /// A move has begun, and with it its namespace has had its turn.
    pub fn begun(&self, migration: &StatefulMigration) {
        let namespace = migration.namespace().unwrap_or_default();
        let prepared = self.prepared.lock().unwrap_or_else(PoisonError::into_inner);
        let further = prepared.contains_key(&namespace);
        drop(prepared);
        let mut rounds = self.rounds.lock().unwrap_or_else(PoisonError::into_inner);
        rounds.begun(&namespace, further, Timestamp::now());
    }

    /// Its place in line where something else than its turn keeps it from beginning.
    pub fn behind(&self, migration: &StatefulMigration, obstacle: Obstacle) -> InLine {
        let all = self.all();
        let before = turns::before(migration, all.iter().map(|one| &**one));
        InLine { obstacle, before }
    }

    /// The moves of this cluster that have finished: what a forecast rests on.
    pub fn finished(&self) -> Vec<Finished> {
        let all = self.all();
        all.iter().filter_map(|one| Finished::of(one)).collect()
    }

    /// A place to make a plan without a move; `None`: later.
    pub fn plan_place(&self) -> Option<SemaphorePermit<'_>> {
        self.plans.try_acquire().ok()
    }

    /// A place to be prepared; `None`: later.
    pub fn place(&self, migration: &StatefulMigration) -> Option<Place<'_>> {
        let namespace = migration.namespace().unwrap_or_default();
        let again = usize::from(turns::is_held_up(migration));
        let mut prepared = self.prepared.lock().unwrap_or_else(PoisonError::into_inner);
        let sum = |of: fn(&Prepared) -> usize| prepared.values().map(of).sum::<usize>();
        let (all, all_again) = (sum(|one| one.all), sum(|one| one.again));
        let of_this = prepared.entry(namespace.clone()).or_default();
        let full = all >= OF_ALL || of_this.all >= OF_ONE_NAMESPACE;
        let full_again = all_again >= AGAIN_OF_ALL || of_this.again >= AGAIN_OF_ONE_NAMESPACE;
        if full || (again > 0 && full_again) {
            return None;
        }
        of_this.all += 1;
        of_this.again += again;
        Some(Place {
            line: self,
            namespace,
            again,
        })
    }
}

/// UIDs of all migrations.
async fn listed(api: &Api<StatefulMigration>) -> Result<HashSet<String>, kube::Error> {
    let mut uids = HashSet::new();
    let mut page = ListParams::default().limit(PAGE);
    loop {
        let listed = api.list_metadata(&page).await?;
        uids.extend(listed.items.iter().filter_map(ResourceExt::uid));
        match listed.metadata.continue_.filter(|next| !next.is_empty()) {
            Some(next) => page = page.continue_token(&next),
            None => return Ok(uids),
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut prepared = self.line.prepared.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(of_this) = prepared.get_mut(&self.namespace) {
            of_this.all = of_this.all.saturating_sub(1);
            of_this.again = of_this.again.saturating_sub(self.again);
        }
        prepared.retain(|_, of_this| of_this.all > 0);
    }
}

#[cfg(test)]
mod tests {
    use shadow_core::api::{MigrationStatus, StatefulMigrationSpec};

    use super::*;

    #[test]
    fn what_is_created_meanwhile_keeps_no_controller_from_being_ready() {
        let line = Line::default();
        let set = |uids: &[&str]| uids.iter().map(|uid| (*uid).to_owned()).collect::<HashSet<_>>();
        let (store, mut writer) = kube::runtime::reflector::store();
        line.knows(store);
        let mut read = |uid: &str| {
            let mut one = of("shop");
            (one.metadata.uid, one.metadata.name) = (Some(uid.to_owned()), Some(uid.to_owned()));
            writer.apply_watcher_event(&kube::runtime::watcher::Event::Apply(one));
        };
        let first = line.lacking(None, &set(&["a", "b"]));
        assert_eq!(first, set(&["a", "b"]));
        read("a");
        let second = line.lacking(Some(&first), &set(&["a", "b", "new"]));
        assert_eq!(second, set(&["b"]), "one is read, another is new");
        assert!(
            line.lacking(Some(&second), &set(&["a", "new"])).is_empty(),
            "deleted"
        );
        read("b");
        assert!(
            line.lacking(Some(&second), &set(&["a", "b", "new"])).is_empty(),
            "read"
        );
    }

    #[test]
    fn those_that_are_not_answered_leave_a_place_to_the_others() {
        let line = Line::default();
        let unanswered = |namespace: &str| {
            let what = "the broker does not answer".to_owned();
            let place = line.behind(&of(namespace), Obstacle::Answer { what });
            let mut migration = of(namespace);
            migration.status = Some(MigrationStatus {
                waiting: Some(place.waiting(None, k8s_openapi::jiff::Timestamp::UNIX_EPOCH)),
                ..MigrationStatus::default()
            });
            migration
        };
        let again = line.place(&unanswered("shop")).unwrap();
        assert!(line.place(&unanswered("shop")).is_none());
        let first = line.place(&of("shop")).unwrap();
        assert!(line.place(&of("shop")).is_none());
        drop((again, first));
        let kept: Vec<_> = ["a", "b", "c", "d"]
            .map(|name| line.place(&unanswered(name)).unwrap())
            .into();
        assert!(line.place(&unanswered("e")).is_none(), "{} in all", kept.len());
        assert!(line.place(&of("e")).is_some());
    }

    fn of(namespace: &str) -> StatefulMigration {
        let mut migration = StatefulMigration::new("move", StatefulMigrationSpec::default());
        migration.metadata.namespace = Some(namespace.to_owned());
        migration
    }

    #[test]
    fn one_namespace_takes_few_places_and_gives_them_back() {
        let line = Line::default();
        let first = line.place(&of("shop")).unwrap();
        let second = line.place(&of("shop")).unwrap();
        assert!(line.place(&of("shop")).is_none());
        let others: Vec<_> = ["a", "b", "c"]
            .iter()
            .flat_map(|name| [line.place(&of(name)).unwrap(), line.place(&of(name)).unwrap()])
            .collect();
        assert!(line.place(&of("d")).is_none(), "{} in all", others.len() + 2);
        drop(first);
        assert!(line.place(&of("shop")).is_some());
        drop((second, others));
        assert!(line.prepared.lock().unwrap().is_empty());
    }
}
