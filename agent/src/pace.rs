//! Limits on machines without hardware virtualisation. An emulated node (`xtask/node`) is many times slower than a real one, and
//! what takes a second there says nothing about a fault.
//!
//! Guarantee: only builds with assertions, as tests use them, can be told so. In what is shipped the factor is 1.

use std::time::Duration;

/// Environment: how many times slower the machine is.
const VARIABLE: &str = "SHADOW_EMULATED";
const SLOWEST: u32 = 20;

/// A limit, as long as this machine makes it.
pub fn stretched(limit: Duration) -> Duration {
    let told = if cfg!(debug_assertions) {
        std::env::var(VARIABLE).ok()
    } else {
        None
    };
    limit.saturating_mul(factor(told.as_deref()))
}

fn factor(told: Option<&str>) -> u32 {
    told.and_then(|told| told.parse().ok())
        .map_or(1, |factor: u32| factor.clamp(1, SLOWEST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_as_it_is_unless_a_machine_is_said_to_be_slow() {
        for (told, expected) in [
            (None, 1),
            (Some("8"), 8),
            (Some("0"), 1),
            (Some("1000"), SLOWEST),
            (Some("slow"), 1),
        ] {
            assert_eq!(factor(told), expected, "{told:?}");
        }
        assert_eq!(stretched(Duration::from_secs(2)), Duration::from_secs(2));
    }
}
