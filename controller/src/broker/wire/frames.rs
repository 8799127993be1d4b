//! Cuts what a broker sends into frames and lets through what the client library can read without harm.
//!
//! Guarantee: of a method or a message's header nothing goes on before all of it was looked at.

use bytes::{Buf, BytesMut};

use super::tables::{Bytes, Refused, table};

/// Type, channel and size.
const HEADER: usize = 7;
/// Behind each frame.
const END: usize = 1;
const METHOD: u8 = 1;
const MESSAGE: u8 = 2;
const BODY: u8 = 3;
const HEARTBEAT: u8 = 8;
/// A broker that speaks another version names it: `AMQP` and four bytes more.
const OTHER_VERSION: u8 = b'A';
/// The default frame size of clients and RabbitMQ.
const LONGEST: u64 = 131_072;
/// A message is held as a whole while it is read. The default limit of RabbitMQ 4 is 16 MiB.
const LONGEST_MESSAGE: u64 = 32 << 20;

/// Where it stands in what the broker sends.
#[derive(Debug, Default)]
pub(super) struct Frames {
    /// Not looked at yet: the beginning of a frame.
    held: BytesMut,
    /// Bytes of a frame that was let through and is still to come.
    passing: usize,
    /// May go on.
    ready: BytesMut,
}

impl Frames {
    /// Takes in what the broker sent.
    pub(super) fn take_in(&mut self, mut sent: &[u8]) -> Result<(), Refused> {
        loop {
            let through = self.passing.min(sent.len());
            self.ready.extend_from_slice(&sent[..through]);
            self.passing -= through;
            sent = &sent[through..];
            if sent.is_empty() && self.held.is_empty() {
                return Ok(());
            }
            self.held.extend_from_slice(sent);
            sent = &[];
            let Some(passes) = next(&self.held)? else {
                return Ok(());
            };
            let known = passes.min(self.held.len());
            self.ready.unsplit(self.held.split_to(known));
            self.passing = passes - known;
        }
    }

    /// Moves as much as there is room for; how much that was.
    pub(super) fn give(&mut self, room: &mut [u8]) -> usize {
        let given = self.ready.len().min(room.len());
        self.ready.copy_to_slice(&mut room[..given]);
        given
    }

    /// Whether something may go on.
    pub(super) fn has_some(&self) -> bool {
        !self.ready.is_empty()
    }
}

/// Length of the next frame if it may pass; `None`: more of it is needed to know.
fn next(held: &[u8]) -> Result<Option<usize>, Refused> {
    let Some((header, rest)) = held.split_first_chunk::<HEADER>() else {
        return match held.first() {
            Some(&(METHOD | MESSAGE | BODY | HEARTBEAT | OTHER_VERSION)) | None => Ok(None),
            Some(_) => Err(Refused::Malformed),
        };
    };
    let [kind, _, _, size @ ..] = *header;
    let size = u32::from_be_bytes(size);
    let payload = usize::try_from(size).map_err(|_| Refused::Malformed)?;
    let length = HEADER + payload + END;
    match kind {
        OTHER_VERSION => Ok(Some(HEADER + 1)),
        METHOD | MESSAGE | BODY | HEARTBEAT if u64::from(size) > LONGEST => {
            Err(Refused::TooLong(u64::from(size)))
        }
        BODY | HEARTBEAT => Ok(Some(length)),
        METHOD | MESSAGE if rest.len() < payload + END => Ok(None),
        METHOD => method(Bytes(&rest[..payload])).map(|()| Some(length)),
        MESSAGE => message(Bytes(&rest[..payload])).map(|()| Some(length)),
        _ => Err(Refused::Malformed),
    }
}

/// Of what a server says only its first words hold a table; each method of a client that holds one is refused.
fn method(mut bytes: Bytes<'_>) -> Result<(), Refused> {
    let class = short(&mut bytes)?;
    let method = short(&mut bytes)?;
    match (class, method) {
        // connection.start: two numbers of one byte, then the server's properties.
        (10, 10) => {
            bytes.take(2)?;
            table(&mut bytes)
        }
        // connection.start-ok; exchange.declare, bind, unbind; queue.declare, bind, unbind; basic.consume.
        (10, 11) | (40, 10 | 30 | 40) | (50, 10 | 20 | 50) | (60, 20) => {
            Err(Refused::NotAServers { class, method })
        }
        _ => Ok(()),
    }
}

