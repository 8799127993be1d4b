//! The order book of one publisher: open orders by id, and running totals per symbol and side.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::order::{Action, Side};

/// Open orders kept per publisher. The oldest is closed when one more is placed, so that memory is
/// bounded and the bound does not depend on how publishers are interleaved.
pub const OPEN_ORDERS: usize = 1_000;

/// Totals by symbol, then side.
pub type Totals = BTreeMap<String, BTreeMap<Side, SymbolTotals>>;

/// Running totals of one symbol and side.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SymbolTotals {
    /// Orders placed.
    pub orders: u64,
    /// Units placed.
    pub placed: u64,
    /// Units that changed hands.
    pub filled: u64,
    /// Cents paid for them.
    pub turnover: u64,
    /// Units withdrawn.
    pub cancelled: u64,
}

impl SymbolTotals {
    /// Adds another's totals to these.
    pub fn add(&mut self, other: &Self) {
        self.orders += other.orders;
        self.placed += other.placed;
        self.filled += other.filled;
        self.turnover += other.turnover;
        self.cancelled += other.cancelled;
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct OpenOrder {
    symbol: String,
    side: Side,
    open: u64,
    price: u64,
}

/// The book of one publisher.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Book {
    open: BTreeMap<u64, OpenOrder>,
    totals: Totals,
}

impl Book {
    /// Applies what the message numbered `seq` does. Orders that are not open any more are left alone.
    pub fn apply(&mut self, seq: u64, action: &Action) {
        match action {
            Action::Place {
                symbol,
                side,
                quantity,
                price,
            } => {
                self.place(
                    seq,
                    OpenOrder {
                        symbol: symbol.clone(),
                        side: *side,
                        open: *quantity,
                        price: *price,
                    },
                );
            }
            Action::Fill { order, quantity } => self.fill(*order, *quantity),
            Action::Cancel { order } => {
                if let Some(order) = self.open.remove(order) {
                    self.totals_of(&order).cancelled += order.open;
                }
            }
        }
    }

    fn place(&mut self, id: u64, order: OpenOrder) {
        if self.open.len() >= OPEN_ORDERS {
            self.open.pop_first();
        }
        let totals = self.totals_of(&order);
        totals.orders += 1;
        totals.placed += order.open;
        self.open.insert(id, order);
    }

    fn fill(&mut self, id: u64, quantity: u64) {
        let Some(mut order) = self.open.remove(&id) else {
            return;
        };
        let units = quantity.min(order.open);
        order.open -= units;
        let totals = self.totals_of(&order);
        totals.filled += units;
        totals.turnover += units * order.price;
        if order.open > 0 {
            self.open.insert(id, order);
        }
    }

    fn totals_of(&mut self, order: &OpenOrder) -> &mut SymbolTotals {
        self.totals
            .entry(order.symbol.clone())
            .or_default()
            .entry(order.side)
            .or_default()
    }

    /// How many orders are open.
    #[must_use]
    pub fn open_orders(&self) -> usize {
        self.open.len()
    }

    /// Running totals.
    #[must_use]
    pub fn totals(&self) -> &Totals {
        &self.totals
    }

    /// SHA-256 over every open order in order of ids: equal digests mean equal books.
    #[must_use]
    pub fn digest(&self) -> String {
        let mut hash = Sha256::new();
        for (id, order) in &self.open {
            let side = match order.side {
                Side::Buy => 'b',
                Side::Sell => 's',
            };
            hash.update(format!(
                "{id} {} {side} {} {}\n",
                order.symbol, order.open, order.price
            ));
        }
        hex::encode(hash.finalize())
    }
}
