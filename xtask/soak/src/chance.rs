//! Numbers that look random and are the same for the same seed: SplitMix64. Written here, so that no new version of a library
//! makes another plan of an old seed.

/// A row of numbers.
pub(crate) struct Chance(u64);

const GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

impl Chance {
    /// The row of this seed for this purpose and this index; rows of different purposes have nothing to do with each other.
    pub(crate) fn of(seed: u64, purpose: &str, index: u32) -> Self {
        let named = purpose
            .bytes()
            .fold(seed, |state, byte| mixed(state ^ u64::from(byte)));
        Self(mixed(named ^ u64::from(index).wrapping_mul(GAMMA)))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(GAMMA);
        mixed(self.0)
    }

    /// From 0, less than `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }

    /// One of these, as often as its weight says.
    pub(crate) fn one_of<T: Copy, const N: usize>(&mut self, of: &[(u32, T); N]) -> T {
        let all: u64 = of.iter().map(|(weight, _)| u64::from(*weight)).sum();
        let mut left = self.below(all);
        for (weight, one) in of {
            let weight = u64::from(*weight);
            if left < weight {
                return *one;
            }
            left -= weight;
        }
        of[N - 1].1
    }
}

fn mixed(state: u64) -> u64 {
    let state = state.wrapping_add(GAMMA);
    let state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    state ^ (state >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_kept_within_a_tenth() {
        let mut chance = Chance::of(1, "test", 0);
        let heavy = (0..10_000)
            .filter(|_| chance.one_of(&[(3, true), (1, false)]))
            .count();
        assert!((6_750..=8_250).contains(&heavy), "{heavy}");
    }

    #[test]
    fn seed_purpose_and_index_each_make_another_row() {
        let first = |seed, purpose, index| Chance::of(seed, purpose, index).next();
        let one = first(1, "a", 1);
        assert_eq!(one, first(1, "a", 1));
        for other in [first(2, "a", 1), first(1, "b", 1), first(1, "a", 2)] {
            assert_ne!(one, other);
        }
    }
}
