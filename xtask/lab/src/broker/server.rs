//! A RabbitMQ on loopback, outside any cluster, in namespaces of its own.
//!
//! Guarantees: when [`Broker::start`] returns, the broker accepts AMQP connections and management
//! calls on 127.0.0.1, as user and password `shadow`; several may run at once; when the value is
//! dropped, or this process dies in whatever way, no process, mount or file of the broker is left.

use super::{ports, tree};
use anyhow::{Context, Result, bail};
use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::fs::FileExt;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

const BOOT: &str = include_str!("boot.sh");
/// What every RabbitMQ of ours is configured with, here and in the image.
pub const CONFIGURATION: &str = include_str!("rabbitmq.conf");
/// The file `enabled_plugins`, here and in the image.
pub const PLUGINS: &str = "[rabbitmq_management].";

const READY_WITHIN: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(50);

/// A running broker.
pub struct Broker {
    /// Where to speak AMQP.
    pub amqp_uri: String,
    /// Where to speak HTTP with the management plugin, credentials included.
    pub management_uri: String,
    process: Child,
    log: File,
}

impl Broker {
    /// Starts a broker with nothing in it and waits until it serves.
    pub fn start() -> Result<Self> {
        Self::configured("")
    }

    /// The same without a limit of frames, an honest setting that a client must not answer with a buffer of that size. RabbitMQ
    /// 4.3 takes no AMQP 1.0 connection with it.
    pub fn start_unlimited() -> Result<Self> {
        Self::configured("frame_max = 0\n")
    }

    fn configured(more: &str) -> Result<Self> {
        let tree = tree::ensure()?;
        let [amqp, management, names, distribution] = ports::free()?;
        let log = tempfile::tempfile().context("open a file for the broker's log")?;
        let process = Command::new("unshare")
            .args([
                "--fork",
                "--pid",
                "--kill-child",
                "--mount",
                "--uts",
                "sh",
                "-c",
                BOOT,
            ])
            .env("OWNER", tree::owner(&tree)?)
            .env("TREE", &tree)
            .env("CONFIGURATION", configuration(amqp, management) + more)
            .env("PLUGINS", PLUGINS)
            .env("HOME", "/var/lib/rabbitmq")
            .env("RABBITMQ_NODENAME", "rabbit@localhost")
            .env("RABBITMQ_DIST_PORT", distribution.to_string())
            .env("ERL_EPMD_PORT", names.to_string())
            .env("ERL_EPMD_ADDRESS", Ipv4Addr::LOCALHOST.to_string())
            // The server ends with the other end of this pipe, which the kernel closes for us.
            .stdin(Stdio::piped())
            .stdout(log.try_clone()?)
            .stderr(log.try_clone()?)
            .spawn()
            .context("start unshare: util-linux must be installed")?;
        let mut broker = Self {
            amqp_uri: format!("amqp://shadow:shadow@127.0.0.1:{amqp}/%2f"),
            management_uri: format!("http://shadow:shadow@127.0.0.1:{management}"),
            process,
            log,
        };
        broker.wait_until_served([amqp, management])?;
        Ok(broker)
    }

    /// The server opens these ports last, when all else is up.
    fn wait_until_served(&mut self, ports: [u16; 2]) -> Result<()> {
        let deadline = Instant::now() + READY_WITHIN;
        while !ports.into_iter().all(answers) {
            if let Some(status) = self.process.try_wait()? {
                bail!(
                    "the broker ended with {status} before it was ready; its last words:\n{}",
                    self.last_words()
                );
            }
            if Instant::now() > deadline {
                bail!(
                    "the broker was not ready in {READY_WITHIN:?}; its last words:\n{}",
                    self.last_words()
                );
            }
            thread::sleep(POLL);
        }
        Ok(())
    }

    fn last_words(&self) -> String {
        const ENOUGH: u64 = 4096;
        let length = self.log.metadata().map_or(0, |about| about.len());
        let mut words = vec![0; usize::try_from(length.min(ENOUGH)).unwrap_or_default()];
        match self.log.read_exact_at(&mut words, length.saturating_sub(ENOUGH)) {
            Ok(()) => String::from_utf8_lossy(&words).into_owned(),
            Err(error) => format!("(its log cannot be read: {error})"),
        }
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        if let Err(error) = self.process.wait() {
            eprintln!("broker: waiting for its end: {error}");
        }
    }
}

fn configuration(amqp: u16, management: u16) -> String {
    format!(
        "{CONFIGURATION}
listeners.tcp.local = 127.0.0.1:{amqp}
management.tcp.ip = 127.0.0.1
management.tcp.port = {management}
"
    )
}

fn answers(port: u16) -> bool {
    TcpStream::connect_timeout(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)), POLL).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broker_listens_on_loopback_only() {
        let text = configuration(41000, 41001);
        assert!(text.contains("listeners.tcp.local = 127.0.0.1:41000\n"));
        assert!(text.contains("management.tcp.ip = 127.0.0.1\nmanagement.tcp.port = 41001\n"));
        assert!(text.starts_with(CONFIGURATION));
    }
}
