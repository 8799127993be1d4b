//! Bytes to and from the broker, cut into frames.

use tokio_util::codec::Framed;

use super::frames::Frames;
use crate::broker::address::Endpoint;
use crate::broker::wire::{Stream, dialled};
use crate::broker::{BrokerAddress, BrokerError};

/// A connection that speaks in frames.
pub(super) type Wire = Framed<Box<dyn Stream>, Frames>;

/// Connects to the host that the Secret names.
pub(super) async fn connected(address: &BrokerAddress, endpoint: &Endpoint) -> Result<Wire, BrokerError> {
    Ok(Framed::new(dialled(address, endpoint).await?, Frames))
}
