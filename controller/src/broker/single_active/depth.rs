//! How deep the values of an AMQP 1.0 frame are nested. The crate that reads them does so by recursion without a limit.
//!
//! Guarantee: this walk needs no stack; what it cannot walk it refuses.
//! Source: AMQP 1.0, part 1, section 1.2 (the upper half of a format code says how long a value is).

/// Values within one another that are taken. An attach of RabbitMQ has six.
const DEEPEST: usize = 64;

/// Why a frame is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refused {
    #[error("its values are nested more than {DEEPEST} levels deep")]
    TooDeep,
    #[error("a value is cut short or of an unknown kind")]
    Malformed,
}

/// What is open.
enum Open {
    /// A descriptor and a value, of which so many are to come.
    Described(u8),
    /// A list, map or array: values until its end, counted in bytes left of the whole.
    Until(usize),
}

/// Checks all values of a frame's body.
pub(super) fn checked(body: &[u8]) -> Result<(), Refused> {
    let mut bytes = body;
    let mut open: Vec<Open> = Vec::new();
    loop {
        while let Some(last) = open.last() {
            match last {
                Open::Described(0) => {}
                Open::Until(end) if bytes.len() == *end => {}
                Open::Until(end) if bytes.len() < *end => return Err(Refused::Malformed),
                Open::Described(_) | Open::Until(_) => break,
            }
            open.pop();
        }
        if bytes.is_empty() {
            return if open.is_empty() {
                Ok(())
            } else {
                Err(Refused::Malformed)
            };
        }
        if let Some(Open::Described(left)) = open.last_mut() {
            *left -= 1;
        }
        if let Some(inner) = value(&mut bytes)? {
            if open.len() == DEEPEST {
                return Err(Refused::TooDeep);
            }
            open.push(inner);
        }
    }
}

/// Takes one value off; what it opens, if it holds others.
fn value(bytes: &mut &[u8]) -> Result<Option<Open>, Refused> {
    let code = number::<1>(bytes)?;
    let length = match code >> 4 {
        0 if code == 0 => return Ok(Some(Open::Described(2))),
        4 => 0,
        5 => 1,
        6 => 2,
        7 => 4,
        8 => 8,
        9 => 16,
        0xa => number::<1>(bytes)?,
        0xb => number::<4>(bytes)?,
        0xc => return compound::<1>(bytes).map(Some),
        0xd => return compound::<4>(bytes).map(Some),
        // The elements of an array share one code, so that none of them can be nested in its own way.
        0xe => return array::<1>(bytes).map(|()| None),
        0xf => return array::<4>(bytes).map(|()| None),
        _ => return Err(Refused::Malformed),
    };
    take(bytes, length).map(|_| None)
}

fn compound<const N: usize>(bytes: &mut &[u8]) -> Result<Open, Refused> {
    let length = usize::try_from(number::<N>(bytes)?).map_err(|_| Refused::Malformed)?;
    let end = bytes.len().checked_sub(length).ok_or(Refused::Malformed)?;
    number::<N>(bytes)?;
    Ok(Open::Until(end))
}

/// Of fixed or variable width: RabbitMQ sends arrays of symbols only. Of lists, or described: refused.
fn array<const N: usize>(bytes: &mut &[u8]) -> Result<(), Refused> {
    let length = number::<N>(bytes)?;
    let mut inside = take(bytes, length)?;
    number::<N>(&mut inside)?;
    match number::<1>(&mut inside)? >> 4 {
        4..=0xb => Ok(()),
        _ => Err(Refused::TooDeep),
    }
}

fn number<const N: usize>(bytes: &mut &[u8]) -> Result<u64, Refused> {
    let taken = take(bytes, N as u64)?;
    Ok(taken.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)))
}

fn take<'a>(bytes: &mut &'a [u8], length: u64) -> Result<&'a [u8], Refused> {
    let length = usize::try_from(length).map_err(|_| Refused::Malformed)?;
    let (taken, rest) = bytes.split_at_checked(length).ok_or(Refused::Malformed)?;
    *bytes = rest;
    Ok(taken)
}

#[cfg(test)]
mod tests {
    use fe2o3_amqp_types::definitions::Fields;
    use fe2o3_amqp_types::performatives::{Open as OpenFrame, Performative};
    use serde_amqp::Value;
    use serde_amqp::primitives::{OrderedMap, Symbol};

    use super::*;

    /// `depth` lists in one another, as bytes.
    fn lists(depth: usize) -> Vec<u8> {
        let mut bytes = vec![0x45];
        for _ in 1..depth {
            let length = u32::try_from(bytes.len() + 4).unwrap();
            let mut outer = vec![0xd0];
            outer.extend(length.to_be_bytes());
            outer.extend([0, 0, 0, 1]);
            outer.append(&mut bytes);
            bytes = outer;
        }
        bytes
    }

    #[test]
    fn what_a_broker_says_is_read() {
        let mut properties = Fields::new();
        for (n, value) in [
            Value::Null,
            Value::Bool(true),
            Value::Long(-1),
            Value::Uint(70_000),
            Value::Double(1.0.into()),
            Value::String("text".repeat(100)),
            Value::Symbol(Symbol::from("symbol")),
            Value::List(vec![Value::Ubyte(1), Value::Map(OrderedMap::new())]),
            Value::Array(vec![Value::Symbol(Symbol::from("a")), Value::Symbol(Symbol::from("b"))].into()),
        ]
        .into_iter()
        .enumerate()
        {
            properties.insert(Symbol::from(format!("key {n}")), value);
        }
        let open = OpenFrame {
            container_id: "rabbit".to_owned(),
            hostname: None,
            max_frame_size: 512.into(),
            channel_max: 0.into(),
            idle_time_out: None,
            outgoing_locales: None,
            incoming_locales: None,
            offered_capabilities: Some(vec![Symbol::from("a"), Symbol::from("b")].into()),
            desired_capabilities: None,
            properties: Some(properties),
        };
        let bytes = serde_amqp::to_vec(&Performative::Open(open)).unwrap();
        assert_eq!(checked(&bytes), Ok(()));
        for cut in 1..bytes.len() {
            assert_eq!(checked(&bytes[..cut]), Err(Refused::Malformed), "{cut}");
        }
    }

    #[test]
    fn values_are_taken_to_a_depth_and_no_deeper() {
        assert_eq!(checked(&lists(DEEPEST + 1)), Ok(()));
        assert_eq!(checked(&lists(DEEPEST + 2)), Err(Refused::TooDeep));
        assert_eq!(checked(&lists(7_000)), Err(Refused::TooDeep));
        let described = [0x00, 0x43].repeat(30_000);
        assert_eq!(checked(&described), Err(Refused::TooDeep));
        // An array of arrays, and one of described values.
        assert_eq!(checked(&[0xe0, 3, 1, 0xe0, 0]), Err(Refused::TooDeep));
        assert_eq!(checked(&[0xe0, 3, 1, 0x00, 0]), Err(Refused::TooDeep));
    }

    #[test]
    fn what_is_no_value_is_refused() {
        for bytes in [
            &[0x01][..],
            &[0x30],
            &[0xa1, 2, 0],
            &[0xd0, 0, 0, 0],
            &[0xc0, 9, 1, 0x43],
            &[0x00],
        ] {
            assert_eq!(checked(bytes), Err(Refused::Malformed), "{bytes:?}");
        }
    }
}
