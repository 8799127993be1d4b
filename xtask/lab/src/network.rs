//! Work in the network of another process.

use std::fs::File;
use std::thread;

use anyhow::{Context, Result, anyhow};
use nix::sched::{CloneFlags, setns};

/// Does something in the network of a process, in a thread that ends with it: the caller stays in its own network.
///
/// # Errors
///
/// The process is gone, or this program may not enter its network.
pub(crate) fn in_network_of<T: Send>(process: u32, work: impl FnOnce() -> T + Send) -> Result<T> {
    let path = format!("/proc/{process}/ns/net");
    let network = File::open(&path).with_context(|| format!("open {path}"))?;
    let entered = || {
        setns(network, CloneFlags::CLONE_NEWNET).context("enter another network: this must run as root")?;
        Ok(work())
    };
    thread::scope(|scope| {
        let thread = scope.spawn(entered);
        thread.join().map_err(|_| anyhow!("the thread ended by itself"))?
    })
}
