//! Waiting for what comes about by itself. Everything has a limit, in terms of an emulated machine that others slow down.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// The longest that a pod takes from its manifest to its first line, several times over.
pub(crate) const PATIENCE: Duration = Duration::from_secs(300);
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// Looks again and again until there is something to see.
pub(crate) async fn until<T>(what: &str, mut look: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    let begun = Instant::now();
    loop {
        match look() {
            Ok(Some(found)) => return Ok(found),
            Ok(None) if begun.elapsed() > PATIENCE => bail!("waited {PATIENCE:?} in vain for {what}"),
            Err(error) if begun.elapsed() > PATIENCE => {
                return Err(error).with_context(|| format!("waited {PATIENCE:?} for {what}"));
            }
            Ok(None) | Err(_) => tokio::time::sleep(LOOK_AGAIN).await,
        }
    }
}
