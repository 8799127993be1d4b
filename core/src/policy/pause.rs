//! `maxPause`, as a policy limits it and fills it in.

use k8s_openapi::jiff::SignedDuration;

use crate::max_pause;

/// Reads the text of a policy.
pub(super) fn read(text: &str) -> Result<SignedDuration, String> {
    max_pause::parse(text).map_err(|why| why.to_string())
}

/// As it is written into a migration.
pub(super) fn told(time: SignedDuration) -> String {
    let millis = time.as_millis();
    if millis % 1_000 == 0 {
        format!("{}s", millis / 1_000)
    } else {
        format!("{millis}ms")
    }
}
