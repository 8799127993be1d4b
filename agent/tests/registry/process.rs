//! A real registry process on loopback, with a disk of its own; it ends with the test.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const READY_WITHIN: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(20);

pub(crate) struct Registry {
    /// `127.0.0.1:port`.
    pub(crate) address: String,
    process: Child,
    dir: tempfile::TempDir,
}

/// What is not the same for all tests: further parts of its configuration.
pub(crate) fn start(delete: bool, further: impl FnOnce(&Path) -> String) -> Registry {
    let program = std::env::var("SHADOW_TEST_REGISTRY").unwrap_or_else(|_| {
        panic!(
            "SHADOW_TEST_REGISTRY is not set: run `cargo xtask registry run -- cargo test -p shadow-agent`"
        )
    });
    let dir = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let configuration = format!(
        "version: 0.1\nlog: {{level: error, accesslog: {{disabled: true}}}}\n\
         storage: {{filesystem: {{rootdirectory: \"{}\"}}, delete: {{enabled: {delete}}}}}\n{}",
        dir.path().join("data").display(),
        further(dir.path()).replace("ADDRESS", &address.to_string()),
    );
    let path = dir.path().join("registry.yml");
    std::fs::write(&path, configuration).unwrap();
    // Whatever becomes of this test, the kernel ends the registry with it.
    let process = Command::new("setpriv")
        .args(["--pdeathsig", "KILL", "--", &program, "serve"])
        .arg(&path)
        .stdout(Stdio::null())
        .stderr(std::fs::File::create(dir.path().join("log")).unwrap())
        .spawn()
        .unwrap();
    let mut registry = Registry {
        address: address.to_string(),
        process,
        dir,
    };
    registry.wait_until_served(address);
    registry
}

/// Anonymous, plain HTTP.
pub(crate) fn plain(delete: bool) -> Registry {
    start(delete, |_| "http: {addr: \"ADDRESS\"}\n".to_owned())
}

impl Registry {
    fn wait_until_served(&mut self, address: SocketAddr) {
        let deadline = Instant::now() + READY_WITHIN;
        while TcpStream::connect_timeout(&address, POLL).is_err() {
            let log = || std::fs::read_to_string(self.dir.path().join("log")).unwrap();
            assert!(
                self.process.try_wait().unwrap().is_none(),
                "the registry ended: {}",
                log()
            );
            assert!(Instant::now() < deadline, "the registry is not ready: {}", log());
            std::thread::sleep(POLL);
        }
    }

    /// Asks the registry itself, past the agent.
    pub(crate) async fn get(&self, path: &str, accept: &str) -> reqwest::Response {
        let url = format!("http://{}{path}", self.address);
        reqwest::Client::new()
            .get(url)
            .header("accept", accept)
            .send()
            .await
            .unwrap()
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}
