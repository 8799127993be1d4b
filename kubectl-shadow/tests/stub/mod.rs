//! An API server for tests, which keeps what it was asked. What it answers is told by the test, request by request
//! ([`Stub::that_answers`]), or by the objects that it holds ([`Stub::of`]); [`one`] knows a single migration that changes with time.
#![allow(
    dead_code,
    unused_imports,
    reason = "each program of tests needs a part of it"
)]

mod http;
pub(crate) mod one;
mod store;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};

pub(crate) use http::{Answer, Asked, failure, list};
pub(crate) use store::Cluster;

const PLUGIN: &str = env!("CARGO_BIN_EXE_kubectl-shadow");

/// A running one, with a folder for the program that asks it. Both end with the test.
pub(crate) struct Stub {
    /// Kubeconfig, and whatever else a test needs; its own home folder.
    pub(crate) folder: PathBuf,
    pub(crate) address: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    cluster: Arc<Mutex<Cluster>>,
    _home: tempfile::TempDir,
}

impl Stub {
    pub(crate) fn that_answers(answer: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Self {
        Self::new(answer, Arc::default())
    }

    /// One that holds objects in memory: what a test puts in is what the program is shown.
    pub(crate) fn of(cluster: Cluster) -> Self {
        let cluster = Arc::new(Mutex::new(cluster));
        let shown = Arc::clone(&cluster);
        Self::new(move |asked| shown.lock().unwrap().answer(asked), cluster)
    }

    fn new(answer: impl Fn(&Asked) -> Answer + Send + Sync + 'static, cluster: Arc<Mutex<Cluster>>) -> Self {
        let (address, asked) = http::served(answer);
        let home = tempfile::tempdir().unwrap();
        let stub = Self {
            folder: home.path().to_owned(),
            address,
            asked,
            cluster,
            _home: home,
        };
        stub.has_config(&stub.address, "", "{}");
        stub
    }

    /// Writes the kubeconfig again: where the server is, what else is said of the cluster, and the user.
    pub(crate) fn has_config(&self, server: &str, of_cluster: &str, user: &str) {
        let config = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: prod\nclusters:\n- name: c\n  cluster: {{server: 'http://{server}'{of_cluster}}}\n\
             contexts:\n- {{name: prod, context: {{cluster: c, user: u, namespace: shop}}}}\n- {{name: test, context: {{cluster: c, user: u}}}}\n\
             users:\n- name: u\n  user: {user}\n"
        );
        std::fs::write(self.kubeconfig(), config).unwrap();
    }

    pub(crate) fn kubeconfig(&self) -> PathBuf {
        self.folder.join("config")
    }

    pub(crate) fn writes(&self, name: &str, text: &str) -> PathBuf {
        let file = self.folder.join(name);
        std::fs::write(&file, text).unwrap();
        file
    }

    /// Everything that was asked.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// Changes that were asked for; questions of rights are none.
    pub(crate) fn changes(&self) -> Vec<Asked> {
        let is_change = |asked: &Asked| asked.method != "GET" && !asked.place().contains("reviews");
        self.asked().into_iter().filter(is_change).collect()
    }

    /// The same without dry runs.
    pub(crate) fn lasting_changes(&self) -> Vec<Asked> {
        let lasts = |asked: &Asked| !asked.query().contains("dryRun");
        self.changes().into_iter().filter(lasts).collect()
    }

    /// The objects that it holds now.
    pub(crate) fn holds<T>(&self, look: impl FnOnce(&Cluster) -> T) -> T {
        look(&self.cluster.lock().unwrap())
    }

    /// The program, with this home folder and this kubeconfig.
    pub(crate) fn program(&self, args: &[&str]) -> Command {
        program(&self.folder, args)
    }

    pub(crate) fn runs(&self, args: &[&str]) -> Output {
        self.program(args).output().unwrap()
    }
}

/// The program with nothing of this machine's own settings.
pub(crate) fn program(home: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(PLUGIN);
    command
        .args(args)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap());
    command.env("HOME", home).env("KUBECONFIG", home.join("config"));
    command
}

/// Compares with a file of `tests/screens`; `UPDATE_SCREENS=1` writes it anew.
pub(crate) fn snapshot(name: &str, text: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/screens");
    let path = folder.join(name);
    if std::env::var_os("UPDATE_SCREENS").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(text == expected, "{name} changed; now:\n{text}");
}

pub(crate) fn out(output: &Output) -> String {
    text(&output.stdout)
}

pub(crate) fn err(output: &Output) -> String {
    text(&output.stderr)
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
