//! The first process of a namespace: starts services, starts them again when they end, reaps everything else.
//!
//! A service that ends is started at once, unless it lived less than a second, which costs a short delay.
//! Processes a service leaves behind (the shims of containers) live on and are reaped here when they end.

use std::fs::{File, OpenOptions};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;
use nix::errno::Errno;
use nix::sys::wait::{WaitStatus, waitpid};

const SHORT_LIFE: Duration = Duration::from_secs(1);
const DELAY: Duration = Duration::from_millis(300);

/// What to do when a service ends.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// Start it again.
    Restart,
    /// Leave it: a node that lost its first process is a node that lost its power.
    Stay,
}

struct Service {
    name: String,
    command: Command,
    ending: Ending,
    pid: Option<u32>,
    started: Instant,
}

/// The services of one machine.
#[derive(Default)]
pub(super) struct Services {
    services: Vec<Service>,
}

impl Services {
    /// Starts a service and keeps it running from `watch` on. Returns its process id.
    pub(super) fn start(&mut self, name: &str, command: Command, ending: Ending) -> anyhow::Result<u32> {
        let mut service = Service {
            name: name.to_owned(),
            command,
            ending,
            pid: None,
            started: Instant::now(),
        };
        let pid = service.start()?;
        self.services.push(service);
        Ok(pid)
    }

    /// Waits for children for ever. Must run in the first process of a pid namespace.
    pub(super) fn watch(mut self) -> anyhow::Result<()> {
        loop {
            let status = match waitpid(None, None) {
                Ok(status) => status,
                Err(Errno::EINTR) => continue,
                Err(Errno::ECHILD) => anyhow::bail!("no service is left to watch"),
                Err(error) => return Err(error).context("waiting for the next child to end"),
            };
            let Some(pid) = status.pid() else { continue };
            let ended = self
                .services
                .iter_mut()
                .find(|service| service.pid == u32::try_from(pid.as_raw()).ok());
            if let Some(service) = ended {
                service.ended(status)?;
            }
        }
    }
}

impl Service {
    fn start(&mut self) -> anyhow::Result<u32> {
        let child = self
            .command
            .spawn()
            .with_context(|| format!("starting {}", self.name))?;
        self.pid = Some(child.id());
        self.started = Instant::now();
        println!("{} started as process {}", self.name, child.id());
        Ok(child.id())
    }

    fn ended(&mut self, status: WaitStatus) -> anyhow::Result<()> {
        let life = self.started.elapsed();
        println!(
            "{} ended after {:.1} s: {status:?}",
            self.name,
            life.as_secs_f64()
        );
        self.pid = None;
        match self.ending {
            Ending::Stay => return Ok(()),
            Ending::Restart if life < SHORT_LIFE => thread::sleep(DELAY),
            Ending::Restart => {}
        }
        self.start().map(drop)
    }
}

/// Opens a log for appending; an opened log is written to also after the file system was changed.
pub(super) fn open_log(path: &Path) -> anyhow::Result<File> {
    OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .with_context(|| format!("opening the log {}", path.display()))
}

/// Sends both outputs of a command to a log.
pub(super) fn logged(mut command: Command, log: &File) -> anyhow::Result<Command> {
    let out = log.try_clone().context("sharing a log file")?;
    let err = log.try_clone().context("sharing a log file")?;
    command
        .stdin(Stdio::null())
        .stdout(Stdio::from(out))
        .stderr(Stdio::from(err));
    Ok(command)
}