/// A message's length, and its headers.
fn message(mut bytes: Bytes<'_>) -> Result<(), Refused> {
    const CONTENT_TYPE: u16 = 1 << 15;
    const CONTENT_ENCODING: u16 = 1 << 14;
    const HEADERS: u16 = 1 << 13;
    // Class and weight.
    bytes.take(4)?;
    let length = bytes.number::<8>()?;
    if length > LONGEST_MESSAGE {
        return Err(Refused::MessageTooLong(length));
    }
    let flags = short(&mut bytes)?;
    for before in [CONTENT_TYPE, CONTENT_ENCODING] {
        if flags & before != 0 {
            bytes.short_string()?;
        }
    }
    if flags & HEADERS != 0 {
        table(&mut bytes)?;
    }
    Ok(())
}

fn short(bytes: &mut Bytes<'_>) -> Result<u16, Refused> {
    let [high, low] = *bytes.take(2)? else {
        return Err(Refused::Malformed);
    };
    Ok(u16::from_be_bytes([high, low]))
}

#[cfg(test)]
mod tests {
    use super::super::tables::tests::nested;
    use super::*;

    fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
        let mut bytes = vec![kind, 0, 1];
        bytes.extend(u32::try_from(payload.len()).unwrap().to_be_bytes());
        bytes.extend(payload);
        bytes.push(0xce);
        bytes
    }

    fn start(table: &[u8]) -> Vec<u8> {
        let mut payload = vec![0, 10, 0, 10, 0, 9];
        payload.extend(table);
        payload.extend([0, 0, 0, 5]);
        payload.extend(b"PLAIN");
        payload.extend([0, 0, 0, 0]);
        frame(METHOD, &payload)
    }

    /// A message's header with content type, encoding and headers.
    fn header(length: u64, table: &[u8]) -> Vec<u8> {
        let mut payload = vec![0, 60, 0, 0];
        payload.extend(length.to_be_bytes());
        payload.extend([0b1110_0000, 0, 1, b'a', 1, b'b']);
        payload.extend(table);
        frame(MESSAGE, &payload)
    }

    fn through(sent: &[u8], at_once: usize) -> Result<Vec<u8>, Refused> {
        let mut frames = Frames::default();
        let mut passed = Vec::new();
        for part in sent.chunks(at_once) {
            frames.take_in(part)?;
            let mut room = [0; 5];
            while frames.has_some() {
                let given = frames.give(&mut room);
                passed.extend(&room[..given]);
            }
        }
        Ok(passed)
    }

    #[test]
    fn what_a_broker_says_passes_unchanged_however_it_is_cut() {
        let mut sent = start(&nested(3));
        sent.extend(header(12, &nested(5)));
        sent.extend(frame(BODY, b"hello, world"));
        sent.extend(frame(HEARTBEAT, b""));
        sent.extend(frame(METHOD, &[0, 10, 0, 41]));
        for at_once in 1..=sent.len() {
            assert_eq!(through(&sent, at_once).as_ref(), Ok(&sent), "{at_once} at once");
        }
        assert_eq!(
            through(b"AMQP\x00\x00\x09\x01", 3).unwrap(),
            b"AMQP\x00\x00\x09\x01"
        );
    }

    #[test]
    fn nothing_of_a_harmful_frame_passes() {
        let declare = frame(METHOD, &[0, 50, 0, 10, 0, 0]);
        for (sent, refused) in [
            (start(&nested(15_000)), Refused::TooDeep),
            (header(1, &nested(15_000)), Refused::TooDeep),
            (header(1 << 40, &nested(1)), Refused::MessageTooLong(1 << 40)),
            (
                declare,
                Refused::NotAServers {
                    class: 50,
                    method: 10,
                },
            ),
            (start(&[0, 0, 1, 0]), Refused::Malformed),
            (frame(METHOD, &[0]), Refused::Malformed),
            (
                vec![METHOD, 0, 0, 0xff, 0xff, 0xff, 0xff],
                Refused::TooLong(0xffff_ffff),
            ),
            (vec![BODY, 0, 0, 0, 2, 0, 1], Refused::TooLong(131_073)),
            (b"HTTP/1.1 400 Bad Request".to_vec(), Refused::Malformed),
        ] {
            for at_once in [1, 1_000, sent.len()] {
                let mut frames = Frames::default();
                let parts = sent.chunks(at_once);
                let ended = parts.map(|part| frames.take_in(part)).find_map(Result::err);
                assert_eq!(ended, Some(refused.clone()));
                assert!(!frames.has_some(), "{refused}");
            }
        }
    }
}
