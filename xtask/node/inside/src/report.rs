//! Tells the world outside of the machine what holds.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result, bail};
use nix::time::{ClockId, clock_gettime};
use xtask_node::told::Told;

use crate::pods::entries;

/// The kernel lists its lines here, by other names.
const LINES: &str = "/sys/class/virtio-ports";

/// The serial line.
pub(crate) struct Report(File);

impl Report {
    /// Opens the line of that name.
    pub(crate) fn to(name: &str) -> Result<Self> {
        for line in entries(Path::new(LINES))? {
            let named = fs::read_to_string(line.join("name")).unwrap_or_default();
            if named.trim() == name {
                let device = Path::new("/dev").join(line.file_name().unwrap_or_default());
                let opened = OpenOptions::new().write(true).open(&device);
                return Ok(Self(
                    opened.with_context(|| format!("open {}", device.display()))?,
                ));
            }
        }
        bail!("{LINES} has no line {name}")
    }

    pub(crate) fn fact(&mut self, name: &str, value: &str) -> Result<()> {
        self.tell(&Told::Fact {
            name: name.to_owned(),
            value: value.trim().to_owned(),
        })
    }

    /// Tells how a claim came out, and hands on what it brought.
    pub(crate) fn claim<T>(&mut self, claim: &str, outcome: Result<T>) -> Result<Option<T>> {
        let (claim, at_seconds) = (claim.to_owned(), since_boot()?);
        Ok(match outcome {
            Ok(value) => {
                self.tell(&Told::Passed { claim, at_seconds })?;
                Some(value)
            }
            Err(error) => {
                let why = format!("{error:#}");
                self.tell(&Told::Failed {
                    claim,
                    at_seconds,
                    why,
                })?;
                None
            }
        })
    }

    pub(crate) fn end(&mut self) -> Result<()> {
        self.tell(&Told::End)
    }

    fn tell(&mut self, told: &Told) -> Result<()> {
        let line = serde_json::to_string(told).context("write a line")?;
        println!("{line}");
        writeln!(self.0, "{line}").context("tell the world outside")
    }
}

fn since_boot() -> Result<u64> {
    let now = clock_gettime(ClockId::CLOCK_BOOTTIME).context("read the clock")?;
    Ok(u64::try_from(now.tv_sec()).unwrap_or_default())
}
