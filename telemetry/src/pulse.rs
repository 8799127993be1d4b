//! Loops that have to go on as long as the process does its work. A part is alive while each of them has been heard of within
//! its limit; kubelet restarts the process when one stands still.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// When each loop was heard of last. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Pulse(Arc<Mutex<BTreeMap<String, Beat>>>);

#[derive(Clone, Copy, Debug)]
struct Beat {
    heard: Instant,
    within: Duration,
}

/// A piece of work that has to go on while it lasts; it is not listened for any more when this is dropped.
#[derive(Debug)]
pub struct Working {
    pulse: Pulse,
    name: String,
    within: Duration,
}

impl Pulse {
    /// A loop has come round; it does so again within this time.
    pub fn beat(&self, name: &str, within: Duration) {
        let heard = Instant::now();
        self.all().insert(name.to_owned(), Beat { heard, within });
    }

    /// A loop has ended as it should.
    pub fn rest(&self, name: &str) {
        self.all().remove(name);
    }

    /// Work that begins, and is heard of at least this often until it ends.
    #[must_use]
    pub fn working(&self, name: impl Into<String>, within: Duration) -> Working {
        let working = Working {
            pulse: self.clone(),
            name: name.into(),
            within,
        };
        working.goes_on();
        working
    }

    /// Whether none stands still; else which one does, as a sentence.
    pub fn alive(&self, now: Instant) -> Result<(), String> {
        let silent = self.silent(now);
        if silent.is_empty() {
            return Ok(());
        }
        let told = silent
            .iter()
            .map(|(name, age)| format!("{name} stands still for {} s", age.as_secs()));
        Err(told.collect::<Vec<_>>().join("; "))
    }

    /// Loops that stand still, and for how long.
    pub fn silent(&self, now: Instant) -> Vec<(String, Duration)> {
        let all = self.all();
        let age = |beat: &Beat| now.saturating_duration_since(beat.heard);
        let silent = all.iter().filter(|(_, beat)| age(beat) > beat.within);
        silent.map(|(name, beat)| (name.clone(), age(beat))).collect()
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<String, Beat>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Working {
    /// It has come round.
    pub fn goes_on(&self) {
        self.pulse.beat(&self.name, self.within);
    }
}

impl Drop for Working {
    fn drop(&mut self) {
        self.pulse.rest(&self.name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WITHIN: Duration = Duration::from_secs(10);

    #[test]
    fn a_loop_that_is_not_heard_of_within_its_limit_is_silent() {
        let pulse = Pulse::default();
        pulse.beat("nodes", WITHIN);
        pulse.beat("orphans", WITHIN * 10);
        let now = Instant::now();
        assert!(pulse.silent(now + WITHIN / 2).is_empty());
        let silent = pulse.silent(now + WITHIN * 2);
        assert_eq!(silent.len(), 1);
        assert_eq!(silent[0].0, "nodes");
        assert!(silent[0].1 > WITHIN);
    }

    #[test]
    fn work_that_has_ended_is_not_listened_for() {
        let pulse = Pulse::default();
        let working = pulse.working("visit", WITHIN);
        let later = Instant::now() + WITHIN * 2;
        assert_eq!(pulse.silent(later).len(), 1);
        drop(working);
        assert!(pulse.silent(later).is_empty());
    }
}
