//! A way into the cluster's network from the host's loopback.
//!
//! The listening socket is made in the host's network and handed to a process in the box's; it ends with the box.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::os::fd::{AsFd as _, OwnedFd};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::Context;

use super::layout::Layout;
use super::processes;
use super::services::open_log;

/// Starts forwarding to `target` and returns the host's address; `name` names the log and the address file.
pub(super) fn start(layout: &Layout, name: &str, port: u16, target: &str) -> anyhow::Result<String> {
    // A taken port is no reason to fail: any other serves as well.
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .or_else(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))
        .with_context(|| format!("listening on the loopback for {name}"))?;
    let address = listener
        .local_addr()
        .context("reading the forwarder's address")?
        .to_string();
    let init = processes::box_init(layout)?.context("the box is gone; its log is box.log")?;
    let log = open_log(&layout.log(&format!("forward-{name}")))?;
    let mut command = Command::new("setsid");
    command.args(["nsenter", "--target", &init.pid.to_string(), "--pid", "--net"]);
    command
        .arg(layout.program())
        .args(["cluster", "forwarder", target])
        .envs(layout.environment());
    command.stdin(Stdio::from(OwnedFd::from(listener)));
    command
        .stdout(Stdio::from(log.try_clone().context("sharing a log file")?))
        .stderr(Stdio::from(log));
    command
        .spawn()
        .with_context(|| format!("starting the forwarder of {name}"))?;
    let file = layout.forwarded(name);
    fs::write(&file, &address).with_context(|| format!("writing {}", file.display()))?;
    Ok(address)
}

/// Serves the socket at standard input until it is killed.
pub(super) fn serve(target: &str) -> anyhow::Result<()> {
    let socket = io::stdin()
        .as_fd()
        .try_clone_to_owned()
        .context("taking the socket handed over")?;
    let listener = TcpListener::from(socket);
    loop {
        match listener.accept() {
            Ok((client, _)) => {
                let target = target.to_owned();
                thread::spawn(move || {
                    if let Err(error) = join(client, &target) {
                        println!("a connection to {target} ended: {error}");
                    }
                });
            }
            Err(error) => {
                println!("cannot accept: {error}");
                thread::sleep(Duration::from_millis(100));
            }
        }
    }
}

fn join(client: TcpStream, target: &str) -> io::Result<()> {
    let server = TcpStream::connect(target)?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (client_read, server_write) = (client.try_clone()?, server.try_clone()?);
    let up = thread::spawn(move || copy(client_read, server_write));
    let down = copy(server, client);
    match up.join() {
        Ok(up) => up.and(down),
        Err(_) => Err(io::Error::other("the copying thread failed")),
    }
}

/// Copies until the end of `from` and passes the end on.
fn copy(mut from: TcpStream, mut to: TcpStream) -> io::Result<()> {
    let copied = io::copy(&mut from, &mut to).map(drop);
    match to.shutdown(Shutdown::Write) {
        Err(error) if error.kind() != io::ErrorKind::NotConnected => copied.and(Err(error)),
        Ok(()) | Err(_) => copied,
    }
}
