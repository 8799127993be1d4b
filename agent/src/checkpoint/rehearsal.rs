//! A dump that is thrown away: what a plan learns about a process. No archive of it is handed out.
//!
//! Guarantees: one dump for each key, however often it is asked for, also across a restart of the agent; the archive is gone before
//! the answer is given, and the container goes on. Nothing of it is left 30 s after it was ordered, whatever becomes of the
//! controller: until then the key keeps the figures, for a controller that was replaced meanwhile. A move that comes meanwhile
//! waits for the rest of the dump ([`super::alone`]).

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use shadow_core::rehearsal::{DUMP_WITHIN, GONE_WITHIN};
use shadow_core::wire::{RehearseRequest, Rehearsed};
use tokio::sync::OwnedMutexGuard;
use tracing::{info, warn};

use super::{CheckpointError, Checkpointer, discard, micros, seal};
use crate::archive::ArchiveError;
use crate::helper::Failure;
use crate::helper::client::HelperError;
use crate::keys::state::Rehearsal;
use crate::keys::{Keys, Slot};
use crate::layout::KeyFolder;
use crate::node::ContainerId;
use crate::serve::problem::Refusal;

/// How often is looked whether one has to go.
const EVERY: Duration = Duration::from_secs(1);

impl Checkpointer {
    /// Dumps a container once and throws the dump away, or tells what the one dump of this key came to.
    pub async fn rehearse(
        &self,
        keys: &Keys,
        slot: &Slot,
        request: &RehearseRequest,
    ) -> Result<Rehearsed, CheckpointError> {
        let _one_at_a_time = slot.making.lock().await;
        if let Some(state) = slot.now() {
            return match state.rehearsal {
                Some(before) => told(before),
                None => Err(CheckpointError::NoRehearsal(slot.key.clone())),
            };
        }
        let begun = Instant::now();
        let (id, _alone) = match self.begin(slot, request).await {
            Ok(alone) => alone,
            Err(error) => {
                // Nothing was begun, so nothing is to be known of the key.
                keys.remove(slot)?;
                return Err(error);
            }
        };
        let made = self.once(slot, &id, begun).await;
        settle(keys, slot, made)
    }

    /// Finds the container, keeps other dumps away from it, and notes by when all of this is over.
    async fn begin(
        &self,
        slot: &Slot,
        request: &RehearseRequest,
    ) -> Result<(ContainerId, OwnedMutexGuard<()>), CheckpointError> {
        let container = self.cluster.container(&request.pod, &request.container).await?;
        let Some(alone) = self.alone.now(&container.id) else {
            return Err(CheckpointError::AtWork(container.id));
        };
        let gone_by = now().saturating_add(whole(GONE_WITHIN));
        slot.update(|state| {
            state.busy = true;
            state.namespace.clone_from(&request.pod.namespace);
            state.rehearsal = Some(Rehearsal {
                gone_by,
                outcome: None,
            });
        })?;
        Ok((container.id, alone))
    }

    /// One try: each lets the process stand still. What is written goes before anybody learns of it.
    async fn once(
        &self,
        slot: &Slot,
        id: &ContainerId,
        begun: Instant,
    ) -> Result<Rehearsed, CheckpointError> {
        let dumped = self.helper.dump_within(&slot.key, id, DUMP_WITHIN).await;
        let (folder, keep) = (slot.folder.clone(), dumped.is_ok());
        let sealed = tokio::task::spawn_blocking(move || {
            let sealed = if keep {
                seal(&folder).map(|manifest| manifest.bytes())
            } else {
                Ok(0)
            };
            let thrown_away = throw_away(&folder);
            if let Err(error) = &thrown_away {
                warn!(%error, "a dump could not be thrown away at once; it is tried again when its time is over");
            }
            thrown_away.and(sealed)
        });
        let bytes = sealed.await.map_err(|_| CheckpointError::Stopping)?;
        let (dumped, bytes) = (dumped?, bytes?);
        info!(key = %slot.key, bytes, frozen = dumped.frozen_micros, micros = micros(begun), "rehearsed: dumped and thrown away");
        Ok(Rehearsed {
            bytes,
            frozen_micros: dumped.frozen_micros,
            total_micros: micros(begun),
        })
    }
}

