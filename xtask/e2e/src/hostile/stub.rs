//! Brokers and a management API that lie, on a port of a node, as a pod of any user could.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::thread;

use anyhow::{Context, Result, anyhow};
use nix::sched::{CloneFlags, setns};
use xtask_lab::cluster::Cluster;

use super::words::{method, nested, start, tune};

/// What is served.
#[derive(Clone, Copy, Debug)]
pub(super) enum Lie {
    /// A broker that allows frames of any length.
    NoLimitOfFrames,
    /// A broker that asks for frames of 16 MiB.
    LargeFrames,
    /// A broker whose first words hold 15,000 tables in one another.
    NestedTables,
    /// A broker that says nothing.
    Silence,
    /// A management API whose answers have no end.
    EndlessAnswers,
}

impl Lie {
    pub(super) const ALL: [Self; 5] = [
        Self::NoLimitOfFrames,
        Self::LargeFrames,
        Self::NestedTables,
        Self::Silence,
        Self::EndlessAnswers,
    ];

    /// The next one is said whenever something was read.
    fn words(self) -> Vec<Vec<u8>> {
        let opened = method(10, 41, &[0]);
        match self {
            Self::NoLimitOfFrames => vec![start(&nested(1)), tune(0), opened],
            Self::LargeFrames => vec![start(&nested(1)), tune(16 << 20), opened],
            Self::NestedTables => vec![start(&nested(15_000))],
            Self::Silence => Vec::new(),
            Self::EndlessAnswers => vec![
                b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n".to_vec(),
            ],
        }
    }

    /// Serves it on a port of the node, as long as this program runs.
    pub(super) fn serve(self, cluster: &Cluster, node: &str) -> Result<u16> {
        let network = format!("/proc/{}/ns/net", cluster.node_pid(node)?);
        let network = File::open(network).context("open the network of the node")?;
        let bind = move || {
            setns(network, CloneFlags::CLONE_NEWNET).context("enter the network of the node")?;
            TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).context("listen on the node")
        };
        let bound = thread::spawn(bind).join();
        let listener = bound.map_err(|_| anyhow!("the thread that listens ended by itself"))??;
        let port = listener.local_addr().context("read the port")?.port();
        thread::spawn(move || {
            for client in listener.incoming() {
                match client {
                    Ok(client) => drop(thread::spawn(move || self.say(client))),
                    Err(error) => println!("     {self:?} cannot be served: {error}"),
                }
            }
        });
        Ok(port)
    }

    /// Until the client has enough.
    fn say(self, mut client: TcpStream) {
        let mut read = [0; 4_096];
        for word in self.words() {
            if !matches!(client.read(&mut read), Ok(1..)) || client.write_all(&word).is_err() {
                return;
            }
        }
        if let Self::EndlessAnswers = self {
            let spaces = vec![b' '; 1 << 20];
            while client.write_all(&spaces).is_ok() {}
        }
        while matches!(client.read(&mut read), Ok(1..)) {}
    }
}
