//! A RabbitMQ on loopback, outside any cluster, in namespaces of its own.
//!
//! Guarantees: when [`Broker::start`] returns, the broker accepts AMQP connections and management
//! calls on 127.0.0.1, as user and password `shadow`; several may run at once; when the value is
//! dropped, or this process dies in whatever way, no process, mount or file of the broker is left.

use super::process::Process;
use super::{ports, tree};
use anyhow::Result;
use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::process::Command;
use std::time::Duration;

/// How one server is started in namespaces of its own.
pub(super) const BOOT: &str = include_str!("boot.sh");
/// What every RabbitMQ of ours is configured with, here and in the image.
pub const CONFIGURATION: &str = include_str!("rabbitmq.conf");
/// The file `enabled_plugins`, here and in the image.
pub const PLUGINS: &str = "[rabbitmq_management].";

const READY_WITHIN: Duration = Duration::from_secs(60);
const CONNECT: Duration = Duration::from_millis(50);

/// A running broker.
pub struct Broker {
    /// Where to speak AMQP.
    pub amqp_uri: String,
    /// Where to speak HTTP with the management plugin, credentials included.
    pub management_uri: String,
    process: Process,
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
        let [amqp, management, names, distribution] = ports::free()?;
        let mut unshare = Command::new("unshare");
        unshare
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
            .envs(surroundings()?)
            .env("CONFIGURATION", configuration(amqp, management) + more)
            .env("HOST", "localhost")
            .env("HOSTS", "127.0.0.1 localhost")
            .env("RABBITMQ_NODENAME", "rabbit@localhost")
            .env("RABBITMQ_DIST_PORT", distribution.to_string())
            .env("ERL_EPMD_PORT", names.to_string())
            .env("ERL_EPMD_ADDRESS", Ipv4Addr::LOCALHOST.to_string());
        let mut broker = Self {
            amqp_uri: format!("amqp://shadow:shadow@127.0.0.1:{amqp}/%2f"),
            management_uri: format!("http://shadow:shadow@127.0.0.1:{management}"),
            process: Process::spawn("the broker", &mut unshare)?,
        };
        // The server opens these ports last, when all else is up.
        broker.process.wait_until_ready(READY_WITHIN, || {
            [amqp, management]
                .into_iter()
                .all(|port| answers(Ipv4Addr::LOCALHOST, port))
        })?;
        Ok(broker)
    }
}

/// What `boot.sh` finds of any broker in its environment.
pub(super) fn surroundings() -> Result<[(&'static str, OsString); 4]> {
    let tree = tree::ensure()?;
    Ok([
        ("OWNER", tree::owner(&tree)?.into()),
        ("TREE", tree.into()),
        ("PLUGINS", PLUGINS.into()),
        ("HOME", "/var/lib/rabbitmq".into()),
    ])
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

/// Whether anything listens there.
pub(super) fn answers(host: impl Into<IpAddr>, port: u16) -> bool {
    TcpStream::connect_timeout(&SocketAddr::new(host.into(), port), CONNECT).is_ok()
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
