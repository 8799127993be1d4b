//! What the user asks of a drain meanwhile: by Ctrl-C, or by the keys of the live view.

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc::UnboundedReceiver;

use crate::drain::{Order, Stage};
use crate::problem::Problem;
use crate::say;

/// See the module.
pub(super) struct Asked {
    by: By,
    /// No new move begins, and what can be undone is undone.
    pub(super) stop: bool,
    /// No new move begins for now.
    pub(super) paused: bool,
    /// The command ends at once.
    pub(super) left: bool,
}

enum By {
    /// Once to stop, twice to leave.
    Interrupts(Signal),
    /// It is left when the view drops its end.
    View(UnboundedReceiver<Order>),
}

impl Asked {
    pub(super) fn by_interrupts() -> Result<Self, Problem> {
        let interrupts = signal(SignalKind::interrupt())
            .map_err(|error| Problem::Unknown(format!("cannot listen for Ctrl-C: {error}")))?;
        Ok(Self::by(By::Interrupts(interrupts)))
    }

    pub(super) fn by_view(orders: UnboundedReceiver<Order>) -> Self {
        Self::by(By::View(orders))
    }

    fn by(by: By) -> Self {
        Self {
            by,
            stop: false,
            paused: false,
            left: false,
        }
    }

    /// Returns when something more was asked for.
    pub(super) async fn heard(&mut self) {
        match &mut self.by {
            By::Interrupts(interrupts) => {
                interrupts.recv().await;
                if std::mem::replace(&mut self.stop, true) {
                    say::remark("the moves go on; this command ends");
                    self.left = true;
                } else {
                    say::remark(
                        "stopping: no new move begins, and what can be undone is undone. Ctrl-C again leaves at once",
                    );
                }
            }
            By::View(orders) => match orders.recv().await {
                Some(Order::Pause) => self.paused = true,
                Some(Order::GoOn) => self.paused = false,
                Some(Order::Stop) => self.stop = true,
                None => self.left = true,
            },
        }
    }

    /// Whether nothing new is begun any more.
    pub(super) fn ends(&self) -> bool {
        self.stop || self.left
    }

    /// What goes on while the drain is not over.
    pub(super) fn stage(&self) -> Stage {
        match (self.stop, self.paused) {
            (true, _) => Stage::Stopping,
            (false, true) => Stage::Paused,
            (false, false) => Stage::Running,
        }
    }
}
