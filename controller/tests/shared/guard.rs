//! The brokers of these tests are on this machine, which no user's broker is.

use shadow_core::dialling::Peer;
use shadow_dialling::Guard;

/// Lets loopback be dialled.
pub(crate) fn here() -> Guard {
    Guard::of_this_machine(Peer::Broker)
}
