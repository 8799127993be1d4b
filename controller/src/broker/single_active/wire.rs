//! Bytes to and from the broker, cut into frames.

use shadow_dialling::Guard;
use tokio_util::codec::Framed;

use super::frames::Frames;
use crate::broker::address::Endpoint;
use crate::broker::wire::{Stream, dialled};
use crate::broker::{BrokerAddress, BrokerError};

/// A connection that speaks in frames.
pub(super) type Wire = Framed<Box<dyn Stream>, Frames>;

/// Connects to the host that the Secret names.
pub(super) async fn connected(
    guard: &Guard,
    address: &BrokerAddress,
    endpoint: &Endpoint,
) -> Result<Wire, BrokerError> {
    Ok(Framed::new(dialled(guard, address, endpoint).await?, Frames))
}
