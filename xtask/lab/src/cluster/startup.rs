//! Starting a cluster, step by step, until both nodes are Ready.

use std::fs::{self, File};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};
use nix::fcntl::{Flock, FlockArg};

use super::deadline::wait_for;
use super::layout::{API_SERVER, Layout, NODES, REGISTRY};
use super::progress::step;
use super::services::{logged, open_log};
use super::{Cluster, cache, credentials, forward, processes, teardown};

/// Preferred, so that a kubeconfig copied elsewhere keeps working across restarts.
const API_PORT: u16 = 16443;
const REGISTRY_PORT: u16 = 15000;
/// This program, also when its file is gone.
pub const OWN_PROGRAM: &str = "/proc/self/exe";
const PATIENCE: Duration = Duration::from_secs(90);

/// Held while a cluster is started or ended; two at a time would take each other apart.
pub(super) fn lock(layout: &Layout) -> anyhow::Result<Flock<File>> {
    fs::create_dir_all(&layout.cache).with_context(|| format!("creating {}", layout.cache.display()))?;
    let path = layout.cache.join("cluster.lock");
    let file = File::create(&path).with_context(|| format!("opening {}", path.display()))?;
    match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(lock) => Ok(lock),
        Err((_, nix::errno::Errno::EWOULDBLOCK)) => {
            bail!("another `cargo xtask cluster up` or `down` is at work; wait for it")
        }
        Err((_, error)) => Err(error).with_context(|| format!("locking {}", path.display())),
    }
}

/// Starts a cluster where none is. Whoever calls holds the lock.
pub(super) fn start(cluster: &Cluster) -> anyhow::Result<()> {
    let layout = &cluster.layout;
    cache::fill(layout)?;
    let box_step = step("box");
    teardown::claim_run_folder(layout)?;
    for folder in ["bin", "logs"] {
        fs::create_dir_all(layout.run.join(folder)).context("creating the run folder")?;
    }
    copy_program(layout)?;
    credentials::create(layout)?;
    start_box(layout)?;
    let api = forward::start(layout, "api", API_PORT, API_SERVER)?;
    let registry = forward::start(layout, "registry", REGISTRY_PORT, REGISTRY)?;
    credentials::write_kubeconfig(layout, "admin", &api, &layout.kubeconfig())?;
    box_step.done(format!("API at https://{api}, registry at {registry}"));
    wait_for_api(cluster)?;
    wait_for_registry(cluster)?;
    wait_for_nodes(cluster)
}

/// Through /proc, because a build during a long first start replaces the file this program came from.
fn copy_program(layout: &Layout) -> anyhow::Result<()> {
    let to = layout.program();
    fs::copy(OWN_PROGRAM, &to).with_context(|| format!("copying this program to {}", to.display()))?;
    fs::set_permissions(&to, fs::Permissions::from_mode(0o755))
        .with_context(|| format!("making {} runnable", to.display()))
}

fn start_box(layout: &Layout) -> anyhow::Result<()> {
    let mut command = Command::new("setsid");
    command.args([
        "unshare",
        "--fork",
        "--pid",
        "--kill-child",
        "--mount",
        "--net",
        "--uts",
        "--ipc",
    ]);
    command.args(["--mount-proc", "--propagation", "private"]);
    command
        .arg(layout.program())
        .args(["cluster", "box-init"])
        .envs(layout.environment());
    let log = layout.log("box");
    let mut outer = logged(command, &open_log(&log)?)?
        .spawn()
        .context("starting the box with unshare")?;
    wait_for("the box's first process", Duration::from_secs(10), || {
        if let Some(status) = outer.try_wait().context("looking at the box")? {
            bail!("the box ended at once ({status}):\n{}", cache::last_lines(&log)?);
        }
        processes::box_init(layout)
    })
    .map(drop)
}

fn wait_for_api(cluster: &Cluster) -> anyhow::Result<()> {
    let api = step("API server");
    wait_for("the API server to be ready", PATIENCE, || {
        alive(cluster)?;
        Ok(quiet(cluster.kubectl(["get", "--raw", "/readyz"]))?.filter(|answer| answer == "ok"))
    })
    .with_context(|| hint(cluster, "kube-apiserver"))?;
    api.done("ready");
    Ok(())
}

fn wait_for_registry(cluster: &Cluster) -> anyhow::Result<()> {
    let registry = step("registry");
    wait_for("the registry to listen", PATIENCE, || {
        alive(cluster)?;
        answers_http(&cluster.registry()?)
    })
    .with_context(|| hint(cluster, "registry"))?;
    registry.done(format!("{REGISTRY} inside"));
    Ok(())
}

/// A connection alone proves nothing: the forwarder accepts it before it knows whether anybody listens behind it.
fn answers_http(address: &str) -> anyhow::Result<Option<()>> {
    use std::io::{Read as _, Write as _};
    let mut stream =
        TcpStream::connect(address).with_context(|| format!("reaching the forwarder at {address}"))?;
    stream
        .set_read_timeout(Some(Duration::from_secs(2)))
        .context("limiting the wait for an answer")?;
    let mut answer = Vec::new();
    let asked = stream
        .write_all(b"GET /v2/ HTTP/1.0\r\n\r\n")
        .and_then(|()| stream.read_to_end(&mut answer));
    Ok((asked.is_ok() && answer.starts_with(b"HTTP/1.")).then_some(()))
}

fn wait_for_nodes(cluster: &Cluster) -> anyhow::Result<()> {
    let nodes = step("nodes");
    let ready = r#"jsonpath={range .items[*]}{.metadata.name}={.status.conditions[?(@.type=="Ready")].status}{"\n"}{end}"#;
    wait_for("both nodes to be Ready", PATIENCE, || {
        alive(cluster)?;
        let answer = quiet(cluster.kubectl(["get", "nodes", "--output", ready]))?.unwrap_or_default();
        let all = NODES
            .iter()
            .all(|node| answer.lines().any(|line| line == format!("{}=True", node.name)));
        Ok(all.then_some(()))
    })
    .with_context(|| {
        format!(
            "{}{}",
            hint(cluster, "node-a.kubelet"),
            hint(cluster, "node-b.kubelet")
        )
    })?;
    nodes.done("node-a and node-b are Ready");
    Ok(())
}

fn alive(cluster: &Cluster) -> anyhow::Result<()> {
    if processes::box_init(&cluster.layout)?.is_none() {
        bail!(
            "the box died:\n{}",
            cache::last_lines(&cluster.layout.log("box"))?
        );
    }
    Ok(())
}

/// The output of a command that may fail for now.
fn quiet(mut command: Command) -> anyhow::Result<Option<String>> {
    let output = command
        .stderr(Stdio::null())
        .output()
        .context("starting kubectl")?;
    Ok(output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).into_owned()))
}

fn hint(cluster: &Cluster, component: &str) -> String {
    let path = cluster.layout.log(component);
    match cache::last_lines(&path) {
        Ok(lines) => format!("the end of {}:\n{lines}", path.display()),
        Err(error) => format!("{error:#}\n"),
    }
}
