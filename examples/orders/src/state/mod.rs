//! What the consumer remembers: per publisher a position, a hash chain and a book.
//!
//! Everything is kept *per publisher*, because a broker promises order only within one publisher's
//! channel. Two consumers which were given the same messages therefore end in the same state, however
//! the publishers were interleaved, and any loss, double or swap within a publisher shows in the chain.

mod book;
mod pauses;
mod position;
mod snapshot;

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use crate::order::Message;
pub use book::{Book, SymbolTotals, Totals};
pub use pauses::{Pause, Pauses};
pub use position::Position;
pub use snapshot::{BookSnapshot, PauseSnapshot, PublisherSnapshot, StateSnapshot};

/// The whole memory of a consumer.
#[derive(Debug, Default)]
pub struct State {
    publishers: BTreeMap<String, Publisher>,
    applied: u64,
    rejected: u64,
    redelivered: u64,
    pauses: Pauses,
}

/// What is known of one publisher.
#[derive(Debug, Default)]
struct Publisher {
    position: Position,
    chain: [u8; 32],
    book: Book,
}

impl State {
    /// Applies a message as it was delivered, duplicates included.
    pub fn apply(&mut self, body: &[u8], redelivered: bool, now_ms: u64) {
        self.redelivered += u64::from(redelivered);
        let message = match Message::decode(body) {
            Ok(message) => message,
            Err(error) => {
                self.rejected += 1;
                tracing::warn!(%error, bytes = body.len(), "message is not an order");
                return;
            }
        };
        self.applied += 1;
        self.pauses.applied_at(now_ms);
        let publisher = self.publishers.entry(message.publisher).or_default();
        publisher.position.advance(message.seq);
        publisher.chain = link(&publisher.chain, body);
        publisher.book.apply(message.seq, &message.action);
    }

    /// Messages applied so far, duplicates included.
    #[must_use]
    pub fn applied(&self) -> u64 {
        self.applied
    }

    /// Forgets the pauses seen so far; the next one counts from the next message.
    pub fn reset_pauses(&mut self, now_ms: u64) {
        self.pauses = Pauses::since(now_ms);
    }
}

/// The next link of a hash chain: the previous hash and the whole body.
fn link(previous: &[u8; 32], body: &[u8]) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(previous);
    hash.update(body);
    hash.finalize().into()
}

#[cfg(test)]
mod tests;
