//! AMQP 1.0 frames on the wire: what one side says at a time, and the empty frames that keep a connection alive.
//!
//! The types and their encoding come from a crate; its own client is not used, since its receivers throw away the
//! properties of a FLOW, and one of them is the whole proof of a hold.
//!
//! Guarantee: a frame larger than we announced, cut short or of an unknown layout is an error and never a guess.

use bytes::{Buf, BufMut, BytesMut};
use fe2o3_amqp_types::performatives::Performative;
use fe2o3_amqp_types::sasl::{SaslInit, SaslMechanisms, SaslOutcome};
use serde::Serialize;
use tokio_util::codec::{Decoder, Encoder};

use super::depth;

/// Largest frame that we take; an attach with all its properties needs a tenth of it.
pub(super) const MAX_FRAME: u32 = 65_536;
/// Size, data offset, type and channel.
const HEADER: usize = 8;
/// Data offset of a frame without an extended header, in words of four bytes.
const OFFSET: u8 = 2;
const TYPE_AMQP: u8 = 0;
pub(super) const TYPE_SASL: u8 = 1;
/// Descriptors of the two frames that a SASL server sends in the exchange for PLAIN.
const MECHANISMS: u8 = 0x40;
const OUTCOME: u8 = 0x44;

/// One frame. There is one session only, so the channel is always 0.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "there is one at a time, and most are of the largest kind"
)]
pub(super) enum Frame {
    /// Says "I am alive".
    Empty,
    /// Part of the protocol proper.
    Amqp(Performative),
    /// What the server offers.
    Mechanisms(SaslMechanisms),
    /// What the server thinks of the password.
    Outcome(SaslOutcome),
}

/// What we say.
pub(super) enum Say {
    /// Keeps the connection alive.
    Empty,
    /// Part of the protocol proper.
    Amqp(Box<Performative>),
    /// Who we are. Not to be printed: it holds the password.
    Login(SaslInit),
}

impl From<Performative> for Say {
    fn from(performative: Performative) -> Self {
        Self::Amqp(Box::new(performative))
    }
}

/// A frame that cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub(super) enum FrameError {
    #[error("{0}")]
    Io(#[from] std::io::Error),
    #[error("a frame that AMQP 1.0 does not know: {0}")]
    Malformed(String),
}

/// Splits a stream into frames.
#[derive(Debug, Default)]
pub(super) struct Frames;

impl Decoder for Frames {
    type Item = Frame;
    type Error = FrameError;

    fn decode(&mut self, read: &mut BytesMut) -> Result<Option<Frame>, FrameError> {
        let Some(size) = read.first_chunk::<4>().map(|size| u32::from_be_bytes(*size)) else {
            return Ok(None);
        };
        let malformed = |what: String| FrameError::Malformed(what);
        let length = usize::try_from(size).unwrap_or(usize::MAX);
        if size > MAX_FRAME || length < HEADER {
            return Err(malformed(format!("its size is {size} bytes")));
        }
        if read.len() < length {
            read.reserve(length - read.len());
            return Ok(None);
        }
        let mut frame = read.split_to(length);
        frame.advance(4);
        let (offset, kind) = (usize::from(frame.get_u8()) * 4, frame.get_u8());
        if offset < HEADER || offset > length {
            return Err(malformed(format!("its data begins at byte {offset} of {length}")));
        }
        frame.advance(offset - 6);
        body(kind, &frame).map(Some)
    }
}

fn body(kind: u8, body: &[u8]) -> Result<Frame, FrameError> {
    depth::checked(body).map_err(|refused| FrameError::Malformed(refused.to_string()))?;
    let unread = |error: serde_amqp::Error| FrameError::Malformed(error.to_string());
    match kind {
        TYPE_AMQP if body.is_empty() => Ok(Frame::Empty),
        TYPE_AMQP => serde_amqp::from_slice(body).map(Frame::Amqp).map_err(unread),
        TYPE_SASL => match body {
            [0, _, MECHANISMS, ..] => serde_amqp::from_slice(body)
                .map(Frame::Mechanisms)
                .map_err(unread),
            [0, _, OUTCOME, ..] => serde_amqp::from_slice(body).map(Frame::Outcome).map_err(unread),
            _ => Err(FrameError::Malformed(
                "part of a login other than PLAIN".to_owned(),
            )),
        },
        other => Err(FrameError::Malformed(format!("its type is {other}"))),
    }
}

impl Encoder<Say> for Frames {
    type Error = FrameError;

    fn encode(&mut self, say: Say, written: &mut BytesMut) -> Result<(), FrameError> {
        match say {
            Say::Empty => put(written, TYPE_AMQP, &[]),
            Say::Amqp(performative) => put(written, TYPE_AMQP, &encoded(&*performative)?),
            Say::Login(login) => put(written, TYPE_SASL, &encoded(&login)?),
        }
    }
}

fn encoded(body: &impl Serialize) -> Result<Vec<u8>, FrameError> {
    serde_amqp::to_vec(body).map_err(|error| FrameError::Malformed(error.to_string()))
}

pub(super) fn put(written: &mut BytesMut, kind: u8, body: &[u8]) -> Result<(), FrameError> {
    let size = u32::try_from(HEADER + body.len())
        .ok()
        .filter(|size| *size <= MAX_FRAME)
        .ok_or_else(|| FrameError::Malformed(format!("{} bytes are too many", body.len())))?;
    written.put_u32(size);
    written.put_u8(OFFSET);
    written.put_u8(kind);
    written.put_u16(0);
    written.put_slice(body);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<Option<Frame>, FrameError> {
        Frames.decode(&mut BytesMut::from(bytes))
    }

    #[test]
    fn a_frame_is_read_when_all_of_it_is_there() {
        let mut bytes = BytesMut::from(&[0, 0, 0, 8, 2, 0, 0][..]);
        assert!(Frames.decode(&mut bytes).unwrap().is_none());
        bytes.put_u8(0);
        bytes.put_u8(77);
        assert!(matches!(Frames.decode(&mut bytes).unwrap(), Some(Frame::Empty)));
        assert_eq!(&bytes[..], [77], "the next frame is left");
        // An extended header is skipped.
        assert!(matches!(
            read(&[0, 0, 0, 12, 3, 0, 0, 0, 1, 2, 3, 4]),
            Ok(Some(Frame::Empty))
        ));
    }

    #[test]
    fn what_is_no_frame_is_an_error() {
        for bytes in [
            // Too large, too small, data before or behind its own frame, an unknown type, a body that is none.
            &[0x7f, 0, 0, 0, 2, 0, 0, 0][..],
            &[0, 0, 0, 7, 2, 0, 0, 0],
            &[0, 0, 0, 8, 1, 0, 0, 0],
            &[0, 0, 0, 8, 3, 0, 0, 0],
            &[0, 0, 0, 8, 2, 9, 0, 0],
            &[0, 0, 0, 10, 2, 0, 0, 0, 0x41, 0x42],
            &[0, 0, 0, 11, 2, 1, 0, 0, 0, 0x53, 0x42],
            b"HTTP/1.1 400 Bad Request",
        ] {
            assert!(matches!(read(bytes), Err(FrameError::Malformed(_))), "{bytes:?}");
        }
    }
}
