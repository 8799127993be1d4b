//! Whether anybody still talks to a container: what comes in to its network namespace, seen from the node.
//!
//! This sees what no API object shows: that the proxies of all nodes, whatever they are, send requests elsewhere.

use std::fs;
use std::io;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use serde::Deserialize;

use super::{ContainerId, NodeError};
use crate::layout;

const LOOK_AGAIN: Duration = Duration::from_millis(10);
/// Between two looks no more than this counts as silence: where the machine stood still, so did whoever would have sent.
const COUNTS: Duration = Duration::from_millis(20);

/// What was observed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quiet {
    /// Nothing came in for the whole window.
    Silent,
    /// Something kept coming in.
    InUse,
    /// The container has ended by itself.
    Ended,
}

/// Waits until nothing has come in for `window`, for as long as `patience`.
pub fn wait(id: &ContainerId, window: Duration, patience: Duration) -> Result<Quiet, NodeError> {
    let path = layout::runc_state(id);
    let Some(process) = if_there(first_process(&path))? else {
        return Ok(Quiet::Ended);
    };
    let counters = format!("/proc/{process}/net/snmp");
    let begun = Instant::now();
    let mut silence = Silence::default();
    let mut looked = begun;
    loop {
        if begun.elapsed() > patience {
            return Ok(Quiet::InUse);
        }
        let Some(arrived) = if_there(arrivals(Path::new(&counters)))? else {
            return Ok(Quiet::Ended);
        };
        let now = Instant::now();
        if silence.after(arrived, now - looked) >= window {
            return Ok(Quiet::Silent);
        }
        looked = now;
        thread::sleep(LOOK_AGAIN);
    }
}

/// For how long nothing has come in, as far as it was watched.
#[derive(Default)]
struct Silence {
    arrived: Option<u64>,
    lasts: Duration,
}

impl Silence {
    /// One look, so long after the one before.
    fn after(&mut self, arrived: u64, since: Duration) -> Duration {
        if self.arrived.replace(arrived) == Some(arrived) {
            self.lasts += since.min(COUNTS);
        } else {
            self.lasts = Duration::ZERO;
        }
        self.lasts
    }
}

/// A file of a container that has ended is gone, which is no error.
pub(super) fn if_there<T>(read: Result<T, NodeError>) -> Result<Option<T>, NodeError> {
    match read {
        Ok(value) => Ok(Some(value)),
        Err(NodeError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The first process of a container, by the state that runc keeps of it.
pub(crate) fn first_process(path: &Path) -> Result<u32, NodeError> {
    #[derive(Deserialize)]
    struct State {
        init_process_pid: u32,
    }
    let json = fs::read(path).map_err(NodeError::at("read the runtime's state", path))?;
    serde_json::from_slice::<State>(&json)
        .map(|state| state.init_process_pid)
        .map_err(|error| NodeError::Unfit(format!("{} is not as expected: {error}", path.display())))
}

fn arrivals(counters: &Path) -> Result<u64, NodeError> {
    let text = fs::read_to_string(counters).map_err(NodeError::at("read", counters))?;
    segments_and_datagrams(&text)
        .ok_or_else(|| NodeError::Unfit(format!("{} is not as expected", counters.display())))
}

/// TCP segments (of IPv4 and IPv6) and UDP datagrams that came in: each protocol has a line of names and one of values.
fn segments_and_datagrams(snmp: &str) -> Option<u64> {
    let counter = |protocol: &str, name: &str| -> Option<u64> {
        let mut lines = snmp.lines().filter_map(|line| line.strip_prefix(protocol));
        let (names, values) = (lines.next()?, lines.next()?);
        let column = names.split_whitespace().position(|word| word == name)?;
        values.split_whitespace().nth(column)?.parse().ok()
    };
    Some(counter("Tcp:", "InSegs")? + counter("Udp:", "InDatagrams")?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_what_was_watched_since_the_last_arrival() {
        let mut silence = Silence::default();
        let mut after = |arrived, millis| silence.after(arrived, Duration::from_millis(millis)).as_millis();
        assert_eq!(after(7, 0), 0, "the first look knows no difference");
        assert_eq!(after(7, 11), 11);
        assert_eq!(after(7, 10), 21);
        assert_eq!(
            after(7, 400),
            41,
            "the machine stood still, and so did the clients"
        );
        assert_eq!(after(8, 10), 0, "somebody came");
        assert_eq!(after(8, 10), 10);
    }

    #[test]
    fn counts_segments_and_datagrams_only() {
        let snmp = "Ip: Forwarding InReceives\nIp: 1 9000\nTcp: RtoMin ActiveOpens InSegs OutSegs\nTcp: 200 3 41 55\n\
                    Udp: InDatagrams NoPorts\nUdp: 7 1\nUdpLite: InDatagrams NoPorts\nUdpLite: 100 0\n";
        assert_eq!(segments_and_datagrams(snmp), Some(48));
    }

    #[test]
    fn a_file_without_the_counters_is_no_silence() {
        for text in [
            "",
            "Tcp: InSegs\n",
            "Tcp: InSegs\nTcp: many\nUdp: InDatagrams\nUdp: 1\n",
        ] {
            assert_eq!(segments_and_datagrams(text), None, "{text:?}");
        }
    }

    #[test]
    fn this_kernel_has_the_counters() {
        assert!(arrivals(Path::new("/proc/self/net/snmp")).is_ok());
    }
}
