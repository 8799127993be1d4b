//! A process that ends with us, and what it says.
//!
//! Guarantee: when the value is dropped, or this process dies in whatever way, its standard input ends, and with it the
//! process: `boot.sh` and `yard.sh` see to that.

use anyhow::{Context, Result, bail};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

const POLL: Duration = Duration::from_millis(50);

pub(super) struct Process {
    what: &'static str,
    child: Child,
    log: File,
}

impl Process {
    pub(super) fn spawn(what: &'static str, command: &mut Command) -> Result<Self> {
        let log = tempfile::tempfile().with_context(|| format!("open a file for the log of {what}"))?;
        let child = command
            // It ends with the other end of this pipe, which the kernel closes for us.
            .stdin(Stdio::piped())
            .stdout(log.try_clone()?)
            .stderr(log.try_clone()?)
            .spawn()
            .context("start unshare: util-linux must be installed")?;
        Ok(Self { what, child, log })
    }

    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until it serves.
    pub(super) fn wait_until_ready(
        &mut self,
        within: Duration,
        mut ready: impl FnMut() -> bool,
    ) -> Result<()> {
        let deadline = Instant::now() + within;
        let what = self.what;
        while !ready() {
            if let Some(status) = self.child.try_wait()? {
                bail!(
                    "{what} ended with {status} before it was ready; its last words:\n{}",
                    self.last_words()
                );
            }
            if Instant::now() > deadline {
                bail!(
                    "{what} was not ready in {within:?}; its last words:\n{}",
                    self.last_words()
                );
            }
            thread::sleep(POLL);
        }
        Ok(())
    }

    pub(super) fn last_words(&self) -> String {
        const ENOUGH: u64 = 4096;
        let length = self.log.metadata().map_or(0, |about| about.len());
        let mut words = vec![0; usize::try_from(length.min(ENOUGH)).unwrap_or_default()];
        match self.log.read_exact_at(&mut words, length.saturating_sub(ENOUGH)) {
            Ok(()) => String::from_utf8_lossy(&words).into_owned(),
            Err(error) => format!("(its log cannot be read: {error})"),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        if let Err(error) = self.child.wait() {
            eprintln!("{}: waiting for its end: {error}", self.what);
        }
    }
}
