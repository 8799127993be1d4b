//! Trying again, within bounds.

use std::future::Future;
use std::time::{Duration, Instant};

/// Pauses between three attempts.
const PAUSES: [Duration; 2] = [Duration::from_millis(300), Duration::from_secs(2)];
/// No attempt begins later than this: the source's messages wait all the while.
const WITHIN: Duration = Duration::from_secs(30);

/// Attempts until one succeeds or fails for good, three times at most.
pub(crate) async fn bounded<T, E, F>(
    mut attempt: impl FnMut() -> F,
    is_transient: impl Fn(&E) -> bool,
) -> Result<T, E>
where
    E: std::fmt::Display,
    F: Future<Output = Result<T, E>>,
{
    let begun = Instant::now();
    for pause in PAUSES {
        match attempt().await {
            Err(error) if is_transient(&error) && begun.elapsed() + pause < WITHIN => {
                tracing::warn!(%error, pause_millis = pause.as_millis(), "registry is tried again");
                tokio::time::sleep(pause).await;
            }
            ended => return ended,
        }
    }
    attempt().await
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    async fn attempts(outcomes: &[Result<u8, &'static str>]) -> (usize, Result<u8, &'static str>) {
        let count = AtomicUsize::new(0);
        let next = || {
            let outcome = outcomes[count.fetch_add(1, Ordering::SeqCst)];
            async move { outcome }
        };
        let ended = bounded(next, |error| *error == "busy").await;
        (count.into_inner(), ended)
    }

    #[tokio::test]
    async fn what_may_pass_is_tried_three_times_and_what_will_not_once() {
        assert_eq!(attempts(&[Err("busy"), Err("busy"), Ok(3)]).await, (3, Ok(3)));
        assert_eq!(attempts(&[Err("busy"); 4]).await, (3, Err("busy")));
        assert_eq!(attempts(&[Err("no"), Ok(2)]).await, (1, Err("no")));
    }
}
