//! A real Prometheus (Debian's package) in the network of a node of the local cluster.
//!
//! Guarantees: when [`Prometheus::start`] returns, it answers queries; when the value is dropped, or this process dies in whatever
//! way, no process, mount or file of it is left.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tempfile::TempDir;

use crate::cluster::{Cluster, wait_for};
use crate::debian::Recipe;
use crate::fed::fed;
use crate::stage::capture;

const BOOT: &str = include_str!("boot.sh");
/// On the node's loopback.
const ADDRESS: &str = "127.0.0.1:19090";
const READY: Duration = Duration::from_secs(60);

const TREE: Recipe = Recipe {
    name: "prometheus-sid-1",
    what: "prometheus",
    packages: "prometheus",
    unused: &[],
    emptied: &["var/lib/prometheus"],
    finish,
};

fn finish(tree: &Path) -> Result<String> {
    for program in ["prometheus", "promtool"] {
        let path = tree.join("usr/bin").join(program);
        ensure!(path.exists(), "the package prometheus has no {}", path.display());
    }
    Ok("prometheus and promtool are there".to_owned())
}

/// Where its files are, as it and promtool see them.
pub const FILES: &str = "/srv/files";

/// A running one.
pub struct Prometheus {
    cluster: Cluster,
    node: &'static str,
    tree: PathBuf,
    files: TempDir,
    process: Child,
    log: File,
}

impl Prometheus {
    /// Starts it with these files, of which `prometheus.yml` is the configuration.
    pub fn start(cluster: &Cluster, files: &[(&str, &str)]) -> Result<Self> {
        let tree = TREE.ensure()?;
        let folder = tempfile::tempdir().context("make a folder for Prometheus' configuration")?;
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).with_context(|| format!("write {name}"))?;
        }
        let node = Cluster::node_names()[0];
        let log = tempfile::tempfile().context("open a file for Prometheus' log")?;
        let pid = cluster.node_pid(node)?.to_string();
        let mut command = Command::new("nsenter");
        command.args(["--target", &pid, "--net", "--"]);
        command.args(["unshare", "--fork", "--pid", "--kill-child", "--mount"]);
        command.args(["sh", "-c", BOOT, "prometheus", "serve", "/usr/bin/prometheus"]);
        command.args([
            &format!("--config.file={FILES}/prometheus.yml"),
            "--storage.tsdb.path=/srv/data",
            &format!("--web.listen-address={ADDRESS}"),
        ]);
        let process = command
            .env("TREE", &tree)
            .env("WORK", folder.path())
            .stdin(Stdio::piped())
            .stdout(log.try_clone()?)
            .stderr(log.try_clone()?)
            .spawn()
            .context("start Prometheus")?;
        let mut started = Self {
            cluster: cluster.clone(),
            node,
            tree,
            files: folder,
            process,
            log,
        };
        let ready = wait_for("Prometheus to answer", READY, || {
            Ok(started.ask("/-/ready", &[]).is_ok().then_some(()))
        });
        ready.with_context(|| started.last_words())?;
        Ok(started)
    }

    /// What its HTTP API answers.
    pub fn api(&self, path: &str, parameters: &[(&str, &str)]) -> Result<Value> {
        let answer = self.ask(&format!("/api/v1/{path}"), parameters)?;
        let answer: Value = serde_json::from_str(&answer).context("Prometheus answered no JSON")?;
        ensure!(answer["status"] == "success", "{path} {parameters:?}: {answer}");
        Ok(answer["data"].clone())
    }

    fn ask(&self, path: &str, parameters: &[(&str, &str)]) -> Result<String> {
        let mut curl = self.cluster.run_on_node(self.node, "curl")?;
        curl.args(["--silent", "--show-error", "--max-time", "10", "--get"]);
        for (name, value) in parameters {
            curl.arg("--data-urlencode").arg(format!("{name}={value}"));
        }
        // Its error is in the body.
        let fails = if path.starts_with("/api") {
            "--fail-with-body"
        } else {
            "--fail"
        };
        capture_with(curl, fails, &format!("http://{ADDRESS}{path}"))
    }

    /// Runs promtool beside the files; they are in [`FILES`].
    pub fn promtool(&self, arguments: &[&str], input: &str) -> Result<String> {
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", BOOT, "promtool", "/usr/bin/promtool"]);
        command
            .args(arguments)
            .env("TREE", &self.tree)
            .env("WORK", self.files.path());
        let output = fed(&mut command, input)?;
        let said = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        let said = said.concat();
        ensure!(
            output.status.success(),
            "promtool {}: {said}",
            arguments.join(" ")
        );
        Ok(said)
    }

    fn last_words(&mut self) -> String {
        let mut words = String::new();
        let read = self
            .log
            .seek(SeekFrom::Start(0))
            .and_then(|_| self.log.read_to_string(&mut words));
        match read {
            Ok(_) => format!("what Prometheus said:\n{words}"),
            Err(error) => format!("its log cannot be read: {error}"),
        }
    }
}

fn capture_with(mut curl: Command, fails: &str, url: &str) -> Result<String> {
    curl.arg(fails).arg(url);
    capture(curl)
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        if let Err(error) = self.process.wait() {
            eprintln!("prometheus: waiting for its end: {error}");
        }
    }
}
