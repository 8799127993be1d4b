//! The messages: orders placed, filled and cancelled by numbered publishers.
//!
//! A publisher's n-th message is a pure function of its name and n, so every message of a run can be
//! told without keeping any of them.

use serde::{Deserialize, Serialize};

/// Symbols that are traded. Few, so that running totals are shared by many orders.
pub const SYMBOLS: [&str; 4] = ["ACME", "BOLT", "CRUX", "DUNE"];

/// One message as it travels through the broker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Who sent it. Unique per run, so that an old run never hides a new one.
    pub publisher: String,
    /// 1 for the publisher's first message, then one more each.
    pub seq: u64,
    /// What is to happen to the book.
    #[serde(flatten)]
    pub action: Action,
    /// Filler up to the wanted size; part of the hash chain like everything else.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub pad: String,
}

/// What a message does to the book of its publisher. Orders are named by the `seq` that placed them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "lowercase")]
pub enum Action {
    /// A new order.
    Place {
        /// One of [`SYMBOLS`].
        symbol: String,
        /// Buy or sell.
        side: Side,
        /// Units wanted.
        quantity: u64,
        /// Price of a unit in cents.
        price: u64,
    },
    /// Some units of an open order change hands.
    Fill {
        /// The order's id.
        order: u64,
        /// Units; never more than are open.
        quantity: u64,
    },
    /// The rest of an open order is withdrawn.
    Cancel {
        /// The order's id.
        order: u64,
    },
}

/// The side of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// Wants units.
    Buy,
    /// Offers units.
    Sell,
}

impl Message {
    /// The `seq`-th message of `publisher`.
    #[must_use]
    pub fn numbered(publisher: &str, seq: u64) -> Self {
        let action = match seq % 10 {
            // The orders named here were placed by the messages 4 and 6 before.
            7 => Action::Fill {
                order: seq - 4,
                quantity: 1 + mix(publisher, seq) % 40,
            },
            9 => Action::Cancel { order: seq - 6 },
            _ => placed(mix(publisher, seq)),
        };
        Self {
            publisher: publisher.to_owned(),
            seq,
            action,
            pad: String::new(),
        }
    }

    /// The message as bytes, filled up to `size` where it is smaller.
    ///
    /// # Errors
    /// Never for messages made here; JSON could only fail on foreign types.
    pub fn encode(mut self, size: usize) -> Result<Vec<u8>, serde_json::Error> {
        let bare = serde_json::to_vec(&self)?;
        // `,"pad":""` costs 9 bytes; less room than that leaves the message as it is.
        let Some(room) = size.checked_sub(bare.len() + 9).filter(|room| *room > 0) else {
            return Ok(bare);
        };
        self.pad = "x".repeat(room);
        serde_json::to_vec(&self)
    }

    /// Reads a message.
    ///
    /// # Errors
    /// When the body is not a message of ours.
    pub fn decode(body: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(body)
    }
}

fn placed(random: u64) -> Action {
    let symbol = SYMBOLS[usize::try_from(random % 4).unwrap_or_default()].to_owned();
    let side = if random & 4 == 0 { Side::Buy } else { Side::Sell };
    Action::Place {
        symbol,
        side,
        quantity: 10 + (random >> 8) % 90,
        price: 1_000 + (random >> 20) % 9_000,
    }
}

/// A stable, well-spread number for a publisher and a sequence number (FNV-1a, then a finaliser).
fn mix(publisher: &str, seq: u64) -> u64 {
    let bytes = publisher.bytes().chain(seq.to_le_bytes());
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd) >> 3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_survives_the_wire_and_has_the_wanted_size() {
        for seq in 1..=40 {
            let message = Message::numbered("run-p0", seq);
            let body = message.clone().encode(256).unwrap();
            assert_eq!(body.len(), 256);
            let read = Message::decode(&body).unwrap();
            assert_eq!(
                (read.publisher, read.seq, read.action),
                (message.publisher, seq, message.action)
            );
        }
    }

    #[test]
    fn a_size_too_small_leaves_the_message_whole() {
        let body = Message::numbered("p", 1).encode(1).unwrap();
        assert_eq!(Message::decode(&body).unwrap(), Message::numbered("p", 1));
    }

    #[test]
    fn fills_and_cancels_name_orders_that_were_placed() {
        for seq in 1..200 {
            match Message::numbered("p", seq).action {
                Action::Place { .. } => {}
                Action::Fill { order, .. } | Action::Cancel { order } => {
                    assert!(
                        matches!(Message::numbered("p", order).action, Action::Place { .. }),
                        "{seq} names {order}"
                    );
                }
            }
        }
    }
}
