//! Question and answer with the broker, until a link is attached.
//!
//! Guarantee: whatever the broker says instead of the wanted answer becomes an error with its reason.

use fe2o3_amqp_types::definitions::Error;
use fe2o3_amqp_types::performatives::Performative;
use futures::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::frames::{Frame, Say};
use super::refusal;
use super::wire::Wire;
use crate::broker::BrokerError;
use crate::broker::address::Endpoint;

/// Each thing said has its answer.
pub(super) struct Conversation<'a> {
    pub(super) endpoint: &'a Endpoint,
    /// What it is about, for messages.
    pub(super) queue: &'a str,
    pub(super) wire: Wire,
}

impl Conversation<'_> {
    /// Each side names the protocol; a broker that does not speak it names the one it speaks.
    pub(super) async fn greet(&mut self, header: [u8; 8]) -> Result<(), BrokerError> {
        let stream = self.wire.get_mut();
        let mut theirs = [0; 8];
        let exchanged = async {
            stream.write_all(&header).await?;
            stream.flush().await?;
            stream.read_exact(&mut theirs).await
        };
        match exchanged.await {
            Ok(_) if theirs == header => Ok(()),
            Ok(_) => Err(refusal::too_old(self.endpoint, "")),
            Err(error) => Err(self.lost(error.to_string())),
        }
    }

    pub(super) async fn say(&mut self, say: Say) -> Result<(), BrokerError> {
        let said = self.wire.send(say).await;
        said.map_err(|error| self.lost(error.to_string()))
    }

    pub(super) async fn hear(&mut self) -> Result<Frame, BrokerError> {
        match self.wire.next().await {
            Some(Ok(frame)) => Ok(frame),
            Some(Err(error)) => Err(self.lost(error.to_string())),
            None => Err(self.lost("it closed the connection".to_owned())),
        }
    }

    /// The next thing said that is no sign of life; what ends the conversation is an error with its reason.
    pub(super) async fn answer(&mut self) -> Result<Performative, BrokerError> {
        loop {
            match self.hear().await? {
                // Windows of a session that transfers nothing.
                Frame::Empty | Frame::Amqp(Performative::Flow(_)) => {}
                Frame::Amqp(Performative::Close(close)) => return Err(self.refused(close.error)),
                Frame::Amqp(Performative::End(end)) => return Err(self.refused(end.error)),
                Frame::Amqp(Performative::Detach(detach)) => return Err(self.refused(detach.error)),
                Frame::Amqp(performative) => return Ok(performative),
                other @ (Frame::Mechanisms(_) | Frame::Outcome(_)) => return Err(self.unexpected(&other)),
            }
        }
    }

    fn refused(&self, error: Option<Error>) -> BrokerError {
        refusal::of(self.endpoint, self.queue, error)
    }

    pub(super) fn unexpected(&self, frame: &Frame) -> BrokerError {
        self.lost(format!("it sent a frame that was not expected: {frame:?}"))
    }

    pub(super) fn lost(&self, reason: String) -> BrokerError {
        refusal::lost(self.endpoint, reason)
    }
}
