//! How long an effect may take. Each call within it has a limit of its own; this one holds for all of them together, and for
//! loops whose length others decide. An effect that is left is one during which this process might have died: it is done
//! again, and found done where it was.

use std::time::Duration;

use shadow_core::machine::Action;
use shadow_core::machine::port::PortChange;

const SECOND: Duration = Duration::from_secs(1);

/// The limit of an effect.
pub(super) fn of(action: &Action) -> Duration {
    let seconds = match action {
        // As long as the memory's size asks for; the machine and the agents have limits of their own.
        Action::Checkpoint { .. } | Action::Fetch { .. } => 150,
        // Requests to a registry, each tried again.
        Action::ForgetKeys | Action::WithdrawImage => 150,
        // Goes on at the next batch.
        Action::Port {
            change: PortChange::PourBack | PortChange::PourRest,
            ..
        } => 60,
        // Several changes of the broker, each with a limit of 10 s.
        Action::Port {
            change:
                PortChange::Adopt
                | PortChange::Branch
                | PortChange::Fence
                | PortChange::TakeInStrays
                | PortChange::FlipBack
                | PortChange::Unbranch
                | PortChange::DeleteTwin
                | PortChange::DeleteBacklog
                | PortChange::GiveBack,
            ..
        }
        | Action::Tell { .. } => 40,
        Action::Park { .. }
        | Action::Unpark { .. }
        | Action::AttachLink { .. }
        | Action::DetachLink
        | Action::WithdrawControl { .. }
        | Action::DropHold(_)
        | Action::DropControl { .. }
        | Action::RefuseControl(_) => 25,
        Action::Announce { .. }
        | Action::InstallRule
        | Action::ProveRule
        | Action::Promise
        | Action::Thaw
        | Action::CreateTarget
        | Action::Adopt { .. }
        | Action::RetryRestore { .. }
        | Action::Doubt(_)
        | Action::DeletePod(_)
        | Action::Kill { .. }
        | Action::DropPod(_)
        | Action::AbortKey { .. }
        | Action::RemoveRule => 15,
    };
    SECOND * seconds
}
