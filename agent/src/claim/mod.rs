//! The conversation with shadow-runc: may this container be restored, and did it work?
//!
//! Guarantees: a key is handed to one container; a container that was announced as a restore is told "fresh" only when
//! its migration is over; whatever is unclear is answered "no", and kubelet asks again.

pub mod admission;
pub mod messages;
pub mod socket;

pub use messages::{Answer, Ask, ClaimRequest, RestoreOutcome};