/// Keeps the outcome for later questions, unless nothing was begun.
fn settle(
    keys: &Keys,
    slot: &Slot,
    made: Result<Rehearsed, CheckpointError>,
) -> Result<Rehearsed, CheckpointError> {
    if let Err(CheckpointError::Dump(HelperError::Failed(Failure::Busy(_)))) = &made {
        keys.remove(slot)?;
        return made;
    }
    let outcome = made.map_err(|error| Refusal::from(error).into_problem());
    slot.update(|state| {
        state.busy = false;
        if let Some(rehearsal) = &mut state.rehearsal {
            rehearsal.outcome = Some(outcome.clone());
        }
    })?;
    outcome.map_err(CheckpointError::Before)
}

/// What is known of an earlier attempt.
fn told(before: Rehearsal) -> Result<Rehearsed, CheckpointError> {
    match before.outcome {
        Some(outcome) => outcome.map_err(CheckpointError::Before),
        None => Err(CheckpointError::Unfinished),
    }
}

/// The archive, whole or in part; the record of the key stays.
fn throw_away(folder: &KeyFolder) -> Result<(), ArchiveError> {
    discard(folder)?;
    for dir in [folder.archive(), folder.work()] {
        match std::fs::remove_dir_all(&dir) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(ArchiveError::at("remove", &dir)(error)),
        }
    }
    Ok(())
}

/// Removes what is left of each rehearsal when its time is over, until the task is dropped. It needs no answer: the controller and the
/// API server may be silent.
pub async fn watch(keys: Keys) {
    let mut clock = tokio::time::interval(EVERY);
    loop {
        clock.tick().await;
        forget_due(&keys, now());
    }
}

fn forget_due(keys: &Keys, now: u64) {
    for slot in keys.known() {
        let due = |rehearsal: &Rehearsal| is_due(rehearsal.gone_by, now);
        if !slot
            .now()
            .and_then(|state| state.rehearsal)
            .is_some_and(|one| due(&one))
        {
            continue;
        }
        // One that is still being dumped removes its archive itself when it ends, which the helper sees to.
        let Ok(_nobody_writes) = slot.making.try_lock() else {
            continue;
        };
        match keys.remove(&slot) {
            Ok(()) => info!(key = %slot.key, "what was left of a rehearsal is gone"),
            Err(error) => warn!(key = %slot.key, %error, "what is left of a rehearsal could not be removed"),
        }
    }
}

/// A clock that was set back must not keep an archive: none is ever to stay for longer than [`GONE_WITHIN`].
fn is_due(gone_by: u64, now: u64) -> bool {
    now >= gone_by || gone_by - now > whole(GONE_WITHIN)
}

