//! Ends this process and begins it again in its place.
//!
//! Guarantee: nothing of the process goes on: its threads end and its connections close, as at any death. Written by ourselves since
//! kubelet, which would start it again, waits longer after each end (up to five minutes), while streams are held.

use std::os::unix::process::CommandExt;
use std::process::Command;

use crate::aside;

/// Says to the next one how often it was begun again without leading.
const TRIES: &str = "SHADOW_TRIES";
/// After so many, kubelet shows that something is wrong: the process ends.
const MOST: u32 = 60;

/// After it has led.
pub fn begin() -> ! {
    // This end is no death.
    aside::clear();
    again(0)
}

/// Before it has led, after an error that may pass.
pub fn try_again() -> ! {
    match tries(std::env::var(TRIES).ok().as_deref()) {
        Some(tries) => again(tries),
        None => std::process::exit(1),
    }
}

/// The number of the next try, unless there were too many.
fn tries(said: Option<&str>) -> Option<u32> {
    let before = said.and_then(|text| text.parse().ok()).unwrap_or(0_u32);
    (before < MOST).then_some(before + 1)
}

fn again(tries: u32) -> ! {
    let error = Command::new("/proc/self/exe")
        .args(std::env::args_os().skip(1))
        .env(TRIES, tries.to_string())
        .exec();
    tracing::error!(%error, "cannot begin again; kubelet starts another process");
    std::process::exit(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_tried_again_for_a_while() {
        assert_eq!(tries(None), Some(1));
        assert_eq!(tries(Some("59")), Some(60));
        assert_eq!(tries(Some("60")), None);
    }
}
