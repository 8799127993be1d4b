//! Everything that an object or a list of them was, not only what it is when one looks.

use std::fs::{self, File};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};
use tempfile::NamedTempFile;

use crate::cluster::Cluster;

/// A running `kubectl get --watch`.
pub struct Watch {
    process: Child,
    lines: NamedTempFile,
}

impl Watch {
    /// Watches `what` (arguments of `kubectl get`); one line for each state, made by `template` (JSONPath).
    pub fn start(cluster: &Cluster, what: &[&str], template: &str) -> Result<Self> {
        let lines = NamedTempFile::new().context("make a file for what is watched")?;
        let output = format!("--output=jsonpath={template}{{\"\\n\"}}");
        let mut arguments = vec!["get", "--watch", &output];
        arguments.extend_from_slice(what);
        let mut kubectl: Command = cluster.kubectl(arguments);
        let file: File = lines.reopen().context("open the file for what is watched")?;
        let process = kubectl
            .stdin(Stdio::null())
            .stdout(file)
            .stderr(Stdio::null())
            .spawn()
            .context("start kubectl get --watch")?;
        Ok(Self { process, lines })
    }

    /// Ends the watch and returns what it saw.
    pub fn finish(mut self) -> Result<Vec<String>> {
        self.end()?;
        let text = fs::read_to_string(self.lines.path()).context("read what was watched")?;
        Ok(text.lines().map(str::to_owned).collect())
    }

    fn end(&mut self) -> Result<()> {
        self.process.kill().context("end kubectl get --watch")?;
        self.process.wait().context("wait for kubectl").map(drop)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let ended = self.process.try_wait().is_ok_and(|status| status.is_some());
        if !ended && let Err(error) = self.end() {
            eprintln!("{error:#}");
        }
    }
}
