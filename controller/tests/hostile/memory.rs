//! How much memory this process holds.

use std::fs;

/// Bytes that are resident now.
pub(crate) fn resident() -> u64 {
    field("VmRSS:")
}

/// Bytes that were resident at most.
pub(crate) fn peak() -> u64 {
    field("VmHWM:")
}

fn field(name: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(name)).unwrap();
    let kilobytes: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kilobytes << 10
}
