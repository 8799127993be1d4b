//! Restarts the container runtime and waits until it answers. Running containers are not touched: their shims go on.

use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tracing::info;

use super::{InstallError, Runtime, containerd, crio};
use crate::node::{NodeError, runc};

const WITHIN: Duration = Duration::from_secs(60);
const LOOK_AGAIN: Duration = Duration::from_millis(100);
/// HTTP/2 connection preface and an empty SETTINGS frame: whoever speaks gRPC answers with its own SETTINGS.
const HELLO: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00";

/// Restarts it.
pub fn restart(runtime: Runtime) -> Result<(), InstallError> {
    let (name, socket) = match runtime {
        Runtime::Containerd => ("containerd", containerd::SOCKET),
        Runtime::Crio => ("crio", crio::SOCKET),
    };
    let begun = Instant::now();
    if Path::new("/run/systemd/system").exists() {
        let program = runc::find_program("systemctl", None)?;
        let status = Command::new(&program)
            .args(["restart", name])
            .status()
            .map_err(NodeError::at("start", &program))?;
        if !status.success() {
            return Err(InstallError::Unfit(format!(
                "systemctl restart {name}: {status}. To see why, type on the node: journalctl -u {name}"
            )));
        }
    } else {
        let pid = find_process(name)?;
        kill(Pid::from_raw(pid), Signal::SIGTERM).map_err(NodeError::call("stop the container runtime"))?;
        wait(
            || !is_process(pid, name),
            || format!("{name} (process {pid}) does not stop"),
        )?;
    }
    wait(
        || answers(socket).is_ok(),
        || format!("{name} does not answer on {socket} after its restart"),
    )?;
    info!(
        runtime = name,
        micros = begun.elapsed().as_micros(),
        "container runtime restarted"
    );
    Ok(())
}

fn wait(done: impl Fn() -> bool, why: impl Fn() -> String) -> Result<(), InstallError> {
    let deadline = Instant::now() + WITHIN;
    while !done() {
        if Instant::now() > deadline {
            return Err(InstallError::Unfit(why()));
        }
        thread::sleep(LOOK_AGAIN);
    }
    Ok(())
}

fn answers(socket: &str) -> io::Result<()> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(Duration::from_secs(2)))?;
    stream.write_all(HELLO)?;
    let mut frame = [0; 9];
    stream.read_exact(&mut frame)
}

/// The runtime of the node itself, not one that runs in a container.
fn find_process(name: &str) -> Result<i32, InstallError> {
    let proc = Path::new("/proc");
    for entry in fs::read_dir(proc).map_err(InstallError::at("read folder", proc))? {
        let entry = entry.map_err(InstallError::at("read folder", proc))?;
        let Ok(pid) = entry.file_name().to_string_lossy().parse::<i32>() else {
            continue;
        };
        if is_process(pid, name) {
            return Ok(pid);
        }
    }
    Err(InstallError::Unfit(format!(
        "there is no process {name} on this node; restart the container runtime yourself"
    )))
}

fn is_process(pid: i32, name: &str) -> bool {
    let dir = Path::new("/proc").join(pid.to_string());
    let comm = fs::read_to_string(dir.join("comm")).unwrap_or_default();
    let namespace = |dir: &Path| fs::read_link(dir.join("ns/mnt")).ok();
    comm.trim() == name && namespace(&dir).is_some() && namespace(&dir) == namespace(Path::new("/proc/1"))
}