fn now() -> u64 {
    whole(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}

fn whole(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use shadow_core::names::Key;

    use super::*;
    use crate::layout::Layout;

    const COST: Rehearsed = Rehearsed {
        bytes: 12,
        frozen_micros: 80_000,
        total_micros: 200_000,
    };

    fn keys(root: &tempfile::TempDir) -> Keys {
        Keys::load(Layout::below(root.path())).unwrap()
    }

    /// A rehearsal with an archive on the disk, as an agent leaves it that dies in the middle.
    fn with_archive(keys: &Keys, gone_by: u64) -> std::sync::Arc<Slot> {
        let slot = keys.slot(&Key::parse("0c1b7d1e-8a3f-4a52-9c57-6f1d9a4f6b11-1-0").unwrap());
        slot.update(|state| {
            state.namespace = "shop".to_owned();
            state.rehearsal = Some(Rehearsal {
                gone_by,
                outcome: None,
            });
        })
        .unwrap();
        for dir in [slot.folder.archive(), slot.folder.partial(), slot.folder.work()] {
            fs::create_dir_all(&dir).unwrap();
            fs::write(dir.join("pages-1.img"), [0; 7]).unwrap();
        }
        slot
    }

    fn left(keys: &Keys) -> usize {
        fs::read_dir(keys.layout().keys()).unwrap().count()
    }

    #[test]
    fn a_rehearsal_is_gone_after_thirty_seconds_whoever_is_silent() {
        let root = tempfile::tempdir().unwrap();
        let keys = keys(&root);
        let slot = with_archive(&keys, 30_000);
        forget_due(&keys, 29_999);
        assert!(slot.now().is_some() && slot.folder.archive().exists());
        forget_due(&keys, 30_000);
        assert!(slot.now().is_none() && left(&keys) == 0);
    }

    #[test]
    fn an_agent_that_died_during_the_dump_leaves_nothing_and_does_not_dump_again() {
        let root = tempfile::tempdir().unwrap();
        with_archive(&keys(&root), 30_000);
        let keys = keys(&root);
        let state = keys.known().remove(0).now().unwrap();
        let again = told(state.rehearsal.unwrap());
        assert!(matches!(again, Err(CheckpointError::Unfinished)), "{again:?}");
        forget_due(&keys, 30_000);
        assert_eq!(left(&keys), 0);
    }

    #[test]
    fn a_clock_that_was_set_back_keeps_no_archive() {
        for (gone_by, now, due) in [
            (30_000, 0, false),
            (30_000, 30_000, true),
            (30_001, 0, true),
            (0, u64::MAX, true),
        ] {
            assert_eq!(is_due(gone_by, now), due, "{gone_by} at {now}");
        }
    }

    #[tokio::test]
    async fn one_that_is_being_dumped_is_left_to_its_dump() {
        let root = tempfile::tempdir().unwrap();
        let keys = keys(&root);
        let slot = with_archive(&keys, 1);
        let dumping = slot.making.lock().await;
        forget_due(&keys, 2);
        assert!(slot.now().is_some());
        drop(dumping);
        forget_due(&keys, 2);
        assert_eq!(left(&keys), 0);
    }

    #[test]
    fn a_key_of_a_move_has_no_time_to_go() {
        let root = tempfile::tempdir().unwrap();
        let keys = keys(&root);
        let slot = with_archive(&keys, 0);
        slot.update(|state| state.rehearsal = None).unwrap();
        forget_due(&keys, u64::MAX);
        assert!(slot.folder.archive().exists());
    }

    #[test]
    fn whoever_asks_again_is_told_the_same_and_nothing_of_the_archive_is_left() {
        let root = tempfile::tempdir().unwrap();
        let keys = keys(&root);
        let slot = with_archive(&keys, u64::MAX);
        throw_away(&slot.folder).unwrap();
        assert_eq!(settle(&keys, &slot, Ok(COST)).unwrap(), COST);
        let names: Vec<_> = fs::read_dir(&slot.folder.dir)
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(names, ["state.json"]);
        // Another agent on the same folder reads it.
        let state = self::keys(&root).known().remove(0).now().unwrap();
        assert_eq!(told(state.rehearsal.unwrap()).unwrap(), COST);
    }

    #[test]
    fn a_failure_keeps_its_words_and_a_busy_helper_leaves_the_key_free() {
        let root = tempfile::tempdir().unwrap();
        let keys = keys(&root);
        let failed = |failure| Err(CheckpointError::Dump(HelperError::Failed(failure)));
        let slot = with_archive(&keys, u64::MAX);
        let words = "CRIU cannot dump an io_uring";
        let first = settle(&keys, &slot, failed(Failure::Lasting(words.to_owned()))).unwrap_err();
        assert!(first.to_string().contains(words), "{first}");
        let again = told(slot.now().unwrap().rehearsal.unwrap()).unwrap_err();
        assert_eq!(again.to_string(), first.to_string());
        let busy = settle(
            &keys,
            &slot,
            failed(Failure::Busy("the node helper is busy".to_owned())),
        );
        assert!(busy.is_err() && slot.now().is_none() && left(&keys) == 0);
    }
}
