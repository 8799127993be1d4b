//! How deep the tables of AMQP 0-9-1 are nested. The client library reads them by recursion without a limit, and 15,000
//! tables in one another end the process before any login.
//!
//! Guarantee: this walk needs no stack; what it cannot walk it refuses.

/// Tables and arrays within one another that are taken. Dead-letter headers of RabbitMQ have three.
pub(super) const DEEPEST: usize = 64;

/// Why a frame does not reach the client library.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refused {
    #[error("it sent tables that are nested more than {DEEPEST} levels deep")]
    TooDeep,
    #[error("it sent a frame that is cut short or not of AMQP 0-9-1")]
    Malformed,
    #[error("it sent a frame of {0} bytes")]
    TooLong(u64),
    #[error("it sent a message of {0} bytes, more than the controller reads")]
    MessageTooLong(u64),
    #[error("it sent a client's method ({class}.{method})")]
    NotAServers { class: u16, method: u16 },
}

/// What is left to read.
#[derive(Clone, Copy)]
pub(super) struct Bytes<'a>(pub(super) &'a [u8]);

impl<'a> Bytes<'a> {
    pub(super) fn take(&mut self, length: usize) -> Result<&'a [u8], Refused> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(Refused::Malformed)?;
        self.0 = rest;
        Ok(taken)
    }

    /// An unsigned number of `N` bytes, at most eight.
    pub(super) fn number<const N: usize>(&mut self) -> Result<u64, Refused> {
        let bytes = self.take(N)?;
        Ok(bytes.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)))
    }

    pub(super) fn short_string(&mut self) -> Result<(), Refused> {
        let length = usize::from(self.take(1)?[0]);
        self.take(length).map(drop)
    }

    /// Whatever begins with its own length.
    fn long(&mut self) -> Result<&'a [u8], Refused> {
        let length = self.number::<4>()?;
        self.take(usize::try_from(length).map_err(|_| Refused::Malformed)?)
    }
}

/// Entries of a table have a name, those of an array have none.
#[derive(Clone, Copy)]
enum Kind {
    Table,
    Array,
}

/// Takes a table off the beginning of `bytes` if it is not nested too deep.
pub(super) fn table(bytes: &mut Bytes<'_>) -> Result<(), Refused> {
    let mut open = vec![(Kind::Table, Bytes(bytes.long()?))];
    while let Some((kind, rest)) = open.last_mut() {
        if rest.0.is_empty() {
            open.pop();
            continue;
        }
        if let Kind::Table = kind {
            rest.short_string()?;
        }
        if let Some(inner) = value(rest)? {
            if open.len() == DEEPEST {
                return Err(Refused::TooDeep);
            }
            open.push(inner);
        }
    }
    Ok(())
}

/// Takes one value; what is inside, if it holds others.
fn value<'a>(bytes: &mut Bytes<'a>) -> Result<Option<(Kind, Bytes<'a>)>, Refused> {
    let fixed = match bytes.take(1)?[0] {
        b'V' => 0,
        b't' | b'b' | b'B' => 1,
        b's' | b'U' | b'u' => 2,
        b'I' | b'i' | b'f' => 4,
        b'D' => 5,
        b'L' | b'l' | b'd' | b'T' => 8,
        b'S' | b'x' => return bytes.long().map(|_| None),
        b'F' => return Ok(Some((Kind::Table, Bytes(bytes.long()?)))),
        b'A' => return Ok(Some((Kind::Array, Bytes(bytes.long()?)))),
        _ => return Err(Refused::Malformed),
    };
    bytes.take(fixed).map(|_| None)
}

#[cfg(test)]
pub(super) mod tests {
    use lapin::types::{AMQPValue, FieldArray, FieldTable};

    use super::*;

    /// `depth` tables in one another, as bytes.
    pub(in crate::broker::wire) fn nested(depth: usize) -> Vec<u8> {
        let mut bytes = vec![0, 0, 0, 0];
        for _ in 1..depth {
            let mut outer = vec![1, b'a', b'F'];
            outer.append(&mut bytes);
            bytes = u32::try_from(outer.len()).unwrap().to_be_bytes().to_vec();
            bytes.append(&mut outer);
        }
        bytes
    }

    fn walked(bytes: &[u8]) -> Result<usize, Refused> {
        let mut left = Bytes(bytes);
        table(&mut left).map(|()| left.0.len())
    }

    #[test]
    fn every_kind_of_value_is_walked_over() {
        let mut fields = FieldTable::default();
        let mut array = FieldArray::default();
        array.push(AMQPValue::Boolean(true));
        array.push(AMQPValue::FieldTable(FieldTable::default()));
        for (n, value) in [
            AMQPValue::Boolean(true),
            AMQPValue::ShortShortInt(-1),
            AMQPValue::ShortShortUInt(1),
            AMQPValue::ShortInt(-1),
            AMQPValue::ShortUInt(1),
            AMQPValue::LongInt(-1),
            AMQPValue::LongUInt(1),
            AMQPValue::LongLongInt(-1),
            AMQPValue::Float(1.0),
            AMQPValue::Double(1.0),
            AMQPValue::LongString("text".into()),
            AMQPValue::FieldArray(array),
            AMQPValue::Timestamp(1),
            AMQPValue::FieldTable(FieldTable::default()),
            AMQPValue::ByteArray(vec![1, 2].into()),
            AMQPValue::Void,
        ]
        .into_iter()
        .enumerate()
        {
            fields.insert(format!("key {n}").into(), value);
        }
        let written = Vec::new();
        let (mut bytes, _) = lapin::types::generation::gen_field_table(&fields)(written.into())
            .unwrap()
            .into_inner();
        bytes.push(77);
        assert_eq!(walked(&bytes), Ok(1), "the byte after it is left");
        for cut in 4..bytes.len() - 1 {
            assert_eq!(walked(&bytes[..cut]), Err(Refused::Malformed), "{cut}");
        }
    }

    #[test]
    fn tables_are_taken_to_a_depth_and_no_deeper() {
        assert_eq!(walked(&nested(DEEPEST)), Ok(0));
        assert_eq!(walked(&nested(DEEPEST + 1)), Err(Refused::TooDeep));
        assert_eq!(walked(&nested(15_000)), Err(Refused::TooDeep));
    }
}
