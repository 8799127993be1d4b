//! The cost of a message and the size of the process: both real, both configurable.

use std::time::{Duration, Instant};

use super::WorkKind;

/// Spends the configured time.
pub async fn perform(work: Duration, kind: WorkKind) {
    if work.is_zero() {
        return;
    }
    match kind {
        WorkKind::Sleep => tokio::time::sleep(work).await,
        WorkKind::Spin => spin(work),
    }
}

fn spin(work: Duration) {
    let begun = Instant::now();
    while begun.elapsed() < work {
        std::hint::spin_loop();
    }
}

/// Memory that is really there: every page touched, and filled with what does not compress, so that
/// a checkpoint has to carry it.
#[derive(Debug)]
pub struct Ballast(Vec<u64>);

impl Ballast {
    /// Takes this many megabytes.
    #[must_use]
    pub fn megabytes(megabytes: usize) -> Self {
        let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
        let words = megabytes * 1024 * 1024 / 8;
        Self(
            std::iter::repeat_with(|| {
                seed ^= seed << 13;
                seed ^= seed >> 7;
                seed ^= seed << 17;
                seed
            })
            .take(words)
            .collect(),
        )
    }

    /// Its size in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.0.len() * 8
    }

    /// A number that depends on every word of it: equal before and after a migration.
    #[must_use]
    pub fn checksum(&self) -> u64 {
        self.0.iter().fold(0, |sum, word| sum.rotate_left(1) ^ word)
    }
}
