//! How a running part is told to end.

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// The telling side. Dropping it stops too.
#[derive(Debug)]
pub struct StopSender(watch::Sender<bool>);

/// The listening side; any number of parts may hold one.
#[derive(Debug, Clone)]
pub struct Stop(watch::Receiver<bool>);

/// Both sides.
#[must_use]
pub fn channel() -> (StopSender, Stop) {
    let (sender, receiver) = watch::channel(false);
    (StopSender(sender), Stop(receiver))
}

impl StopSender {
    /// Tells every part to end.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }
}

impl Stop {
    /// Waits until it is time to end.
    pub async fn stopped(&mut self) {
        // An error means that the sender is gone: nobody is left to wait for.
        drop(self.0.wait_for(|stop| *stop).await);
    }

    /// Whether it is time to end.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        *self.0.borrow()
    }
}

/// Waits for SIGTERM or SIGINT. The listeners stand when this function returns, not when its future
/// is first polled: as PID 1, a process without them would not even be stopped by the signal.
///
/// # Errors
/// When the signals cannot be listened for.
pub fn on_signal() -> std::io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
