//! The agent's metrics: what a node dumps, sends, receives and restores.

use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;

use crate::common::Common;
use crate::shelf::{Counters, Described, Shelf, labels, seconds};

labels!(Ended { outcome });

/// See the module.
#[derive(Debug)]
pub struct Metrics {
    shelf: Shelf,
    /// What each part has.
    pub common: Common,
    dumps: Counters<Ended>,
    dump_seconds: Histogram,
    transfers: Counters<Ended>,
    transfer_seconds: Histogram,
    restores: Counters<Ended>,
    restore_seconds: Histogram,
    dumped: Counter,
    received: Counter,
    sent: Counter,
    room: Gauge,
    keys: Gauge,
    helper: Gauge,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new(env!("CARGO_PKG_VERSION"))
    }
}

impl Metrics {
    /// All at zero.
    pub fn new(version: &str) -> Self {
        let mut shelf = Shelf::default();
        let common = Common::new(&mut shelf, version);
        let metrics = Self {
            common,
            dumps: shelf.counters("shadow_agent_dumps", "Dumps of containers, by how they ended"),
            dump_seconds: shelf.histogram(
                "shadow_agent_dump_duration_seconds",
                "How long a dump took that succeeded, its digest included",
                seconds,
            ),
            transfers: shelf.counters(
                "shadow_agent_transfers",
                "Archives that were brought to this node from another one or from a registry, by how it ended",
            ),
            transfer_seconds: shelf.histogram(
                "shadow_agent_transfer_duration_seconds",
                "How long a transfer took that succeeded, unpacked and verified",
                seconds,
            ),
            restores: shelf.counters(
                "shadow_agent_restores",
                "Restores of containers by the runtime handler, by how they ended",
            ),
            restore_seconds: shelf.histogram(
                "shadow_agent_restore_duration_seconds",
                "How long the runtime's restore took where it succeeded",
                seconds,
            ),
            dumped: shelf.counter("shadow_agent_dumped_bytes", "Bytes of archives that were made here"),
            received: shelf.counter(
                "shadow_agent_received_bytes",
                "Bytes of archives that came over the network, compressed",
            ),
            sent: shelf.counter(
                "shadow_agent_sent_bytes",
                "Bytes of archives that went to other agents, compressed",
            ),
            room: shelf.gauge(
                "shadow_agent_archive_room_bytes",
                "Bytes that an archive may take on this node at the moment: the smaller one of its folder's room and the node's memory",
            ),
            keys: shelf.gauge(
                "shadow_agent_keys",
                "Attempts of moves that this agent keeps something of; 0 when nothing is under way",
            ),
            helper: shelf.gauge(
                "shadow_agent_helper_up",
                "1 when the node's helper answered the last question, 0 when it did not",
            ),
            shelf: Shelf::default(),
        };
        for family in [&metrics.dumps, &metrics.transfers, &metrics.restores] {
            for good in [true, false] {
                drop(family.get_or_create(&ended(good)));
            }
        }
        Self { shelf, ..metrics }
    }

    /// A dump has ended; its bytes where it succeeded.
    pub fn dumped(&self, bytes: Option<u64>, took: Duration) {
        self.dumps.get_or_create(&ended(bytes.is_some())).inc();
        if let Some(bytes) = bytes {
            self.dumped.inc_by(bytes);
            self.dump_seconds.observe(took.as_secs_f64());
        }
    }

    /// A transfer to this node has ended; its bytes on the wire where it succeeded.
    pub fn received(&self, bytes: Option<u64>, took: Duration) {
        self.transfers.get_or_create(&ended(bytes.is_some())).inc();
        if let Some(bytes) = bytes {
            self.received.inc_by(bytes);
            self.transfer_seconds.observe(took.as_secs_f64());
        }
    }

    /// Bytes have gone to another agent.
    pub fn sent(&self, bytes: u64) {
        self.sent.inc_by(bytes);
    }

    /// A restore has ended; how long it took where it succeeded.
    pub fn restored(&self, took: Option<Duration>) {
        self.restores.get_or_create(&ended(took.is_some())).inc();
        if let Some(took) = took {
            self.restore_seconds.observe(took.as_secs_f64());
        }
    }

    /// What the node has at this moment.
    pub fn has(&self, room: Option<u64>, keys: usize) {
        if let Some(room) = room {
            self.room.set(i64::try_from(room).unwrap_or(i64::MAX));
        }
        self.keys.set(i64::try_from(keys).unwrap_or(i64::MAX));
    }

    /// Whether the helper answers.
    pub fn helper(&self, answers: bool) {
        self.helper.set(i64::from(answers));
    }

    /// In the format of OpenMetrics.
    pub fn text(&self) -> String {
        self.shelf.text()
    }

    /// What is said of each.
    pub fn described(&self) -> &[Described] {
        self.shelf.described()
    }
}

fn ended(good: bool) -> Ended {
    let outcome = if good { "done" } else { "failed" };
    Ended {
        outcome: outcome.to_owned(),
    }
}
